"""What Helm gets for one file: decrypted and verified, or as it is where it is plaintext and may be."""

from __future__ import annotations

import os
import stat
import sys

from ksecrets import decrypt
from ksecrets.errors import KsecretsError, SyntaxRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def content(path: str, session: Session) -> Content:
    """Read one file, or standard input for `-`; a pipe is read only here, since it can be read only once.

    A plaintext file passes as it is, unless its environment wants it encrypted. It need not be YAML or UTF-8:
    --set-file takes anything.

    Raises KsecretsError: there is no such file, it cannot be decrypted, or it must not be plaintext.
    """
    regular = path != "-" and _is_regular(path)
    try:
        text = None if regular else _text(raw := _read(path), path)
        opened = decrypt(path, text=text, plain="pass", session=session)
        return Content(opened.text.encode(), on_disk=regular and not opened.encrypted)
    except SyntaxRefused:
        if regular:
            raw = _read(path)
        if _TOKEN in raw:
            raise
    # Not a text that could have been encrypted. Whether it may be plaintext is a matter of its place alone.
    decrypt(path, text="", plain="pass", session=session)
    return Content(raw, on_disk=regular)


def exists(path: str) -> bool:
    """Whether there is something to read."""
    return path == "-" or os.path.exists(path)


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
