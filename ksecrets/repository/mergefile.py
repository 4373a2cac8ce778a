"""git's own line merge of three texts, in memory-backed private storage: they may be plaintext.

`git merge-file` needs no repository. It gets its own folder as the working folder and its ceiling, so that no
configuration and no attributes of a repository count, and prints the result instead of writing it.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.repository.process import environment, start
from ksecrets.storage.private import Folder

MARKER = 7
_LARGE_MARKER = 97  # no line of a values file begins with so many; only for what we read ourselves


def merge_lines(base: str, ours: str, theirs: str) -> str | None:
    """The merge of three texts where git can do it, else None. Every byte counts, line ends too."""
    code, text = _run(base, ours, theirs)
    return text if code == 0 else None


def merge_hunks(base: str, ours: str, theirs: str) -> list[str | tuple[str, str, str]] | None:
    """The merge of three texts as clean texts and conflicts (base, ours, theirs), in order; None where git cannot
    say (a text that it takes for binary).
    """
    code, text = _run(base, ours, theirs, "--diff3", f"--marker-size={_LARGE_MARKER}")
    return None if text is None or code > 127 else _parsed(text)


def merge_with_markers(base: str, ours: str, theirs: str) -> str:
    """What git itself would leave in the file; raises KsecretsError where it cannot say."""
    code, text = _run(base, ours, theirs, f"--marker-size={MARKER}")
    if text is None or code > 127:
        raise KsecretsError("git cannot merge these files as text")
    return text


def _run(base: str, ours: str, theirs: str, *options: str) -> tuple[int, str | None]:
    with Folder() as folder:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            folder.write(name, text)
        inherited = environment(os.environ, folder.path, folder.path)
        words = ("-c", "merge.conflictStyle=merge", "merge-file", "-p", "-q", *options)
        words += ("-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs")
        process = start(words, folder.path, inherited)
        out, _ = process.communicate()
    try:
        return process.returncode, out.decode("utf-8")
    except UnicodeDecodeError:
        return 255, None


def _parsed(text: str) -> list[str | tuple[str, str, str]]:
    marks = [char * _LARGE_MARKER for char in "<|=>"]
    found: list[str | tuple[str, str, str]] = []
    parts = ["", "", "", ""]  # clean, ours, base, theirs
    state = 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        whole = line + "\n" if number < len(lines) - 1 else line
        if line.startswith(marks[state]) and line[_LARGE_MARKER : _LARGE_MARKER + 1] in ("", " ", "\r"):
            if state == 0:
                found.append(parts[0])
            elif state == 3:
                found.append((parts[2], parts[1], parts[3]))
                parts = ["", "", "", ""]
            state = (state + 1) % 4
        else:
            parts[state] += whole
    found.append(parts[0])
    return [each for each in found if each != ""]
