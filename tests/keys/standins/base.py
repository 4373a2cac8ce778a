"""What our own small servers have in common: a loopback address, a record of what was asked, TLS where it is wanted.

They stand in for services of which no emulator is to be had. Each answers the calls that ksecrets and sops make, in the
documented form, and refuses the rest; none is a proof of what the real service does. docs/key-services.md says which
service was verified against what.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import trustme


@dataclass(frozen=True)
class Asked:
    """One request, as it came in; `host` is the Host header."""

    method: str
    host: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""


@dataclass(frozen=True)
class Answer:
    """What goes back: JSON, or any bytes."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class Standin:
    """A server on 127.0.0.1, from `with` to the end of its block. Subclasses answer; `asked` has every request."""

    tls: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = ()
    """Host names that its certificate is for, beside 127.0.0.1."""

    def __init__(self, authority: trustme.CA | None = None) -> None:
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.standin = self
        self.port: int = self._server.server_address[1]
        if self.tls:
            assert authority is not None, "a server with TLS needs a certificate authority"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1", *self.names).configure_cert(context)
            self._server.tls = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    standin: Standin
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # the handshake belongs to the connection's own thread, so that a client that sends nothing blocks nobody
        if self.tls is not None:
            request.settimeout(10)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 10
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, headers.get("host", ""), path, query, headers, body)
        standin = self.server.standin
        with standin._lock:
            standin.asked.append(asked)
        answer = standin.answer(asked)
        content = answer.body()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the test's standard error."""


class Proxy:
    """A CONNECT proxy that leads real host names to stand-ins, so that a program can be tested with its real addresses.

    routes: host name -> the stand-in whose certificate has that name. Any other host is refused, and all are in
    `asked`, so a test sees where a program wanted to go.
    """

    def __init__(self, routes: dict[str, Standin]) -> None:
        self.routes = routes
        self.asked: list[str] = []
        self.logins: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a thread in accept() is woken by a shutdown, not by a close
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(20)
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(4096)
                if not chunk:
                    return
                head += chunk
            line, *headers = head.decode().split("\r\n")
            method, target, _ = line.split(" ")
            for header in headers:
                if header.lower().startswith("proxy-authorization: basic "):
                    self.logins.append(base64.b64decode(header.split(" ")[2]).decode())
                    self.logins = list(dict.fromkeys(self.logins))
            self.asked.append(target)
            standin = self.routes.get(target.removesuffix(":443"))
            if method != "CONNECT" or standin is None:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", standin.port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join(20)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def write_authority(authority: trustme.CA, folder: Path) -> Path:
    """The certificate of the authority in a file, for SSL_CERT_FILE."""
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
