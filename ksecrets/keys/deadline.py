"""Connections that end at a deadline, whatever the server does: a socket's own time-out counts from byte to byte, and
a server that sends one now and then could keep us for ever.

Deadlines are times of `time.monotonic`.
"""

from __future__ import annotations

import io
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from http.client import HTTPConnection
    from typing import Any


class Timed:
    """A connected socket for http.client: every wait of it ends at `deadline`, with TimeoutError.

    It starts no thread, so that a thousand questions do not start a thousand.
    """

    __slots__ = ("_socket", "deadline")

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket = connected
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        # the time-out of the socket holds for all of it; what we send is one record of TLS
        self._begin()
        self._socket.sendall(data)

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """What http.client reads an answer from; it may outlive `close`, as that of a socket may."""
        return io.BufferedReader(_Reader(self, self._socket.makefile("rb", buffering=0)))

    def close(self) -> None:
        self._socket.close()

    def _begin(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._socket.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, timed: Timed, raw: Any) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._timed._begin()
        found: int | None = self._raw.readinto(buffer)
        return found

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class Stopper:
    """Ends a connection that is still being made at the deadline; until then nobody but http.client and TLS has it."""

    __slots__ = ("_connection", "_deadline", "_timer", "stopped")

    def __init__(self, connection: HTTPConnection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._timer: Any = None
        self.stopped = False

    def __enter__(self) -> None:
        import threading

        left = max(0.0, self._deadline - time.monotonic())
        self._timer = threading.Timer(left, self._stop)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *raised: object) -> None:
        self._timer.cancel()

    def _stop(self) -> None:
        import socket

        self.stopped = True
        found = self._connection.sock
        if found is not None:
            try:
                # a thread that waits in recv() is woken by this, not by a close
                socket.socket.shutdown(found, socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass
