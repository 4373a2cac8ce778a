"""A new age identity, and the places where it can be kept.

The format is that of age-keygen: a comment with the time, a comment with the recipient, the identity.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.keys.identities import keyring_marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class NewIdentity:
    """public: the recipient. text: the three lines of age-keygen. secret: the identity alone."""

    __slots__ = ("public", "secret", "text")

    def __init__(self, public: str, secret: str, text: str) -> None:
        self.public = public
        self.secret = secret
        self.text = text

    def __repr__(self) -> str:
        return f"<NewIdentity {self.public}>"


def generate(*, pq: bool = False) -> NewIdentity:
    """A new identity, from the system's random numbers. It is nowhere but in this object.

    pq: post-quantum (ML-KEM-768 with X25519) instead of X25519 alone; raises ConfigError where that cannot be had.
    """
    import time

    if pq:
        from ksecrets.keys.age import pq as hybrid

        public, secret = hybrid.generate()
    else:
        import pyrage

        native = pyrage.x25519.Identity.generate()
        secret, public = str(native), str(native.to_public())
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return NewIdentity(public, secret, f"# created: {created}\n# public key: {public}\n{secret}\n")


def write_new(path: str, identity: NewIdentity) -> None:
    """Put it into a new file (mode 0600; folders that are missing: 0700). Raises ConfigError where the file exists.

    A failure leaves no file behind.
    """
    _make_folder(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    except FileExistsError:
        raise ConfigError("this file exists, and may hold a key that is needed", file=path) from None
    except OSError as error:
        raise KsecretsError(f"cannot be written: {str(error.strerror).lower()}", file=path) from None
    try:
        _write(descriptor, identity.text)
    except OSError as error:
        os.unlink(path)
        raise KsecretsError(f"cannot be written: {str(error.strerror).lower()}", file=path) from None
    finally:
        os.close(descriptor)


def add_to(path: str, identity: NewIdentity) -> None:
    """Put it at the end of a file of identities, or into a new one; what is there stays as it is.

    The file is locked meanwhile, others lose the right to read it, and a failure takes the new lines away again.
    """
    _make_folder(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _FLAGS, 0o600)
    except OSError as error:
        raise KsecretsError(f"cannot be written: {str(error.strerror).lower()}", file=path) from None
    try:
        _lock(descriptor)
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 and os.name == "posix":
            os.fchmod(descriptor, status.st_mode & 0o700)
        size = status.st_size
        text = identity.text
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            text = ("" if os.read(descriptor, 1) == b"\n" else "\n") + text
        try:
            _write(descriptor, text)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    except OSError as error:
        raise KsecretsError(f"cannot be written: {str(error.strerror).lower()}", file=path) from None
    finally:
        os.close(descriptor)


def keep_in_keyring(identity: NewIdentity, environ: Mapping[str, str]) -> None:
    """Put it into the keyring of the system, and its public half into the marker that says so.

    Raises ConfigError where there is no keyring, or the extra is not installed.
    """
    from ksecrets.keys import keyring

    keyring.store(identity.public, identity.secret)
    marker = keyring_marker(environ)
    if marker is not None:
        add_to(marker, NewIdentity(identity.public, "", identity.public + "\n"))


_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def _make_folder(path: str) -> None:
    folder = os.path.dirname(path)
    if not folder:
        return
    try:
        _make_private(folder)
    except OSError as error:
        raise KsecretsError(f"cannot be made: {error.strerror}", file=folder) from None


def _make_private(folder: str) -> None:
    # os.makedirs gives its mode to the last folder only
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent and parent != folder:
        _make_private(parent)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise


def _write(descriptor: int, text: str) -> None:
    data = text.encode("ascii")
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: the append alone must do
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
