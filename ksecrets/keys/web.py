"""HTTP to a key service, in one attempt that ends before a deadline; what goes wrong is a `ServiceFailed`.

For services whose API is a few JSON calls, so that reading a secret does not load an SDK (docs/key-services.md,
"What a call costs"). Only https, and http to this machine; certificates are checked by the system's authorities or by
those of SSL_CERT_FILE and SSL_CERT_DIR; HTTPS_PROXY, ALL_PROXY and NO_PROXY are followed. A redirect is never followed:
it would carry a token to an address that nobody named. The threads of a process use each other's connections again.
"""

from __future__ import annotations

import time
from _thread import allocate_lock

from ksecrets.errors import ServiceFailed
from ksecrets.keys.deadline import Stopper, Timed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection, HTTPResponse
    from typing import Any

    from ksecrets.keys.remote import Access

LARGEST_ANSWER = 1 << 20
HERE = ("127.0.0.1", "localhost", "::1", "169.254.169.254", "metadata.google.internal")
"""Hosts of this machine: itself, and what the clouds call the metadata of it; they are asked over http, too."""
_PIECE = 1 << 16


class Reply:
    """status, headers (names in lower case), body. Its repr shows the status only: a body may hold a data key."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ServiceFailed (`answer`) for anything else."""
        import json

        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ServiceFailed(f"its answer (HTTP {self.status}) is no JSON object", reason="answer")
        return found

    def error_json(self) -> dict[str, Any]:
        """The body as a JSON object, an empty one where it is anything else: the page of a proxy in between."""
        try:
            return self.json()
        except ServiceFailed:
            return {}

    def __repr__(self) -> str:
        return f"<Reply {self.status}>"


