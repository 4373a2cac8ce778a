"""What libyaml sees in a text, as PyYAML's C parser says it: by calling a class of this name with these arguments.

The shapes are those of `yaml.events`, which stand in for these wherever another user of PyYAML was first (see
`libyaml`, and `ours`). A parser makes 90,000 of them for a dense megabyte, so here they are classes that mypyc
compiles, and whoever asks `isinstance` first reads their fields at the price of a load.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


class Event:
    """One event. start_mark, end_mark: where it begins and ends; each has `index`, `line` and `column`, from 0."""

    __slots__ = ("end_mark", "start_mark")

    def __init__(self, start_mark: Any = None, end_mark: Any = None) -> None:
        self.start_mark = start_mark
        self.end_mark = end_mark


class StreamStartEvent(Event):
    """The text begins."""

    __slots__ = ("encoding",)

    def __init__(self, start_mark: Any = None, end_mark: Any = None, encoding: Any = None) -> None:
        self.start_mark = start_mark
        self.end_mark = end_mark
        self.encoding = encoding


class StreamEndEvent(Event):
    """The text ends."""

    __slots__ = ()


class DocumentStartEvent(Event):
    """A document begins. explicit: with ``---``. version, tags: of its directives."""

    __slots__ = ("explicit", "tags", "version")

    def __init__(
        self, start_mark: Any = None, end_mark: Any = None, explicit: Any = None, version: Any = None, tags: Any = None
    ) -> None:
        self.start_mark = start_mark
        self.end_mark = end_mark
        self.explicit = explicit
        self.version = version
        self.tags = tags


class DocumentEndEvent(Event):
    """A document ends. explicit: with ``...``."""

    __slots__ = ("explicit",)

    def __init__(self, start_mark: Any = None, end_mark: Any = None, explicit: Any = None) -> None:
        self.start_mark = start_mark
        self.end_mark = end_mark
        self.explicit = explicit


class AliasEvent(Event):
    """``*anchor``."""

    __slots__ = ("anchor",)

    def __init__(self, anchor: str, start_mark: Any = None, end_mark: Any = None) -> None:
        self.anchor = anchor
        self.start_mark = start_mark
        self.end_mark = end_mark


class ScalarEvent(Event):
    """A scalar. implicit: whether its tag may be resolved, where it is plain and where it is not.

    value: with escapes and folding undone. style: "" for a plain one, else its indicator.
    """

    __slots__ = ("anchor", "implicit", "style", "tag", "value")

    def __init__(
        self,
        anchor: str | None,
        tag: str | None,
        implicit: Any,
        value: str,
        start_mark: Any = None,
        end_mark: Any = None,
        style: str = "",
    ) -> None:
        self.anchor = anchor
        self.tag = tag
        self.implicit = implicit
        self.value = value
        self.start_mark = start_mark
        self.end_mark = end_mark
        self.style = style


class CollectionStartEvent(Event):
    """A collection begins. flow_style: in brackets."""

    __slots__ = ("anchor", "flow_style", "implicit", "tag")

    def __init__(
        self,
        anchor: str | None,
        tag: str | None,
        implicit: Any,
        start_mark: Any = None,
        end_mark: Any = None,
        flow_style: Any = None,
    ) -> None:
        self.anchor = anchor
        self.tag = tag
        self.implicit = implicit
        self.start_mark = start_mark
        self.end_mark = end_mark
        self.flow_style = flow_style


class SequenceStartEvent(CollectionStartEvent):
    """A list begins."""

    __slots__ = ()


class MappingStartEvent(CollectionStartEvent):
    """A mapping begins."""

    __slots__ = ()


class SequenceEndEvent(Event):
    """A list ends."""

    __slots__ = ()


class MappingEndEvent(Event):
    """A mapping ends."""

    __slots__ = ()


_CLASSES: Final[dict[str, type[Event]]] = {
    cls.__name__: cls
    for cls in (
        StreamStartEvent,
        StreamEndEvent,
        DocumentStartEvent,
        DocumentEndEvent,
        AliasEvent,
        ScalarEvent,
        SequenceStartEvent,
        SequenceEndEvent,
        MappingStartEvent,
        MappingEndEvent,
    )
}


def ours(event: Any) -> Event:
    """An event of PyYAML's own class as one of ours."""
    name = type(event).__name__
    if name == "ScalarEvent":  # most of them
        return ScalarEvent(
            event.anchor, event.tag, event.implicit, event.value, event.start_mark, event.end_mark, event.style
        )
    return _CLASSES[name](**vars(event))
