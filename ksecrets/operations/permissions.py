"""Who may read and write the files that this machine's trust stands on, as `doctor` says it. POSIX only."""

from __future__ import annotations

import os
import stat

from ksecrets.keys.identities import PREFIXES, keys_path
from ksecrets.operations.trouble import Trouble
from ksecrets.repository.trust import record_path
from ksecrets.rules import FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.people.scope import Scope, Secret
    from ksecrets.operations.session import Session

_OTHERS = 0o077
_OTHERS_WRITE = 0o022


def of_keys(session: Session) -> list[Trouble]:
    """Files with private keys that others can read, and folders in which others could exchange them."""
    if os.name != "posix":
        return []
    from shlex import quote

    troubles: list[Trouble] = []
    folders: dict[str, str] = {}
    for file in dict.fromkeys(_key_files(session)):
        try:
            status = os.stat(file)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if status.st_mode & _OTHERS:
            text = f"{file} holds private keys, and others can read it (mode {_mode(status):04o})"
            troubles.append(Trouble("key-mode", "error", text, f"chmod 600 {quote(file)}"))
        folders.setdefault(os.path.dirname(os.path.realpath(file)), file)
    for folder, file in folders.items():
        status = os.stat(folder)
        # In a folder with the sticky bit (/tmp) nobody can exchange what is not theirs.
        if status.st_mode & _OTHERS_WRITE and not status.st_mode & stat.S_ISVTX:
            text = f"others can put another file in the place of {file}: its folder has mode {_mode(status):04o}"
            troubles.append(Trouble("key-folder", "error", text, f"chmod go-w {quote(folder)}"))
    return troubles


def of_repository(found: Scope, secrets: Sequence[Secret]) -> list[Trouble]:
    """Configuration, secrets files and this clone's record of data keys, where everybody can write them, or nobody."""
    if os.name != "posix":
        return []
    from shlex import quote

    troubles = []
    files = [found.file, *(secret.path for secret in secrets)]
    if found.repository is not None:
        files.append(os.path.relpath(record_path(found.repository)))
    for file in files:
        try:
            mode = os.stat(file).st_mode
        except OSError:
            continue  # there is no record yet
        if mode & stat.S_IWOTH:
            what = f"{file} can be written by every user of this machine (mode {mode & 0o777:04o})"
            troubles.append(Trouble("file-mode", "error", what, f"chmod o-w {quote(file)}"))
        elif not mode & stat.S_IWUSR and os.path.basename(file) != FILE:
            what = f"{file} is read-only, so nothing can be written to it (mode {mode & 0o777:04o})"
            troubles.append(Trouble("file-mode", "warning", what, f"chmod u+w {quote(file)}"))
    return troubles


def _key_files(session: Session) -> Iterator[str]:
    environ = session.environ
    home = environ.get("HOME", "")
    for prefix in PREFIXES:
        for name in ("AGE_KEY_FILE", "AGE_SSH_PRIVATE_KEY_FILE"):
            file = environ.get(prefix + name, "")
            if file:
                yield home + file[1:] if home and file.startswith("~/") else file
    usual = keys_path(environ)
    if usual:
        yield usual
    if home:
        yield from (os.path.join(home, ".ssh", name) for name in ("id_ed25519", "id_rsa"))


def _mode(status: os.stat_result) -> int:
    return status.st_mode & 0o777
