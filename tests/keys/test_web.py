"""HTTP to key services: what a server can do to us, and for how long."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from ksecrets.errors import ServiceFailed
from ksecrets.keys.remote import Access
from ksecrets.keys.web import LARGEST_ANSWER, Origin, origin, parts, reason_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Script = Callable[[socket.socket, int], None]


@contextlib.contextmanager
def served(script: Script) -> Iterator[tuple[str, list[int]]]:
    """A server of one's own: `script` gets each connection and its number. Gives its address and who came."""
    came: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(len(came))
            threading.Thread(target=talk, args=(connection, came[-1]), daemon=True).start()

    def talk(connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            script(connection, number)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answering(*answers: bytes, end: bool = True) -> Script:
    """One answer for each request of a connection, then its end."""

    def script(connection: socket.socket, _number: int) -> None:
        for answer in answers:
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            connection.sendall(answer)
        if not end:
            connection.recv(1)

    return script


def ask(address: str, seconds: float = 5.0, scheme: str = "http") -> str:
    """`ok`, or the reason of the failure; within its time."""
    began = time.monotonic()
    try:
        Origin(f"{scheme}://{address}", {}).ask("GET", "/", deadline=began + seconds).json()
    except ServiceFailed as error:
        return error.reason
    finally:
        assert time.monotonic() - began < seconds + 1.5
    return "ok"


def test_a_connection_is_used_again_and_replaced_when_it_was_closed() -> None:
    access = Access({})
    with served(answering(OK, OK)) as (address, came):
        server = origin(f"http://{address}", access)
        assert origin(f"http://{address}", access) is server
        for connections in (1, 1, 2, 2, 3):
            assert server.ask("POST", "/", deadline=time.monotonic() + 5, body=b"{}").json() == {}
            assert len(came) == connections


def test_threads_have_connections_of_their_own() -> None:
    together = threading.Barrier(4)

    def script(connection: socket.socket, _number: int) -> None:
        while connection.recv(65536):
            together.wait(10)
            connection.sendall(OK)

    with served(script) as (address, came):
        server = Origin(f"http://{address}", {})
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(server.ask("GET", "/", deadline=time.monotonic() + 10).status))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
        assert (found, len(came)) == ([200] * 4, 4)


def silence(connection: socket.socket, _number: int) -> None:
    while connection.recv(65536):
        pass


def byte_by_byte(connection: socket.socket, _number: int) -> None:
    """Each byte comes in time, the whole never does."""
    connection.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.3)


@pytest.mark.parametrize("script", [silence, byte_by_byte])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_deadline_holds_whatever_the_server_does(script: Script, scheme: str) -> None:
    """In the TLS handshake, too."""
    with served(script) as (address, _):
        assert ask(address, 1.0, scheme) == "timeout"


@pytest.mark.parametrize("script", [silence, byte_by_byte])
def test_a_deadline_holds_after_the_tls_handshake(script: Script, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def within(connection: socket.socket, number: int) -> None:
        with context.wrap_socket(connection, server_side=True) as inner:
            script(inner, number)

    with served(within) as (address, came):
        server = Origin(f"https://{address}", {"SSL_CERT_FILE": str(tmp_path / "ca.pem")})
        began = time.monotonic()
        with pytest.raises(ServiceFailed) as caught:
            server.ask("GET", "/", deadline=began + 2)
        assert (caught.value.reason, len(came)) == ("timeout", 1)
        assert time.monotonic() - began < 4


def test_a_question_starts_no_thread_once_there_is_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand questions would otherwise start a thousand."""
    with served(answering(OK, OK)) as (address, _):
        server = Origin(f"http://{address}", {})
        server.ask("GET", "/", deadline=time.monotonic() + 5)
        started: list[object] = []
        monkeypatch.setattr(threading.Thread, "start", started.append)
        assert server.ask("GET", "/", deadline=time.monotonic() + 5).json() == {}
        assert started == []


def test_a_server_without_tls() -> None:
    with served(lambda connection, _: connection.sendall(b"220 mail.example.org ESMTP\r\n" * 10)) as (address, _):
        assert ask(address, scheme="https") in ("tls", "cut")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OK, "ok"),
        (b"", "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", "cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "cut"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST_ANSWER + 1), "answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LARGEST_ANSWER + 1), "answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, "answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", "answer"),
    ],
)
def test_answers(answer: bytes, reason: str) -> None:
    with served(answering(answer)) as (address, _):
        assert ask(address) == reason


def test_a_value_cannot_become_a_header() -> None:
    with served(answering(OK)) as (address, _):
        server = Origin(f"http://{address}", {})
        with pytest.raises(ServiceFailed):
            server.ask("GET", "/", deadline=time.monotonic() + 5, headers={"Authorization": "x\r\nX-Evil: 1"})


@pytest.mark.parametrize(
    "text", ["", "a", "https://", "https://a:x", "https://a/b", "https://u@a", "ftp://a", "https://[x"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ServiceFailed) as caught:
        parts(text)
    assert caught.value.reason == "missing"


def test_addresses_and_statuses() -> None:
    assert parts("https://A.example/") == ("https", "a.example", 443)
    assert parts("http://[::1]:80") == ("http", "::1", 80)
    statuses = {401: "credentials", 403: "denied", 404: "missing", 429: "throttled", 503: "unavailable", 302: "answer"}
    assert {code: reason_of(code) for code in statuses} == statuses
    with pytest.raises(ServiceFailed) as caught:
        Origin("http://kms.example.org", {})
    assert caught.value.reason == "tls"
