"""Random values files and random edits of them, for the tests of merging; the same for the same seed."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

# Read once, before any test's environment hides them.
_ROUNDS = os.environ.get("KSECRETS_MERGE_ROUNDS")
_SECONDS = float(os.environ.get("KSECRETS_MERGE_SECONDS", "inf"))

LONG = _ROUNDS is not None
"""Whether this is the long run: KSECRETS_MERGE_ROUNDS rounds, and at most KSECRETS_MERGE_SECONDS for each test."""


def rounds(few: int) -> Iterator[int]:
    """The numbers of the rounds: `few` of them in CI, more in the long run, as long as there is time."""
    end = time.monotonic() + _SECONDS
    for number in range(few if _ROUNDS is None else int(_ROUNDS)):
        if time.monotonic() > end:
            return
        yield number


class Values:
    """A values file as sections of entries. `text` writes it, `meaning` is what it says, by path."""

    def __init__(self, sections: dict[str, dict[str, list[str]]]) -> None:
        self.sections = sections

    @property
    def text(self) -> str:
        lines = ["# written by a test"]
        for name, entries in self.sections.items():
            lines.append(f"{name}:" if entries else f"{name}: {{}}")
            for key, (kind, value, comment) in entries.items():
                if comment:
                    lines.append(f"  # {comment}")
                if kind == "block":
                    lines += [f"  {key}: |", *(f"    {line}" for line in value.split())]
                elif kind == "quoted":
                    lines.append(f'  {key}: "{value}"   # quoted')
                elif kind == "list":
                    lines += [f"  {key}:", *(f"  - {item}" for item in value.split())]
                else:
                    lines.append(f"  {key}: {value}")
            lines.append("")
        return "\n".join(lines)

    @property
    def meaning(self) -> dict[tuple[str, str], tuple[str, str]]:
        return {(s, k): (e[0], e[1]) for s, entries in self.sections.items() for k, e in entries.items()}

    def copy(self) -> Values:
        return Values({name: {key: list(entry) for key, entry in of.items()} for name, of in self.sections.items()})


def word(dice: random.Random) -> str:
    return "s3cret" + "".join(dice.choice("abcdefghij") for _ in range(8))


def entry(dice: random.Random) -> list[str]:
    kind = dice.choice(["plain", "plain", "quoted", "block", "list"])
    value = " ".join(word(dice) for _ in range(dice.randint(1, 4) if kind in ("block", "list") else 1))
    return [kind, value, dice.choice(["", "", "about it", word(dice)])]


def values(dice: random.Random) -> Values:
    return Values({f"section{n}": {f"key{m}": entry(dice) for m in range(dice.randint(1, 9))} for n in range(4)})


def edited(before: Values, dice: random.Random, mine: str, untouched: set[tuple[str, str]]) -> Values:
    """Some random edits of what is not in `untouched`; what was edited is put into it."""
    after = before.copy()
    for _ in range(dice.randint(1, 4)):
        section = dice.choice(list(after.sections))
        entries = after.sections[section]
        free = [key for key in entries if (section, key) not in untouched]
        what = dice.choice(["change", "change", "add", "remove"])
        if what == "add" or not free:
            key = f"{mine}{dice.randint(0, 999)}"
            where = dice.randint(0, len(entries))
            items = list(entries.items())
            after.sections[section] = dict([*items[:where], (key, entry(dice)), *items[where:]])
        elif what == "remove" and len(entries) > 2:  # never the last one, or its section would change as well
            key = dice.choice(free)
            del entries[key]
        else:
            key = dice.choice(free)
            entries[key][1] = " ".join(word(dice) for _ in entries[key][1].split())
        untouched.add((section, key))
    return after


def git_merge(folder: Path, base: str, ours: str, theirs: str) -> str | None:
    """git's own merge of three texts, None where it conflicts."""
    for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_text(text)
    done = subprocess.run(
        ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"], cwd=folder, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None


def merged_meaning(base: Values, ours: Values, theirs: Values) -> dict[tuple[str, str], tuple[str, str]]:
    """What a merge of the two sides must say, where they edited different entries."""
    was, left, right = base.meaning, ours.meaning, theirs.meaning
    found = {}
    for path in {**was, **left, **right}:
        value = right.get(path) if left.get(path) == was.get(path) else left.get(path)
        if value is not None:
            found[path] = value
    return found
