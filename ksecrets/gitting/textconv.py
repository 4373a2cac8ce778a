"""What `git diff` and `git log -p` show of an encrypted file: its plaintext to those with the key.

git gives the path of a file, often a temporary one, and aborts the whole diff where the program fails. So this never
does: what cannot be decrypted is printed as it is, and the exit code is 0. What git shows may come from anybody's
branch, so only what this machine has is used: identities of this user, never a key service, no prompt.
"""

from __future__ import annotations

import os
import sys

from ksecrets.gitting.local import local

_LARGEST = 1 << 26


def main(path: str) -> int:
    """Print the file at `path`, decrypted or as it is. Always returns 0: anything else aborts the diff."""
    try:
        with open(path, "rb", buffering=0) as stream:
            raw = stream.readall()
    except OSError as error:
        _say(f"cannot be read: {path}: {os.strerror(error.errno or 0).lower()}")
        return 0
    _write(_converted(raw, path))
    return 0


def _converted(raw: bytes, path: str) -> bytes:
    if b"sops" not in raw or len(raw) > _LARGEST:
        return raw
    try:
        from ksecrets.errors import KsecretsError, NoIdentity, NotEncrypted, Tampered
        from ksecrets.operations.decrypt import decrypt
        from ksecrets.operations.reading import type_of
        from ksecrets.operations.session import Session

        try:
            # By no path: the one that git gives is a temporary file, or says nothing of which revision this is. But it
            # ends as the file does.
            text = raw.decode("utf-8")
            return decrypt("-", text=text, input_type=type_of(path, text), session=Session(_environment())).data
        except (NotEncrypted, NoIdentity):
            pass  # the usual case of someone without this key
        except Tampered as error:
            _say(f"shown as it is, because it was tampered with: {error.message}")
        except KsecretsError:
            pass
    except Exception:
        pass  # a bug must not break a diff; `ksecrets decrypt` will show it
    return raw


def _environment() -> dict[str, str]:
    """What this machine has. A seal is not required: what is shown here is not used."""
    return {name: value for name, value in local(os.environ).items() if not name.endswith("_REQUIRE_SEAL")}


def _write(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except (OSError, ValueError, AttributeError):
        # git has gone away: nothing is to be said, and nothing is to be tried again at the end.
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except OSError:
            pass


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"ksecrets: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass
