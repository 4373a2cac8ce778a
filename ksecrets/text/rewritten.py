"""A YAML text with one node exchanged, one entry added or one taken out: splices that leave every other byte alone.

These functions write what is most likely right, in the layout of the text around; whether the result reads as it
should is for their caller (`patch`) to check.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.composed import BLANKS, LIST, MAP, SCALAR, Composed, Item
from ksecrets.text.emitted import Layout, block_lines, flow_source, key_source, scalar_source
from ksecrets.text.resolve import YAML_TAG
from ksecrets.text.spans import BREAKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.text.emitted import Value


def styles(composed: Composed, indent: int) -> tuple[Layout, Layout]:
    """How the text is laid out: the steps of its first nested collections, `indent` where it has none; with literal
    blocks, and without."""
    step = list_step = None
    stack = list(reversed(composed.roots))
    while stack and (step is None or list_step is None):
        item = stack.pop()
        for _, entry in item.entries:
            if item.kind == MAP and not item.flow and not entry.flow and entry.column >= item.column:
                if entry.kind == MAP and step is None:
                    step = entry.column - item.column
                elif entry.kind == LIST and list_step is None:
                    list_step = entry.column - item.column
        stack += [entry for _, entry in reversed(item.entries)]
    step = step or indent
    list_step = step if list_step is None else list_step
    return Layout(step, list_step, True), Layout(step, list_step, False)


def with_value(composed: Composed, item: Item, value: Value, layout: Layout) -> str:
    """A node's value exchanged; collections in the form that fits the place, scalars in the style that was there."""
    parent = item.parent
    column = parent.column if parent is not None else -1
    if isinstance(value, (dict, list)):
        keep_tag = item.kind == (MAP if isinstance(value, dict) else LIST)
        if not value or item.in_flow or (item.braced and item.entries):
            return replaced(composed, item, flow_source(value), [], keep_tag)
        if parent is None:
            return _root_replaced(composed, item, block_lines(value, 0, layout))
        if parent.kind == LIST:
            lines = block_lines(value, column + 2, layout)
            if item.anchor is not None or (keep_tag and item.tag is not None):
                return replaced(composed, item, "", lines, keep_tag)
            return replaced(composed, item, lines[0].lstrip(" "), lines[1:], keep_tag)
        step = layout.step if isinstance(value, dict) else layout.list_step
        return replaced(composed, item, "", block_lines(value, column + step, layout), keep_tag)
    style = item.style if item.kind == SCALAR else ""
    indent = column + (2 if parent is None or parent.kind == LIST else layout.step)
    head, below = scalar_source(value, style, item.in_flow, _block_indent(composed, item) or max(indent, 1), layout)
    if parent is None and item.is_empty:
        return _root_replaced(composed, item, [head, *below])
    own_tag = item.tag is not None and not item.tag.startswith(YAML_TAG)
    return replaced(composed, item, head, below, own_tag and item.kind == SCALAR and isinstance(value, str))


def _block_indent(composed: Composed, item: Item) -> int:
    """The indentation of a block scalar's lines; 0 for anything else."""
    if item.kind == SCALAR and item.style in ("|", ">"):
        position = composed.next_line(item.inside)
        while position < item.end:
            line = composed.text[position : composed.line_end(position)]
            if line.strip(" "):
                return len(line) - len(line.lstrip(" "))
            position = composed.next_line(position)
    return 0


def replaced(composed: Composed, item: Item, head: str, below: list[str], keep_tag: bool = False) -> str:
    """A node's source exchanged: `head` in its place, the lines below behind its line and what trails there.

    Its anchor stays, and its tag where `keep_tag` says so. Comments that trail its first or last line stay too.
    """
    text = composed.text
    before, content = _properties(composed, item, keep_tag)
    stop, rest, end = item.end, composed.line_end(item.end), composed.line_end(item.end)
    if item.kind == SCALAR and item.style in ("|", ">"):
        stop = content + 1
        while text[stop : stop + 1] in ("+", "-") or text[stop : stop + 1].isdigit():
            stop += 1
        rest, end = composed.line_end(stop), item.end
    elif item.kind in (MAP, LIST) and not item.flow and composed.line_end(content) < item.inside:
        # The collection is on lines of its own: what trails its key or dash stays there.
        stop, rest, end = content, composed.line_end(content), item.end
    trailing = text[stop:rest]
    newline = _newline(text)
    parent = item.parent
    if item.is_empty and item.after is None and parent is not None:
        before += ":" if parent.flow else f"{newline}{' ' * parent.column}:"  # `{a}` or `? a`
    if head:
        nothing_there = item.is_empty or (item.kind in (MAP, LIST) and not item.flow)
        if before and before[-1] not in BLANKS and (nothing_there or before[-1] not in ":,[{"):
            before += " "
        if nothing_there and not trailing.strip(" \t"):
            trailing = ""
    elif not trailing.strip(" \t"):
        before, trailing = before.rstrip(" \t"), ""
    else:
        before = before.rstrip(" \t")
        trailing = trailing if trailing[0] in " \t" else " " + trailing
    return before + head + trailing + "".join(newline + line for line in below) + text[end:]


