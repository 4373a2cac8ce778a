"""The metadata as flat names with values, for formats that have no nesting.

``{"age": [{"enc": "x"}]}`` is the one pair ``age__list_0__map_enc``, ``x``. Source: sops, stores/flatten.go.
Empty lists and mappings have no pair. sops's separators are not escaped, so a name that holds one cannot be told from
a nested one; of what ksecrets stores itself only residues have such names (base64url), and their ``_`` is written ``.``
here.
"""

from __future__ import annotations

from ksecrets.errors import Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

_MAP = "__map_"
_LIST = "__list_"
_RESIDUES = f"ksecrets{_MAP}residues{_MAP}"
_MAX_DEPTH = 12
"""Levels of nesting that are read; the metadata of sops has six."""


def flatten(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a tree of dict, list and str, in its order."""
    return [
        (_RESIDUES + name[len(_RESIDUES) :].replace("_", ".") if name.startswith(_RESIDUES) else name, value)
        for key, item in tree.items()
        for name, value in _pairs(key, item)
    ]


def unflatten(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The tree of names and values; mappings in the order in which their first names come.

    Raises Tampered, which shows no value: for a name that stands twice, that is a value and a collection or a mapping
    and a list, and for a list with a gap.
    """
    root: dict[Any, Any] = {}
    for name, value in pairs:
        path = _path(name)
        place = root
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise _refused("is a value and a collection", name)
        if path[-1] in place:
            raise _refused("stands there twice", name)
        place[path[-1]] = value
    return {key: _built(item, key) for key, item in root.items()}


def _pairs(name: str, item: Any) -> Iterator[tuple[str, str]]:
    if isinstance(item, str):
        yield name, item
    elif isinstance(item, list):
        for index, part in enumerate(item):
            yield from _pairs(f"{name}{_LIST}{index}", part)
    else:
        for key, part in item.items():
            yield from _pairs(f"{name}{_MAP}{key}", part)


def _path(name: str) -> list[str | int]:
    """The keys (str) and indices (int) of a name, outermost first."""
    if name.startswith(_RESIDUES):
        name = _RESIDUES + name[len(_RESIDUES) :].replace(".", "_")
        return [*_RESIDUES.split(_MAP)[:-1], name[len(_RESIDUES) :]]
    path: list[str | int] = []
    for part in name.split(_MAP):
        key, *indices = part.split(_LIST)
        path.append(key)
        for index in indices:
            # sops counts what is no number as 0, and no list has thousands of readers
            if not (index.isascii() and index.isdigit() and len(index) < 5):
                raise _refused("has an index that is no small number", name)
            path.append(int(index))
        if len(path) > _MAX_DEPTH:
            raise _refused("is nested too deeply", name)
    return path


def _built(place: Any, name: str) -> Any:
    if not isinstance(place, dict):
        return place
    indices = sum(isinstance(part, int) for part in place)
    if not indices:
        return {key: _built(item, name) for key, item in place.items()}
    if indices < len(place):
        raise _refused("is a mapping and a list", name)
    if max(place) >= indices:
        raise _refused("is a list with a gap", name)
    return [_built(place[index], name) for index in range(indices)]


def _refused(message: str, name: str) -> Tampered:
    shown = "".join(character if character.isprintable() else "?" for character in name[:60])
    return Tampered(f"the metadata is not in order: `{shown}` {message}")
