"""`A..B`, `A...B` and `A..` as two revisions, and when a word is one of these and not a path."""

from __future__ import annotations

import os

from ksecrets.errors import UsageError


class Span:
    """base, head: revisions. merge_base: compare with where the two parted."""

    __slots__ = ("base", "head", "merge_base")

    def __init__(self, base: str, head: str, merge_base: bool) -> None:
        self.base = base
        self.head = head
        self.merge_base = merge_base


def span(word: str) -> Span | None:
    """The two revisions of a range, where an empty side is HEAD; None for a word that is a path.

    No revision begins with a dot, and none holds two of them (git-check-ref-format(1)): `./A..B` is always a path.
    Raises UsageError where a file has the name of the range: a change could bring that file, and go unjudged.
    """
    base, dots, head = word.partition("..")
    merge_base = head.startswith(".")
    head = head[1:] if merge_base else head
    if not dots or word.startswith(".") or head[:1] in (".", "/") or ".." in head or not (base or head):
        return None
    if os.path.lexists(word):
        raise UsageError(f"{word!r} is both a range of commits and a file here", hint=f"./{word} is the file")
    return Span(base or "HEAD", head or "HEAD", merge_base)
