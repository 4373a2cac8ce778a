"""The error for a path at which there is nothing, with what was probably meant."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

_MANY = 10_000  # names in a folder: beyond, nobody looks for a similar one


def missing(path: str) -> KsecretsError:
    """The error to raise: of the nearest name where one is near, else from where the path was looked for."""
    if not path:
        return KsecretsError("an empty path", hint="name a file")
    if os.path.islink(path):
        return KsecretsError("a symbolic link to nothing", file=path, hint=f"it leads to {os.readlink(path)}")
    near = _near(path)
    if near is not None:
        return KsecretsError("no such file", file=path, hint=f"did you mean {near}?")
    if os.path.isabs(path):
        return KsecretsError("no such file", file=path)
    return KsecretsError("no such file", file=path, hint=f"paths begin in {os.path.abspath(os.curdir)}")


def _near(path: str) -> str | None:
    """The path with its first part that does not exist replaced by what is there and similar."""
    import difflib

    parts = os.path.normpath(path).split(os.sep)
    for number, part in enumerate(parts):
        before = os.sep.join(parts[:number]) or (os.sep if number else "")
        if os.path.lexists(os.path.join(before, part or os.sep)):
            continue
        try:
            names = os.listdir(before or os.curdir)
        except OSError:
            return None
        if len(names) > _MANY:
            return None
        found = difflib.get_close_matches(part, names, n=1, cutoff=0.6)
        if not found:
            return None
        corrected = os.path.join(before, found[0])
        whole = os.path.join(corrected, *parts[number + 1 :])
        return whole if os.path.lexists(whole) else corrected
    return None
