"""Which scalars and comments of a file a selector chooses, with sops's meaning.

A suffix or regex is tested against every mapping key on the path; a comment goes by the path of the collection that it
stands in. A comment regex looks at the comments before an item, at every level above it, cleared after each item.
Source: sops.go, `Tree.shouldBeEncrypted`.
"""

from __future__ import annotations

from ksecrets.text.node import ALIAS, COMMENT, DOCUMENT, END, KEY, LIST, MAP, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ksecrets.rules.selector import Selector
    from ksecrets.text.node import Frame, Node


class Choice:
    """The selector at work on one file.

    nodes: a scan of the whole text, needed (and read) only for a selector that goes by comments, since the comment
    behind a value counts for the value before it. text: what was scanned.
    """

    __slots__ = ("_by_comment", "_comments", "_known", "_picks", "_test")

    def __init__(self, selector: Selector, nodes: Iterable[Node], text: str) -> None:
        self._test = selector.test
        self._known: dict[str, bool] = {}
        self._picks = selector.picks_matches
        self._comments = selector.by_comment
        self._by_comment = _commented(selector, nodes, text) if selector.by_comment else frozenset()

    def of(self, node: Node) -> bool:
        """Whether this scalar, alias or comment is chosen."""
        if node.kind == COMMENT:
            return self.value(node.frame, None, None, node.start)
        return self.value(node.frame, node.key, node.key_form, node.start)

    def value(self, frame: Frame, key: str | int | None, form: str | None, start: int) -> bool:
        """Whether a scalar is chosen, by its frame, key, form of the key, and start (see `text.node.Node`)."""
        if self._comments:
            return (start in self._by_comment) == self._picks and not frame.in_key
        matched = frame.matched
        if matched is None:
            matched = self._frame(frame)
        if not matched and form is not None:
            matched = self._known.get(key)  # type: ignore[arg-type]
            if matched is None:
                matched = self._known[key] = self._test(key)  # type: ignore[index,arg-type]
        return matched == self._picks and not frame.in_key

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


class _Level:
    """An open collection. matched: a comment before the item at hand did. coming: one before the item after that, which
    stands in the text before the item at hand has ended. begun: its first item has ended. starts: of the scalars in
    a flow collection; first: how many of them are in its first item.
    """

    __slots__ = ("begun", "coming", "first", "frame", "is_key", "matched", "starts")

    def __init__(self, frame: Frame, *, is_key: bool) -> None:
        self.frame = frame
        self.is_key = is_key
        self.matched = False
        self.coming = False
        self.begun = False
        self.starts: list[int] = []
        self.first = 0

    def item_ended(self) -> None:
        self.matched, self.coming = self.coming, False
        if not self.begun:
            self.begun, self.first = True, len(self.starts)


class _Commented:
    """Finds the scalars and comments that belong to a comment that matches, as go-yaml and sops see it (sops,
    stores/yaml/store.go). A comment belongs to the item after it; one above everything, to the first item of the first
    document; beside a scalar, to that; behind a flow collection, to the first item in it, or in a list to all of it;
    above a later document, to its first item only where no empty line stands between (go-yaml gives it to the document
    before).
    """

    def __init__(self, selector: Selector, text: str) -> None:
        self.found: set[int] = set()
        self._text = text
        self._test = selector.test
        self._picks = selector.picks_matches
        self._levels: list[_Level] = []
        self._above: list[Node] = []  # comments above the first item of a document
        self._document = 0
        self._top: int | None = None  # the line of the first item of a later document, until it comes
        self._scalar: Node | None = None  # right before
        self._closed: tuple[int, list[int]] | None = None  # a flow collection right before: its line, and what is meant

    def node(self, node: Node) -> None:
        """The next node of the text."""
        if node.kind == COMMENT:
            self._comment(node)
            return
        if not (node.kind in (MAP, LIST) and not node.frame.flow):  # comments before it come behind it
            self._scalar = self._closed = None
        levels = self._levels
        if self._top is not None:
            levels[-1].matched = self._reaches(self._top)
            self._top = None
        if node.kind == DOCUMENT:
            levels.clear()
            self._document += 1
        elif node.kind in (MAP, LIST, KEY):
            levels.append(_Level(node.frame, is_key=node.kind == KEY))
            if len(levels) == 1:
                self._first(node)
        elif node.kind == END and levels:
            ended = levels.pop()
            if ended.frame.flow:
                whole = bool(levels) and levels[-1].frame.is_list
                self._closed = node.line, ended.starts if whole else ended.starts[: ended.first]
            if levels and not ended.is_key:
                levels[-1].item_ended()
        elif node.kind in (SCALAR, ALIAS):
            self._item(node)

    def _first(self, node: Node) -> None:
        """The collection at the top of a document opens."""
        if self._document > 1:
            self._top = node.line  # its comments come behind it
        else:
            self._levels[0].matched = any(self._test(comment.value) for comment in self._above)
            self._above.clear()

    def _reaches(self, line: int) -> bool:
        """Whether one of the comments above a line matches, of those without an empty line between."""
        matched = False
        while self._above and (comment := self._above.pop()).line == line - 1:
            matched = matched or self._test(comment.value)
            line = comment.line
        self._above.clear()
        return matched

    def _item(self, node: Node) -> None:
        levels = self._levels
        if levels:
            picked = any(level.matched for level in levels)
        else:  # all there is in the document
            picked = any(self._test(comment.value) for comment in self._above)
        if node.kind == SCALAR:
            if picked:
                self.found.add(node.start)
            for level in levels:
                if level.frame.flow:
                    level.starts.append(node.start)
            self._scalar = node
        if levels:
            levels[-1].item_ended()

    def _comment(self, node: Node) -> None:
        matches = self._test(node.value)
        levels = self._levels
        if not levels or self._top is not None:
            self._above.append(node)
            # `encrypted_comment_regex` skips the matching line itself, the other one does not.
            if matches and not self._picks:
                self.found.add(node.start)
            return
        depth = self._depth(node)
        level = levels[depth]
        # The item that the comment is for: the one at hand, or where that has not ended yet, the one after it.
        on_top = depth == len(levels) - 1 or not levels[-1].begun
        above = any(each.matched for each in levels[:depth]) or (level.matched if on_top else level.coming)
        if above or (matches and not self._picks):
            self.found.add(node.start)
        if not matches:
            return
        beside = node.key_form == "trailing"
        if beside and self._scalar is not None and self._scalar.line == node.line:
            self.found.add(self._scalar.start)
        elif beside and self._closed is not None and self._closed[0] == node.line:
            self.found.update(self._closed[1])
        elif on_top:
            level.matched = True
        else:
            level.coming = True

    def _depth(self, node: Node) -> int:
        """The level of the item that a comment is for."""
        levels = self._levels
        depth = len(levels) - 1
        if levels[depth].begun:
            return next((at for at in reversed(range(depth + 1)) if levels[at].frame is node.frame), depth)
        # Beside its key, a comment is for the whole collection, and before the dash as well; else for its first item.
        if depth > 0 and node.key_form == "trailing":
            return depth if levels[depth - 1].frame.is_list else depth - 1
        column = node.start - 2 - self._text.rfind("\n", 0, node.start)
        while depth > 0 and levels[depth - 1].frame.is_list and column < levels[depth].frame.column:
            depth -= 1
        return depth


def _commented(selector: Selector, nodes: Iterable[Node], text: str) -> set[int]:
    """Starts of the scalars and comments that a comment regex matches."""
    seen = _Commented(selector, text)
    for node in nodes:
        seen.node(node)
    return seen.found
