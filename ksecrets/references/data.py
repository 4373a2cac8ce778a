"""A YAML or JSON text that a reference names -> data, with the types that vals sees in it.

vals reads with go-yaml v3, to which `yes` is a text, `1e3` and `0o17` are numbers and `1:30` is none; `text.resolve`
restates that. A time becomes its text, since it goes on into JSON.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.tree import Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.references.expression import Reference

_NO_JSON = (b"NaN", b"+Inf", b"-Inf")
_KNOWN_TAGS = ("!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def mapping_of(text: str, reference: Reference) -> object:
    """The data of a text, for the keys of a reference. Raises SyntaxRefused, which shows nothing of the text."""
    import json

    from ksecrets.text.libyaml import events
    from ksecrets.text.tree import compose

    if text.lstrip()[:1] == "{":
        try:
            # It has pairs of surrogates, which YAML has not.
            return json.loads(text, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError):
            pass  # a flow mapping of YAML
    try:
        return _typed(compose(map(_without_tag, events(text.removeprefix("\ufeff"))), aliases=True))
    except SyntaxRefused:
        pass  # its message could show a key
    raise SyntaxRefused(f"what a reference to {reference.service} names is no YAML, and #/KEY asks for a value in it")


def _finite(word: str) -> float:
    """A number of JSON; ValueError for what JSON could not say again."""
    number = float(word)
    if number - number != 0:  # infinity or NaN
        raise ValueError("no finite number")
    return number


def _without_tag(event: Any) -> Any:
    """An event whose tag, which `compose` would refuse, was followed (``!!binary``, ``!!int``) or says nothing."""
    tag = getattr(event, "tag", None)
    if tag is None or tag in _KNOWN_TAGS:
        return event
    event.tag = None
    if type(event).__name__ == "ScalarEvent":
        from ksecrets.text.resolve import resolve

        kind, content = resolve(event.value, plain=event.implicit[0] and not event.style, tag=tag)
        event.value = (content or b"").decode("utf-8", "replace")
        event.implicit = (kind != "str", kind == "str")
        event.style = '"' if kind == "str" else None
    return event


def _typed(tree: object) -> object:
    """A tree of texts with values in their place; `compose` has seen to its depth."""
    if isinstance(tree, dict):
        return {str(key): _typed(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_typed(value) for value in tree]
    return _value(tree) if isinstance(tree, Scalar) else None


def _value(scalar: Scalar) -> object:
    from ksecrets.text.resolve import resolve

    kind, content = resolve(str(scalar), plain=scalar.plain, tag=None)
    if content is None:
        return None
    if kind == "int":
        return int(content)
    if kind == "float" and content not in _NO_JSON:
        return float(content)
    if kind == "bool":
        return content == b"True"
    return content.decode() if kind == "time" else str(scalar)
