"""Which scalars and comments of a file a selector chooses, with sops's meaning.

A suffix or regex is tested against every mapping key on the path; a comment goes by the path of the collection that it
stands in. A comment regex looks at the comments before an item, at every level above it, cleared after each item.
Source: sops.go, `Tree.shouldBeEncrypted`.
"""

from __future__ import annotations

from ksecrets.text.node import COMMENT, DOCUMENT, END, LIST, MAP, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ksecrets.rules.selector import Selector
    from ksecrets.text.node import Frame, Node


class Choice:
    """The selector at work on one file.

    nodes: a scan of the whole text, needed (and read) only for a selector that goes by comments, since the comment
    behind a value counts for the value before it.
    """

    __slots__ = ("_by_comment", "_known", "_picks", "_test", "value")

    def __init__(self, selector: Selector, nodes: Iterable[Node]) -> None:
        self._test = selector.test
        self._known: dict[str, bool] = {}
        self._picks = selector.picks_matches
        self._by_comment = _commented(selector, nodes) if selector.by_comment else frozenset()
        self.value: Callable[[Frame, str | int | None, str | None, int], bool] = (
            self._value_by_comments if selector.by_comment else self._value_by_path
        )
        """Whether a scalar is chosen, by its frame, key, form of the key, and start (see `text.node.Node`)."""

    def of(self, node: Node) -> bool:
        """Whether this scalar, alias or comment is chosen."""
        if node.kind == COMMENT:
            return self.value(node.frame, None, None, node.start)
        return self.value(node.frame, node.key, node.key_form, node.start)

    def _value_by_path(self, frame: Frame, key: str | int | None, form: str | None, start: int) -> bool:
        matched = frame.matched
        if matched is None:
            matched = self._frame(frame)
        if not matched and form is not None:
            matched = self._known.get(key)  # type: ignore[arg-type]
            if matched is None:
                matched = self._known[key] = self._test(key)  # type: ignore[index,arg-type]
        return matched == self._picks and not frame.in_key

    def _value_by_comments(self, frame: Frame, key: str | int | None, form: str | None, start: int) -> bool:
        return (start in self._by_comment) == self._picks and not frame.in_key

    def _frame(self, frame: Frame) -> bool:
        unknown = [frame]
        above = frame.parent
        while above is not None and above.matched is None:
            unknown.append(above)
            above = above.parent
        matched = above is not None and bool(above.matched)
        known = self._known
        for each in reversed(unknown):
            key = each.key
            if not matched and isinstance(key, str):
                found = known.get(key)
                matched = known[key] = self._test(key) if found is None else found
            each.matched = matched
        return matched


def _commented(selector: Selector, nodes: Iterable[Node]) -> set[int]:
    """Starts of the scalars and comments that a comment regex matches."""
    found: set[int] = set()
    # Per open collection: has a comment before the item at hand matched? The first level is that of comments above the
    # first document, which belong to its first item.
    levels: list[bool] = [False]
    above = False
    last: Node | None = None
    for node in nodes:
        if node.kind == COMMENT:
            matches = selector.test(node.value)
            # `encrypted_comment_regex` skips the matching line itself, the other one does not.
            if any(levels) or (matches and not selector.picks_matches):
                found.add(node.start)
            if matches and levels:
                if node.key_form == "trailing" and last is not None and last.line == node.line:
                    found.add(last.start)
                else:
                    levels[-1] = True
            continue
        if node.kind == DOCUMENT:
            above = any(levels)
            levels = []
        elif node.kind in (MAP, LIST):
            levels.append(above)
            above = False
        elif node.kind == END:
            if levels:
                levels.pop()
            if levels:
                levels[-1] = False
        elif node.kind == SCALAR:
            if above or any(levels):
                found.add(node.start)
            above = False
            if levels:
                levels[-1] = False
        last = node if node.kind == SCALAR else None
    return found
