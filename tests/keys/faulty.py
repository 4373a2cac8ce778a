"""A proxy between us and a key service that delays, drops, truncates and lies; a listener that must hear nothing."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Request:
    """What came: method, path with its query, headers (names in lower case), body."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


class Answer:
    """What goes back: status, headers, body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Stop(Exception):
    """The connection ends here, without (the rest of) an answer."""


Fault = Callable[["Faulty", Any, Request, Callable[[], Answer]], Answer | None]
"""Gets the proxy, the handler, the request and what asks the real server; gives an answer, None where it wrote one."""


def honest(_proxy: Faulty, _handler: Any, _request: Request, ask: Callable[[], Answer]) -> Answer:
    return ask()


def delay(seconds: float) -> Fault:
    """The answer comes, later."""

    def fault(proxy: Faulty, _handler: Any, _request: Request, ask: Callable[[], Answer]) -> Answer:
        proxy.closing.wait(seconds)
        return ask()

    return fault


def hang(proxy: Faulty, _handler: Any, _request: Request, _ask: Callable[[], Answer]) -> Answer | None:
    """Nothing ever comes."""
    proxy.closing.wait(60)
    raise Stop


def cut(_proxy: Faulty, _handler: Any, _request: Request, _ask: Callable[[], Answer]) -> Answer | None:
    """The connection ends before the answer."""
    raise Stop


def truncate(_proxy: Faulty, handler: Any, _request: Request, ask: Callable[[], Answer]) -> Answer | None:
    """The connection ends in the middle of the answer, which said how long it would be."""
    answer = ask()
    handler.send_answer(Answer(answer.status, answer.headers, answer.body), only=len(answer.body) // 2)
    raise Stop


def drip(proxy: Faulty, handler: Any, _request: Request, ask: Callable[[], Answer]) -> Answer | None:
    """One byte now and then: each comes in time, the whole never does."""
    answer = ask()
    handler.send_answer(answer, only=0)
    with contextlib.suppress(OSError):
        for byte in answer.body:
            if proxy.closing.wait(0.2):
                break
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
    raise Stop


def status(code: int, body: bytes = b"", **headers: str) -> Fault:
    """An answer of our own, without asking the real server."""

    def fault(_proxy: Faulty, _handler: Any, _request: Request, _ask: Callable[[], Answer]) -> Answer:
        return Answer(code, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    return fault


def rewrite(change: Callable[[bytes], bytes]) -> Fault:
    """The real answer with another body: a lie."""

    def fault(_proxy: Faulty, _handler: Any, _request: Request, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        return Answer(answer.status, answer.headers, change(answer.body))

    return fault


class Faulty:
    """The proxy. faults: one for each request to come, then `always`. seen: the requests that came."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.faults: list[Fault] = []
        self.always: Fault = honest
        self.seen: list[Request] = []
        self.closing = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

            def handle_one_request(self) -> None:
                with contextlib.suppress(OSError):
                    super().handle_one_request()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                proxy.seen.append(request)
                fault = proxy.faults.pop(0) if proxy.faults else proxy.always
                try:
                    answer = fault(proxy, self, request, lambda: proxy.ask(request))
                    if answer is not None:
                        self.send_answer(answer)
                except Stop:
                    self.close_connection = True
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_PUT = do_HEAD = do_POST

            def send_answer(self, answer: Answer, *, only: int | None = None) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body if only is None else answer.body[:only])
                self.wfile.flush()

            def log_message(self, *_words: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_words: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def ask(self, request: Request) -> Answer:
        """What the real server says."""
        connection = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=20)
        try:
            headers = {n: v for n, v in request.headers.items() if n not in ("connection", "accept-encoding")}
            connection.request(request.method, request.path, body=request.body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@contextlib.contextmanager
def faulty(upstream: str) -> Iterator[Faulty]:
    proxy = Faulty(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


class Silent:
    """A server that must not be spoken to: `heard` is the first bytes of each connection."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with connection:
                connection.settimeout(0.5)
                try:
                    self.heard.append(connection.recv(4096))
                except OSError:
                    self.heard.append(b"")

    def close(self) -> None:
        # what is under way has time to arrive
        time.sleep(0.1)
        self._closing.set()
        self._thread.join(5)
        self._socket.close()


@contextlib.contextmanager
def silent() -> Iterator[Silent]:
    """The listener; on the way out, nobody may have connected."""
    server = Silent()
    try:
        yield server
    finally:
        server.close()
    assert server.heard == []


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        port: int = there.getsockname()[1]
        return port