def _properties(composed: Composed, item: Item, keep_tag: bool) -> tuple[str, int]:
    """The text up to where a node's new content is to stand, and the place where its old content starts."""
    text = composed.text
    start, content = item.start, item.inside - item.braced
    if item.kind in (MAP, LIST) and not item.flow and item.after is not None:
        # Anchor and tag of a block collection stand on the line of its key or dash.
        start = content = item.after
        for _ in range((item.anchor is not None) + (item.tag is not None)):
            while text[content] in BLANKS:
                content += 1
            while text[content] not in BLANKS:
                content += 1
    if item.tag is None or keep_tag:
        return text[:content], content
    if item.anchor is None:
        return text[:start], content
    return text[:start] + (" " if start == item.after else "") + "&" + item.anchor, content


def _root_replaced(composed: Composed, item: Item, lines: list[str]) -> str:
    """The whole content of a document exchanged for lines that start in the first column."""
    text = composed.text
    newline = _newline(text)
    start, end = (item.start, item.end) if item.kind != SCALAR or not item.is_empty else (item.end, item.end)
    new = newline.join(lines)
    if start > 0 and text[start - 1] not in BREAKS:
        new = newline + new
        if text[start - 1] in " \t":
            return text[:start].rstrip(" \t") + new + text[end:]
    elif start == end:
        new += newline
    return text[:start] + new + text[end:]


def with_entry(composed: Composed, parent: Item, key: str | None, value: Value, layout: Layout) -> str:
    """One more entry behind the others."""
    text = composed.text
    if parent.flow:
        source = flow_source(value) if key is None else f"{key_source(key, True)}: {flow_source(value)}"
        return _with_flow_entry(composed, parent, source)
    column = parent.column
    newline = _newline(text)
    if key is None:
        lines = block_lines([value], column, layout)
    else:
        lines = block_lines({key: value}, column, layout)
    place = composed.line_end(max(parent.end, parent.entries[-1][1].end))
    place = _behind_own_comments(composed, place, column)
    return text[:place] + "".join(newline + line for line in lines) + text[place:]


def _behind_own_comments(composed: Composed, place: int, column: int) -> int:
    """Past the comment lines that directly follow and are indented like the entries: they belong to them."""
    text = composed.text
    while True:
        start = composed.next_line(place)
        end = composed.line_end(start)
        line = text[start:end]
        content = line.lstrip(" ")
        if start == place or not content.startswith("#") or len(line) - len(content) < max(column, 1):
            return place
        place = end


def _with_flow_entry(composed: Composed, parent: Item, source: str) -> str:
    text = composed.text
    if not parent.braced:
        raise SyntaxRefused("a mapping without braces in a list has room for one entry", line=parent.line)
    if not parent.entries:
        return text[: parent.inside] + source + text[parent.end - 1 :]
    last_key, last = parent.entries[-1]
    last_start = (last_key or last).start
    if len(parent.entries) > 1:
        gap = text[parent.entries[-2][1].end : last_start]
    else:
        gap = "," + (text[parent.inside : last_start] or " ")
        gap = gap if gap.strip(", ") else ", "
    gap = gap if gap.strip(" \t\r\n") == "," else ", "
    comma = composed.skip(last.end)
    if text.startswith(",", comma):  # a comma behind the last entry, which now is between two
        return text[: comma + 1] + (gap.partition(",")[2] or " ") + source + text[comma + 1 :]
    return text[: last.end] + gap + source + text[last.end :]


def without_entry(composed: Composed, parent: Item, item: Item, key: Item | None) -> str:
    """A collection of several entries without one of them."""
    text = composed.text
    position = next(index for index, (_, entry) in enumerate(parent.entries) if entry is item)
    following = parent.entries[position + 1] if position + 1 < len(parent.entries) else None
    start = _entry_start(composed, parent, item, key)
    if parent.flow:
        if following is not None:
            return text[:start] + text[_entry_start(composed, parent, following[1], following[0]) :]
        return text[: parent.entries[position - 1][1].end] + text[max(item.end, (key or item).end) :]
    line_start = composed.line_start(start)
    end = composed.line_end(max(item.end, (key or item).end))
    if text[line_start:start].strip(" "):
        # The first entry, behind the dash of a list: the next one takes its place.
        assert following is not None
        next_start = _entry_start(composed, parent, following[1], following[0])
        if not text[end:next_start].strip(" \t" + BREAKS):
            return text[:start] + text[next_start:]
        return text[:start].rstrip(" ") + text[end:]
    if end < len(text):
        return text[:line_start] + text[composed.next_line(end) :]
    before = line_start
    if before:
        before -= 2 if text.endswith("\r\n", 0, before) else 1
    return text[:before]


def _entry_start(composed: Composed, parent: Item, item: Item, key: Item | None) -> int:
    """Where an entry starts: its key, or the ``?`` or ``-`` before it."""
    text = composed.text
    if key is None:
        if parent.flow:
            return item.start
        assert item.after is not None
        return item.after - 1
    start = key.start
    before = start
    while before > 0 and text[before - 1] in " \t":
        before -= 1
    if (
        text[before - 1 : before] == "?"
        and before < start
        and not text[composed.line_start(before) : before - 1].strip(" -")
    ):
        return before - 1
    return start


def _newline(text: str) -> str:
    """The line break of the text: that of its first line."""
    for position, char in enumerate(text):
        if char in BREAKS:
            return "\r\n" if text.startswith("\r\n", position) else char
    return "\n"
