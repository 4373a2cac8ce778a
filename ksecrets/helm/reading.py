"""What Helm gets for one file: decrypted and verified, or as it is where it is plaintext and may be."""

from __future__ import annotations

import os
import stat
import sys

from ksecrets import decrypt
from ksecrets.errors import KsecretsError, SyntaxRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets import Session

_TOKEN = b"ENC[AES256_GCM,"


class Content:
    """What to give Helm; its repr shows none of it.

    data: the bytes. on_disk: Helm would read the same bytes at the path itself, since it is plaintext in a regular
    file.
    """

    __slots__ = ("data", "on_disk")

    def __init__(self, data: bytes, *, on_disk: bool) -> None:
        self.data = data
        self.on_disk = on_disk

    def __repr__(self) -> str:
        return "<Content>"


def content(path: str, session_of: Callable[[], Session]) -> Content:
    """Read one file, or standard input for `-`; a pipe is read only here, since it can be read only once.

    A plaintext file passes as it is, unless its environment wants it encrypted. It need not be YAML or UTF-8:
    --set-file takes anything. session_of: makes the session, after it was seen that the file is there.

    Raises KsecretsError: there is no such file, it cannot be decrypted, or it must not be plaintext.
    """
    if path == "-" or not _is_regular(path):
        return _opened(_read(path), path, session_of())
    session = session_of()
    try:
        opened = decrypt(path, plain="pass", session=session)
        return Content(opened.data, on_disk=not opened.encrypted)
    except SyntaxRefused:
        raw = _read(path)
        if _TOKEN in raw:
            raise
    # Not a text that could have been encrypted. Whether it may be plaintext is a matter of its place alone.
    decrypt(path, text="", plain="pass", session=session)
    return Content(raw, on_disk=True)


def decrypted(raw: bytes, name: str, session_of: Callable[[], Session]) -> Content:
    """The same for content from somewhere else, for which no rules hold; `name` is for messages."""
    if _TOKEN not in raw:
        return Content(raw, on_disk=False)
    try:
        return _opened(raw, "-", session_of())
    except KsecretsError as error:
        error.file = name
        raise


def raw_content(path: str) -> Content:
    """A file as it is. Raises KsecretsError where it cannot be read."""
    regular = path != "-" and _is_regular(path)
    return Content(_read(path), on_disk=regular)


def _opened(raw: bytes, path: str, session: Session) -> Content:
    """Content that stands at no path, or at that of a pipe."""
    try:
        return Content(decrypt(path, text=_text(raw, path), plain="pass", session=session).data, on_disk=False)
    except SyntaxRefused:
        if _TOKEN in raw:
            raise
    decrypt(path, text="", plain="pass", session=session)
    return Content(raw, on_disk=False)


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        raise KsecretsError("no such file", file=path) from None
    except OSError as error:
        raise KsecretsError(f"cannot be read: {error.strerror}", file=path) from None


def _read(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb", buffering=0) as stream:
            return stream.readall()
    except OSError as error:
        raise KsecretsError(f"cannot be read: {error.strerror}", file=path) from None


def _text(raw: bytes, path: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass  # its error would hold all of the bytes
    raise SyntaxRefused("not UTF-8 text", file=path)