class Origin:
    """One server, `scheme://host[:port]`, and the connections to it that are free."""

    __slots__ = ("_environ", "_free", "_host", "_lock", "_port", "_scheme", "_tls", "text")

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        """Raises ServiceFailed (`tls`) for http to another machine, (`missing`) for what is no such text."""
        self.text = text
        self._environ = environ
        self._scheme, self._host, self._port = parts(text)
        if self._scheme == "http" and self._host not in HERE:
            raise ServiceFailed(
                f"{text} is an http address, and keys travel over https only",
                reason="tls",
                hint="http is for servers on this machine",
            )
        self._free: list[HTTPConnection] = []
        self._lock = allocate_lock()
        self._tls: Any = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """One request, done before the deadline (of `time.monotonic`). path: with its query. Any status is a Reply.

        Raises ServiceFailed where there is no whole answer.
        """
        given = {"Accept": "application/json", "User-Agent": "ksecrets", **(headers or {})}
        with self._lock:
            kept = self._free.pop() if self._free else None
        if kept is not None:
            try:
                return self._exchange(kept, method, path, given, body, deadline)
            except ServiceFailed as error:
                # the server may have closed a connection that waited for us; the calls of key services can be repeated
                if error.reason != "cut":
                    raise
        return self._exchange(self._connection(deadline), method, path, given, body, deadline)

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
    ) -> Reply:
        import http.client

        timed: Any = connection.sock
        timed.deadline = deadline
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            content = _content(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise self._failure(error, deadline) from None
        except ServiceFailed:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                self._free.append(connection)
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, content)

    def _connection(self, deadline: float) -> HTTPConnection:
        import http.client

        left = deadline - time.monotonic()
        if left <= 0:
            raise ServiceFailed("there was no time left to ask it", reason="timeout")
        host, port = self._host, self._port
        proxy = self._proxy()
        if proxy is not None:
            host, port, login = _proxy_parts(proxy)
        kind = http.client.HTTPSConnection if self._scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=left)
        if proxy is not None:
            connection.set_tunnel(self._host, self._port, headers=login)
        stopper = Stopper(connection, deadline)
        try:
            with stopper:
                # the handshake apart from the connection, so that the deadline can end it, too
                http.client.HTTPConnection.connect(connection)
                if self._scheme == "https":
                    connection.sock = self._context().wrap_socket(
                        connection.sock, server_hostname=self._host, do_handshake_on_connect=False
                    )
                    connection.sock.do_handshake()
            made: Any = Timed(connection.sock, deadline)
            connection.sock = made
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            found = self._failure(error, deadline, stopped=stopper.stopped, connecting=True)
            if proxy is not None:
                found.message += f", through the proxy {host}:{port}"
            raise found from None
        return connection

    def _context(self) -> Any:
        if self._tls is None:
            import ssl

            file, folder = self._environ.get("SSL_CERT_FILE") or None, self._environ.get("SSL_CERT_DIR") or None
            try:
                self._tls = ssl.create_default_context(cafile=file, capath=folder)
            except OSError as error:
                why = error.strerror or "no certificates in it"
                raise ServiceFailed(f"{file or folder}: no certificate authorities: {why}", reason="tls") from None
        return self._tls

    def _proxy(self) -> str | None:
        # as curl and the SDKs have it; nothing is imported where no proxy is set
        names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        proxy = next((self._environ[name] for name in names if self._environ.get(name)), None)
        if proxy is None or self._scheme != "https" or self._host in HERE:
            return None
        skipped = self._environ.get("no_proxy") or self._environ.get("NO_PROXY") or ""
        for each in skipped.split(","):
            suffix = each.strip().lstrip(".")
            if suffix == "*" or (suffix and (self._host == suffix or self._host.endswith("." + suffix))):
                return None
        return proxy

    def _failure(
        self, error: Exception, deadline: float, *, stopped: bool = False, connecting: bool = False
    ) -> ServiceFailed:
        import http.client
        import ssl

        if stopped or isinstance(error, TimeoutError) or time.monotonic() >= deadline:
            return ServiceFailed(f"no answer from {self.text} in time", reason="timeout")
        if isinstance(error, ssl.SSLCertVerificationError):
            return ServiceFailed(
                f"the certificate of {self.text} is not trusted ({error.verify_message})",
                reason="tls",
                hint="SSL_CERT_FILE names further certificate authorities",
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            if error.reason == "WRONG_VERSION_NUMBER":
                return ServiceFailed(f"what listens at {self.text} does not speak TLS", reason="tls")
            return ServiceFailed(f"TLS with {self.text} failed ({error.reason or 'no reason given'})", reason="tls")
        if connecting:
            why = error.strerror if isinstance(error, OSError) else None
            return ServiceFailed(
                f"{self.text} cannot be reached ({why or 'the connection was refused'})",
                reason="unreachable",
                hint="is the address right? is a VPN or a proxy needed (HTTPS_PROXY)?",
            )
        if isinstance(error, (OSError, http.client.IncompleteRead, http.client.BadStatusLine)):
            # BadStatusLine: the connection ended where a status line should be, or something else stands there
            return ServiceFailed(f"the connection to {self.text} ended in the middle", reason="cut")
        return ServiceFailed(f"what {self.text} answered is not HTTP", reason="answer")

    def __repr__(self) -> str:
        return f"<Origin {self.text}>"


def origin(text: str, access: Access) -> Origin:
    """The server, the same object for everybody in this process."""
    return access.kept(("origin", text), lambda: Origin(text, access.environ))


def _proxy_parts(proxy: str) -> tuple[str, int, dict[str, str]]:
    """Host and port of a proxy, and the header with which we log in to it. No message shows the password."""
    scheme, found, rest = proxy.partition("://") if "://" in proxy else ("http", "://", proxy)
    login, at, place = rest.rpartition("@")
    if scheme != "http":
        raise ServiceFailed(f"only proxies with http:// can be used, not {scheme[:10]}://", reason="unreachable")
    _, host, port = parts(f"{scheme}{found}{place}")
    if not at:
        return host, port, {}
    from binascii import b2a_base64
    from urllib.parse import unquote_to_bytes

    return host, port, {"Proxy-Authorization": "Basic " + b2a_base64(unquote_to_bytes(login), newline=False).decode()}


def _content(response: HTTPResponse) -> bytes:
    content = b""
    size = response.length or 0
    if response.length is None:
        while len(content) <= LARGEST_ANSWER and (piece := response.read(_PIECE)):
            content += piece
        size = len(content)
    elif size <= LARGEST_ANSWER:
        # in one piece: only then a body that was cut short is an error
        content = response.read()
    if size > LARGEST_ANSWER:
        raise ServiceFailed("its answer is too long", reason="answer")
    return content


def parts(text: str) -> tuple[str, str, int]:
    """`scheme://host[:port]` -> scheme, host in lower case, port. Raises ServiceFailed (`missing`) otherwise."""
    scheme, found, rest = text.partition("://")
    rest = rest.removesuffix("/").lower()
    if rest.startswith("["):
        host, closed, tail = rest[1:].partition("]")
        port = tail.removeprefix(":")
        allowed = "0123456789abcdef:." if closed and tail[:1] in ("", ":") else ""
    else:
        host, _, port = rest.partition(":")
        allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
    well_formed = bool(found and host and allowed) and not host.strip(allowed)
    numbered = port.isascii() and port.isdigit() and int(port) < 1 << 16 if port else not rest.endswith(":")
    if scheme not in ("https", "http") or not well_formed or not numbered:
        shown = "".join(c if c.isprintable() else "?" for c in text[:80])
        raise ServiceFailed(
            f"{shown} is no address of a server", reason="missing", hint="https://HOST[:PORT], without a path"
        )
    return scheme, host, int(port) if port else 443 if scheme == "https" else 80


def reason_of(status: int) -> str:
    """The reason of ServiceFailed that an HTTP status stands for, where the service does not say it better."""
    known = {401: "credentials", 403: "denied", 404: "missing", 408: "timeout", 429: "throttled"}
    return known.get(status) or ("unavailable" if status >= 500 else "answer")
