"""A plaintext as a sequence of atoms: the smallest pieces of lines that belong to one entry each.

git merges lines; an entry knows more than its lines: what it is called. Two versions of a file are compared by the
names of their entries, so that neighbours do not disturb each other, and a value of several lines stays in one piece.
"""

from __future__ import annotations

from ksecrets.text.composed import LIST, MAP, SCALAR, Composed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from ksecrets.text.composed import Item

    Name: TypeAlias = "tuple[object, ...]"

_NAMES = ("name", "id", "key")  # what Kubernetes, and most others, tell the items of a list apart by


class Atom:
    """The lines of one entry.

    name: document, keys and items from the root. prefix: the comments and blank lines before it. pieces: its own
    lines, as texts between scalars and scalars in turn (the first and the last are texts between). in_list: it is, or
    begins, an item of a list. Names and texts are plaintext: they stay in memory.
    """

    __slots__ = ("in_list", "name", "pieces", "prefix")

    def __init__(self, name: Name, prefix: str, pieces: tuple[str, ...], in_list: bool) -> None:
        self.name = name
        self.prefix = prefix
        self.pieces = pieces
        self.in_list = in_list

    @property
    def text(self) -> str:
        return self.prefix + "".join(self.pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and (self.name, self.prefix, self.pieces) == (
            other.name,
            other.prefix,
            other.pieces,
        )

    __hash__ = None  # type: ignore[assignment]


class Version:
    """One text: its atoms in order, and `values`, what every entry means, by its name.

    lengths: of each list, by its name; `fixed` says which lists count by index (`same_lengths`); items of others are
    told apart by a name of their own, or by what they say. doubled: a key stands twice in one mapping.
    """

    __slots__ = ("_composed", "_fixed", "_starts", "atoms", "doubled", "lengths", "text", "values")

    def __init__(self, text: str, fixed: Mapping[Name, bool] | None = None) -> None:
        """Raises SyntaxRefused where the text is no YAML."""
        self.text = text
        self.atoms: list[Atom] = []
        self.values: dict[Name, object] = {}
        self.lengths: dict[Name, int] = {}
        self.doubled = False
        self._fixed = fixed or {}
        self._composed = Composed(text)
        # (position of its first line, position behind its content, name, in a list, spans of its scalars)
        self._starts: list[tuple[int, int, Name, bool, list[tuple[int, int]]]] = []
        for number, root in enumerate(self._composed.roots):
            self._walk(root, (number,))
        self._cut()

    def _walk(self, root: Item, name: Name) -> None:
        """Every entry of a document, in order, without recursion: texts can be hundreds of levels deep."""
        open_: list[Iterator[tuple[Name, Item | None, Item, bool]]] = [iter([(name, None, root, False)])]
        while open_:
            entry = next(open_[-1], None)
            if entry is None:
                open_.pop()
                continue
            name, key, item, in_list = entry
            begin = key.start if key is not None else item.after - 1 if in_list and item.after else item.start
            line = self._line_start(begin)
            if item.kind in (MAP, LIST) and not item.braced and item.entries:
                self.values[name] = item.kind
                if key is not None or in_list:
                    self._starts.append((line, line, name, in_list, []))
                open_.append(self._entries(item, name))
            else:
                self.values[name] = tuple(self._composed.records[item.first : item.last])
                self._starts.append((line, max(item.end, begin), name, in_list, list(_scalars(item))))

    def _entries(self, item: Item, name: Name) -> Iterator[tuple[Name, Item | None, Item, bool]]:
        if item.kind == MAP:
            seen: dict[str, int] = {}
            for key, value in item.entries:
                part = key.value if key is not None and key.kind == SCALAR else "?"
                ordinal = seen[part] = seen.get(part, -1) + 1
                self.doubled = self.doubled or ordinal > 0
                yield (*name, part) if not ordinal else (*name, (part, ordinal)), key, value, False
            return
        self.lengths[name] = len(item.entries)
        for which, (_, value) in zip(self._items(item, name), item.entries, strict=True):
            yield (*name, which), None, value, True

    def _items(self, item: Item, name: Name) -> list[object]:
        """What tells the items of a list apart."""
        items = [value for _, value in item.entries]
        for field in _NAMES:
            found = [_field(value, field) for value in items]
            if None not in found and len(set(found)) == len(found):
                return [(field, value) for value in found]
        if self._fixed.get(name, True):
            return list(range(len(items)))
        seen: dict[str, int] = {}
        parts: list[object] = []
        for value in items:
            text = self.text[value.start : value.end]
            ordinal = seen[text] = seen.get(text, -1) + 1
            parts.append(("=", text, ordinal))
        return parts

    def _cut(self) -> None:
        """The atoms: what begins on the same line becomes one, what stands between goes with the next one."""
        text = self.text
        joined: list[tuple[int, int, Name, bool, list[tuple[int, int]]]] = []
        for start in self._starts:
            if joined and start[0] < max(joined[-1][1], joined[-1][0] + 1):
                begin, end, name, in_list, spans = joined[-1]
                if not spans and end == begin:  # the dash of an item, or a key: its first entry gives the name
                    joined[-1] = (begin, start[1], start[2], in_list or start[3], start[4])
                else:
                    joined[-1] = (begin, max(end, start[1]), name, in_list, spans + start[4])
            else:
                joined.append(start)
        position = 0
        for begin, end, name, in_list, spans in joined:
            begin = max(begin, position)
            stop = text.find("\n", max(end - 1, begin)) + 1 or len(text)
            pieces: list[str] = []
            at = begin
            for first, last in spans:
                if at <= first <= last <= stop:
                    pieces += (text[at:first], text[first:last])
                    at = last
            self.atoms.append(Atom(name, text[position:begin], (*pieces, text[at:stop]), in_list))
            position = stop
        self.atoms.append(Atom(("end",), text[position:], ("",), False))

    def _line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1


def same_lengths(*versions: Version) -> dict[Name, bool]:
    """For each list: whether it is equally long wherever it is, so that an index names the same item in all."""
    found: dict[Name, set[int]] = {}
    for version in versions:
        for name, length in version.lengths.items():
            found.setdefault(name, set()).add(length)
    return {name: len(lengths) == 1 for name, lengths in found.items()}


def units(version: Version) -> list[Atom]:
    """The atoms, each in one piece, and those of a list, with all that stands in it, as one.

    For values that nobody can read: what belongs together stays together, and an item of a list has no name.
    """
    found: list[Atom] = []
    for atom in version.atoms:
        name = atom.name
        outermost = next((name[:n] for n in range(1, len(name) + 1) if name[:n] in version.lengths), None)
        text = "".join(atom.pieces)
        if outermost is not None and found and found[-1].name == outermost:
            found[-1].pieces = (found[-1].pieces[0] + atom.prefix + text,)
        else:
            found.append(Atom(outermost or name, atom.prefix, (text,), in_list=False))
    return found


def _scalars(item: Item) -> Iterator[tuple[int, int]]:
    """The spans of the scalars of a leaf: one, or those of a flow collection; keys of it are no values."""
    if item.kind not in (MAP, LIST):
        if item.end > item.inside:
            yield item.inside, item.end
        return
    open_ = [iter(item.entries)]
    while open_:
        entry = next(open_[-1], None)
        if entry is None:
            open_.pop()
        elif entry[1].kind in (MAP, LIST):
            open_.append(iter(entry[1].entries))
        elif entry[1].end > entry[1].inside:
            yield entry[1].inside, entry[1].end


def _field(item: Item, field: str) -> str | None:
    if item.kind != MAP:
        return None
    found = [value.value for key, value in item.entries if key is not None and key.value == field and key.kind == SCALAR
             and value.kind == SCALAR]  # fmt: skip
    return found[0] if len(found) == 1 else None
