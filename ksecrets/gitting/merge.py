"""The merge driver: git gives three files and a path, and takes what then stands in the second.

Exit code 0 says that it is merged, 1 that it is not: git then keeps the three versions in its index for
`ksecrets resolve`, and stops. Whatever goes wrong is 1; more would make git give up the merge of all files. What is
left in the working tree is, without a key, a merge that waits for somebody to seal it; else git's own merge of the
encrypted texts: tokens between markers, never a plaintext.
"""

from __future__ import annotations

import os
import sys

from ksecrets.gitting.local import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.session import Session

_LARGEST = 1 << 26


def main(base: str, ours: str, theirs: str, path: str) -> int:
    """Merge three files, of git's `%O %A %B`, into the second. path: `%P`, below the working folder."""
    try:
        return _merged(base, ours, theirs, path)
    except Exception as problem:  # a bug must not end a merge of other files
        _say(f"{path}: not merged: {type(problem).__name__}")
    return 1


def _merged(base: str, ours: str, theirs: str, path: str) -> int:
    from ksecrets.errors import KsecretsError, NoIdentity

    try:
        texts = [_read(name).decode("utf-8") for name in (base, ours, theirs)]
    except UnicodeDecodeError:
        _say(f"{path}: not merged: a version is not UTF-8")
        return 1
    except OSError as error:
        _say(f"{path}: not merged: {os.strerror(error.errno or 0).lower()}")
        return 1
    from ksecrets.operations.merging.merge import merge
    from ksecrets.operations.session import Session

    session = Session(local(os.environ))
    try:
        done = merge(path, *texts, session=session)
    except NoIdentity as error:
        if _without_key(path, texts, ours, session):
            return 1
        _say(f"{path}: not merged: {error.message}")
        return _left_to_git(texts, ours, path)
    except KsecretsError as error:
        _say(f"{path}: not merged: {error.message}")
        return _left_to_git(texts, ours, path)
    _notes(session)
    _write(ours, done.text)
    if done.conflicts:
        values = "1 value" if done.conflicts == 1 else f"{done.conflicts} values"
        _say(f"{path}: {values} to decide: ksecrets resolve {path}")
        return 1
    return 0


def _without_key(path: str, texts: list[str], ours: str, session: Session) -> bool:
    """Merge what can be merged by the tokens alone; says what is to be done next."""
    from ksecrets.errors import KsecretsError
    from ksecrets.operations.merging.keyless import merge_without_key

    try:
        done = merge_without_key(path, *texts, session=session)
    except KsecretsError as error:
        _say(f"{path}: {error.message}")
        return False
    _write(ours, done.text)
    if done.conflicts:
        values = "1 value" if done.conflicts == 1 else f"{done.conflicts} values"
        _say(f"{path}: {values} to decide, by somebody with a key: ksecrets resolve {path}")
    else:
        _say(f"{path}: merged without a key, and nobody can read it before somebody with a key has sealed it;")
        _say(f"  with a key: ksecrets resolve {path}; without: git add it, commit the merge, ask for `ksecrets sync`")
    return True


def _left_to_git(texts: list[str], ours: str, path: str) -> int:
    """What git would make of the texts as they are. A plaintext side is not put beside an encrypted one."""
    from ksecrets.operations.reading import looks_encrypted
    from ksecrets.repository.mergefile import merge_lines, merge_with_markers

    encrypted = [looks_encrypted(text) for text in texts[1:]]
    if not any(encrypted):
        merged = merge_lines(*texts)
        if merged is not None:
            _write(ours, merged)
            return 0
    if all(encrypted) or not any(encrypted):
        _write(ours, merge_with_markers(*texts))
    _say(f"when all else is merged, with a key: ksecrets resolve {path}")
    return 1


def _read(name: str) -> bytes:
    with open(name, "rb", buffering=0) as stream:
        raw = stream.readall()
    if len(raw) > _LARGEST:
        raise OSError(27, "too large")
    return raw


def _write(name: str, text: str) -> None:
    with open(name, "r+b") as stream:  # git's own temporary file: it is there
        stream.write(text.encode("utf-8"))
        stream.truncate()


def _notes(session: Session) -> None:
    for note in session.told():
        _say(note)


def _say(text: str) -> None:
    try:
        sys.stderr.write("ksecrets: " + "".join(c if c.isprintable() else "?" for c in text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass
