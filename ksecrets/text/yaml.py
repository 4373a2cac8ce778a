"""YAML text -> nodes, from the events of libyaml, with the exact span of every scalar.

libyaml is the parser that go-yaml (sops, Helm, Kubernetes) was ported from, so the structure seen here is
the one that they see. Its marks are exact for plain and quoted scalars; three things are mended here: the
start of an event includes anchor and tag, the end of a block scalar includes the line breaks behind it, and
comments are no events at all (they are looked for in the gaps between the events).
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.text import libyaml
from ksecrets.text.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    ours,
)
from ksecrets.text.node import (
    ALIAS,
    BLOCK,
    DOCUMENT,
    DOCUMENT_END,
    END,
    FOLDED,
    KEY,
    LIST,
    LITERAL,
    MAP,
    PLAIN,
    SCALAR,
    Frame,
    Lane,
    Node,
)
from ksecrets.text.spans import comment_nodes, end_of_block_scalar, header_comment, past_properties

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

BLOCK_KEY: Final = "sops"
MAX_DEPTH: Final = 500
"""Levels of collections that are read. Paths grow with the depth, so that a file of brackets would never end."""

MAX_PATH: Final = 10_000
"""Characters of the keys that a collection stands below, and of the text that is made of a key that is no scalar: every
level and every value has them all, so that a small file could fill the memory."""

_BLOCKS: Final = frozenset((LITERAL, FOLDED))


def scan(text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]:
    """The nodes of a YAML stream, all its documents, in the order of the text.

    text: without byte order mark. first_line: number of its first line, for messages. lane: takes the ordinary
    scalars and collections in place of nodes (see `node.Lane`).
    A comment in the header of a block scalar comes behind the scalar in whose span it stands.
    Yields for every document DOCUMENT, its nodes and comments, DOCUMENT_END. A top-level mapping entry ``sops``
    becomes one BLOCK whose `value` is its tree (nested dict, list and str; see `_tree`), spanning from its key to
    the end of its last scalar.
    Raises SyntaxRefused where libyaml stops, and for the refusals 1 to 3 of docs/file-format.md.
    """
    inner_mark = text.find("\ufeff")
    if inner_mark >= 0:
        raise SyntaxRefused(
            "a byte order mark inside the text: Helm and sops read it differently",
            line=text.count("\n", 0, inner_mark) + first_line,
            hint="remove the U+FEFF character on that line",
        )
    try:
        yield from _nodes(libyaml.reader(text), text, first_line, lane)
    except KsecretsError:
        raise
    except (Exception, RecursionError) as error:
        refusal = libyaml.refused(error, text)
        if refusal is None:
            raise
        raise refusal from None


def _nodes(next_event: Callable[[], Any], text: str, first_line: int, lane: Lane | None) -> Iterator[Node]:
    """`scan`, with libyaml's own exceptions. One turn of this loop for every event: what is here is paid 90,000 times
    a megabyte, so the scalars come first, of an event only that is fetched which is needed, and what comes out of a
    mark is declared to be a number, which compiled code then compares as one."""
    start: int
    end: int
    line: int
    hash_at: int = -1  # the first "#" behind `previous`, as far as it was looked for
    root = frame = Frame(None, None, "", False, False, -1, False)
    previous: int = 0  # end of the text that is accounted for
    key: str | int | None = None
    form: str | None = None
    expect_key = False  # of the mapping at hand
    ordinals: dict[str, int] = {}
    anchors = 0
    parts: list[list[str]] = []  # for every open key that is no scalar: the texts in it
    at_root_map = False
    depth = 0
    while (event := next_event()) is not None:
        if not isinstance(event, Event):
            event = ours(event)

        if isinstance(event, ScalarEvent):
            value = event.value
            tag = event.tag
            anchor = event.anchor
            if expect_key and anchor is None and not (at_root_map and value == BLOCK_KEY):
                # Nearly all keys, unless a comment may stand before them: nobody asks where they start.
                end = event.end_mark.index
                if hash_at >= end:
                    previous = end
                    key = value
                    form = tag or (event.style and '"')
                    expect_key = False
                    continue
            mark = event.start_mark
            start = mark.index
            line = mark.line + first_line
            if hash_at < start:
                if hash_at < previous:
                    hash_at = text.find("#", previous)
                    if hash_at < 0:
                        hash_at = len(text)
                if hash_at < start:
                    yield from comment_nodes(text, previous, start, line, frame)
            style = event.style
            previous = event.end_mark.index
            if expect_key:
                if at_root_map and value == BLOCK_KEY and tag is None:
                    tree, end, previous = _tree(next_event, text, first_line)
                    yield Node(BLOCK, start, end, line, frame, BLOCK_KEY, "", tree)
                    continue
                if anchor is None:
                    key = value
                    form = tag or (style and '"')
                    expect_key = False
                    continue
                # An anchored key can be an alias's target: give it a node of its own.
                anchors += 1
                ordinals[anchor] = anchors
                inner = Frame(frame, None, frame.aad, False, frame.flow, frame.column, True)
                yield Node(KEY, start, start, line, inner)
                yield Node(SCALAR, start, previous, line, inner, None, None, value, style, tag, anchor)
                yield Node(END, previous, previous, line, inner)
                key = value
                form = tag or (style and '"')
                expect_key = False
                continue
            end = previous
            if tag is not None or anchor is not None:
                if anchor is not None:
                    anchors += 1
                    ordinals[anchor] = anchors
                start, comments = past_properties(text, start, end, anchor, tag, line)
                if comments:
                    yield from comment_nodes(text, mark.index, start, line, frame)
            if style in _BLOCKS:
                end = previous = end_of_block_scalar(text, start, end, value)
            if frame.is_list:
                key = frame.next_index
                frame.next_index = key + 1
                form = None
            if lane is not None and not parts and frame is not root:
                lane.leaf(value, style, tag, anchor, start, end, line, frame, key, form)
                expect_key = not frame.is_list
            else:
                if parts:
                    parts[-1].append(value)
                yield Node(SCALAR, start, end, line, frame, key, form, value, style, tag, anchor)
                expect_key = not frame.is_list and frame is not root
            if style in _BLOCKS:
                yield from header_comment(text, start, end, line, frame)

        elif isinstance(event, CollectionStartEvent):
            kind = MAP if isinstance(event, MappingStartEvent) else LIST
            mark = event.start_mark
            start = mark.index
            line = mark.line + first_line
            depth += 1
            if depth > MAX_DEPTH:
                raise SyntaxRefused(f"collections more than {MAX_DEPTH} levels deep", line=line)
            flow = bool(event.flow_style)
            end = event.end_mark.index
            gap_start = previous
            if hash_at < gap_start:
                hash_at = text.find("#", gap_start)
                if hash_at < 0:
                    hash_at = len(text)
            has_comments = hash_at < start
            if has_comments and flow:
                yield from comment_nodes(text, gap_start, start, line, frame)
            if expect_key:
                # A collection as a key: its nodes stand in a frame of their own until its END.
                frame = Frame(frame, None, frame.aad, False, frame.flow, frame.column, True)
                frame.is_key = True
                parts.append([])
                yield Node(KEY, start, start, line, frame)
                key = form = None
            if frame.is_list:
                key = frame.next_index
                frame.next_index = key + 1
                form = None
                aad = frame.aad
            elif key is None:
                aad = frame.aad
            else:
                aad = f"{frame.aad}{key}:"
                if len(aad) > MAX_PATH:
                    raise SyntaxRefused(f"a collection below keys of more than {MAX_PATH} characters", line=line)
            anchor = event.anchor
            tag = event.tag
            column = (mark if tag is None and anchor is None else event.end_mark).column
            at_root_map = kind == MAP and frame is root
            ordinary = lane is not None and anchor is None and tag is None and frame is not root and not parts
            frame = Frame(frame, key, aad, kind == LIST, flow, column, frame.in_key)
            if anchor is not None:
                anchors += 1
                ordinals[anchor] = anchors
                frame.anchored = True
            elif frame.parent is not None and frame.parent.anchored:
                frame.anchored = True
            if ordinary and lane is not None:
                frame.ordinary = True
                lane.begin(kind, key, form, line)
            else:
                yield Node(kind, start, end, line, frame, key, form, "", PLAIN, tag, anchor)
            if has_comments and not flow:
                yield from comment_nodes(text, gap_start, start, line, frame, opened=True)
            if not flow and (tag is not None or anchor is not None) and text.find("#", start, end) >= 0:
                inside, comments = past_properties(text, start, end, anchor, tag, line)
                if comments:
                    yield from comment_nodes(text, start, inside, line, frame)
            if end > previous:
                previous = end
            key = form = None
            expect_key = kind == MAP

        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            depth -= 1
            mark = event.start_mark
            start = mark.index
            line = mark.line + first_line
            if hash_at < start:
                if hash_at < previous:
                    hash_at = text.find("#", previous)
                    if hash_at < 0:
                        hash_at = len(text)
                if hash_at < start:
                    yield from comment_nodes(text, previous, start, line, frame, closing=True)
            end = event.end_mark.index
            if end > previous:
                previous = end
            if frame.ordinary and lane is not None:
                lane.end(frame)
            else:
                yield Node(END, start, previous, line, frame, frame.key)
            assert frame.parent is not None
            frame = frame.parent
            if frame.is_key:
                # The collection was a whole key. Its name is made of its content, for messages and associated data.
                yield Node(END, start, previous, line, frame)
                key = "?" + ",".join(parts.pop())
                if len(key) > MAX_PATH:
                    raise SyntaxRefused(f"a key that is no scalar, of more than {MAX_PATH} characters", line=line)
                form = "?"
                if parts:
                    parts[-1].append(key)
                assert frame.parent is not None
                frame = frame.parent
                expect_key = False
            else:
                key = form = None
                expect_key = not frame.is_list and frame is not root
            at_root_map = frame.parent is root and not frame.is_list

        elif isinstance(event, AliasEvent):
            mark = event.start_mark
            start = mark.index
            line = mark.line + first_line
            if text.find("#", previous, start) >= 0:
                yield from comment_nodes(text, previous, start, line, frame)
            previous = event.end_mark.index
            name = event.anchor
            target = str(ordinals.get(name, 0))
            if expect_key:
                inner = Frame(frame, None, frame.aad, False, frame.flow, frame.column, True)
                yield Node(KEY, start, start, line, inner)
                yield Node(ALIAS, start, previous, line, inner, None, None, target, PLAIN, None, name)
                yield Node(END, previous, previous, line, inner)
                key = f"*{name}"
                form = "?"
                expect_key = False
                continue
            if frame.is_list:
                key = frame.next_index
                frame.next_index = key + 1
                form = None
            node = Node(ALIAS, start, previous, line, frame, key, form, target, PLAIN, None, name)
            if parts:
                parts[-1].append(f"*{name}")
            yield node
            expect_key = not frame.is_list and frame is not root

        elif isinstance(event, DocumentStartEvent):
            mark = event.start_mark
            start = mark.index
            end = event.end_mark.index  # directives and comments between them are inside
            if text.find("#", previous, end) >= 0:
                yield from comment_nodes(text, previous, end, event.end_mark.line + first_line, root)
            root = frame = Frame(None, None, "", False, False, -1, False)
            ordinals = {}
            anchors = 0
            key = form = None
            expect_key = at_root_map = False
            previous = max(end, previous)
            yield Node(DOCUMENT, start, previous, mark.line + first_line, root)

        elif isinstance(event, DocumentEndEvent):
            mark = event.start_mark
            start = mark.index
            if text.find("#", previous, start) >= 0:
                yield from comment_nodes(text, previous, start, mark.line + first_line, root)
            previous = max(event.end_mark.index, previous)
            yield Node(DOCUMENT_END, start, previous, mark.line + first_line, root)

        elif isinstance(event, StreamEndEvent) and text.find("#", previous) >= 0:
            yield from comment_nodes(text, previous, len(text), event.start_mark.line + first_line, root)


def _tree(next_event: Callable[[], Any], text: str, first_line: int) -> tuple[Any, int, int]:
    """Read one value off the event stream: its tree, the end of its last scalar, the end of its last event.

    Every scalar is a str, every key too; anchors, aliases, tags and doubled keys have no place in a metadata block.
    """
    holder: list[Any] = []
    stack: list[Any] = [holder]
    keys: list[str | None] = [None]
    end = 0
    while (event := next_event()) is not None:
        if not isinstance(event, Event):
            event = ours(event)
        if isinstance(event, AliasEvent) or (
            isinstance(event, (ScalarEvent, CollectionStartEvent))
            and (event.anchor is not None or event.tag is not None)
        ):
            raise SyntaxRefused("anchor, alias or tag in the metadata block", line=event.start_mark.line + first_line)
        container = stack[-1]
        value: Any
        if isinstance(event, ScalarEvent):
            value = event.value
            end = event.end_mark.index
            if keys[-1] is None and container.__class__ is dict:
                keys[-1] = value
                continue
            if event.style in _BLOCKS:
                end = end_of_block_scalar(text, event.start_mark.index, end, value)
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            stack.pop()
            keys.pop()
            # The end mark of a block collection stands at the next token, behind comments that are not its own.
            if event.end_mark.index > event.start_mark.index:
                end = event.end_mark.index
            if len(stack) == 1:
                break
            continue
        else:
            assert isinstance(event, CollectionStartEvent)
            value = {} if isinstance(event, MappingStartEvent) else []
            if event.flow_style:
                end = event.end_mark.index
        if container.__class__ is dict:
            key = keys[-1]
            if key is None:
                line = event.start_mark.line + first_line
                raise SyntaxRefused("a key that is no scalar in the metadata block", line=line)
            if key in container:
                line = event.start_mark.line + first_line
                raise SyntaxRefused(f"the metadata block has {key!r} twice", line=line)
            container[key] = value
            keys[-1] = None
        else:
            container.append(value)
        if not isinstance(event, ScalarEvent):
            if len(stack) > MAX_DEPTH:
                raise SyntaxRefused(
                    f"collections more than {MAX_DEPTH} levels deep", line=event.start_mark.line + first_line
                )
            stack.append(value)
            keys.append(None)
        if len(stack) == 1:
            break
    return holder[0], end, end
