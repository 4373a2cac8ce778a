"""Three versions of a sequence of atoms become one: the merge where git's line merge gives up.

What one side left as it was, the other decides. What both changed is compared piece by piece; only where both changed
the same piece in different ways is there a conflict, and it is that entry's alone. What is added at one place by both
sides stands there one behind the other, ours first, where these are entries of mappings; the order of a list means
something, so there it is a conflict.
"""

from __future__ import annotations

from ksecrets.operations.merging.atoms import Version, same_lengths, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from ksecrets.operations.merging.atoms import Atom, Name

    TextMerge: TypeAlias = "Callable[[str, str, str], str | None]"  # base, ours, theirs; None where it conflicts


class Conflict:
    """A place where both sides changed the same: whole lines of each version, "" where it has none.

    names: of the entries that it is about, where these are known.
    """

    __slots__ = ("base", "names", "ours", "theirs")

    def __init__(self, base: str, ours: str, theirs: str, names: Sequence[Name] = ()) -> None:
        self.base = base
        self.ours = ours
        self.theirs = theirs
        self.names = names

    def concerns(self, name: Name) -> bool:
        """Whether an entry is one of these, in one of them, or around one."""
        return any(name[: len(own)] == own[: len(name)] for own in self.names)

    def __repr__(self) -> str:
        return "<Conflict>"  # its texts are plaintext


class Unmergeable(Exception):
    """The entries cannot be put in one order, or what came out does not mean what both sides said."""


def merge_atoms(base: str, ours: str, theirs: str, text_merge: TextMerge) -> list[str | Conflict]:
    """The merged text as clean texts and conflicts, in order.

    text_merge: merges values and comments of several lines. Raises Unmergeable, and SyntaxRefused where a text is no
    YAML. Guarantees: each entry outside of the conflicts means what a merge of the meanings gives.
    """
    first = [Version(text) for text in (base, ours, theirs)]
    fixed = same_lengths(*first)
    b, o, t = first if all(fixed.values()) else [Version(text, fixed) for text in (base, ours, theirs)]
    segments = _Merge(b.atoms, o.atoms, t.atoms, text_merge).run()
    return _checked(segments, fixed, b, o, t)


def merge_units(base: str, ours: str, theirs: str) -> list[str | Conflict]:
    """The same for texts of tokens, which nobody here can read: an entry is taken whole or not at all, and a list is
    one entry. Raises what `merge_atoms` raises, and Unmergeable also where a key stands twice in one mapping.
    """
    b, o, t = (Version(text) for text in (base, ours, theirs))
    if b.doubled or o.doubled or t.doubled:
        raise Unmergeable("a key stands twice")
    segments = _Merge(units(b), units(o), units(t), _not_inside).run()
    return _checked(segments, {}, b, o, t)


def merge_whole(base: Sequence[Atom], ours: Sequence[Atom], theirs: Sequence[Atom]) -> list[str | Conflict]:
    """The same for entries that somebody else has cut out, with names of their own. Raises Unmergeable."""
    return _Merge(base, ours, theirs, _not_inside).run()


def _not_inside(base: str, ours: str, theirs: str) -> str | None:
    return None


def _checked(
    segments: list[str | Conflict], fixed: Mapping[Name, bool], b: Version, o: Version, t: Version
) -> list[str | Conflict]:
    left = [segment for segment in segments if isinstance(segment, Conflict)]
    merged = "".join(segment.ours if isinstance(segment, Conflict) else segment for segment in segments)
    _check(merged, left, fixed, b, o, t)
    return segments


class _Merge:
    """One merge of three versions."""

    def __init__(
        self, base: Sequence[Atom], ours: Sequence[Atom], theirs: Sequence[Atom], text_merge: TextMerge
    ) -> None:
        self.text_merge = text_merge
        self.base, self.ours, self.theirs = (_by_name(atoms) for atoms in (base, ours, theirs))

    def run(self) -> list[str | Conflict]:
        base, ours, theirs = self.base, self.ours, self.theirs
        shared = [name for name in base if name in ours and name in theirs]
        in_ours = [name for name in ours if name in base and name in theirs]
        in_theirs = [name for name in theirs if name in base and name in ours]
        if in_ours == in_theirs or in_theirs == shared:
            order, other = list(ours), theirs
        elif in_ours == shared:
            order, other = list(theirs), ours
        else:
            raise Unmergeable("both sides changed the order")
        segments: list[str | Conflict] = []
        for each in self._with_added(order, other, ours_first=other is theirs):
            if isinstance(each, Conflict):
                segments.append(each)
            else:
                segments += self._atom(base.get(each), ours.get(each), theirs.get(each))
        return [segment for segment in segments if segment != ""]

    def _with_added(self, order: list[Name], other: Mapping[Name, Atom], *, ours_first: bool) -> list[Name | Conflict]:
        """The names of one side with those that only the other one has, each behind its predecessor there."""
        known = set(order)
        behind: dict[Name | None, list[Name]] = {}
        before: Name | None = None
        for name in other:
            if name in known:
                before = name
            else:
                behind.setdefault(before, []).append(name)
        if not behind:
            return list(order)
        result: list[Name | Conflict] = list(behind.pop(None, []))
        position = 0
        while position < len(order):
            name = order[position]
            position += 1
            result.append(name)
            added = behind.get(name)
            if not added:
                continue
            here = []
            while position < len(order) and order[position] not in other:
                here.append(order[position])
                position += 1
            result += self._in_one_place(here, added) if ours_first else self._in_one_place(added, here)
        return result

    def _in_one_place(self, ours: list[Name], theirs: list[Name]) -> list[Name | Conflict]:
        """What only ours and only theirs has behind the same entry: inner entries before outer ones, ours first."""
        new = [[name for name in names if name not in self.base] for names in (ours, theirs)]
        if all(new) and any(self._atom_of(name).in_list for name in (new[0][0], new[1][0])):
            if len(new[0]) != len(ours) or len(new[1]) != len(theirs):
                raise Unmergeable("a list was rewritten by both sides")
            mine, others = ("".join(self._atom_of(name).text for name in names) for names in new)
            return [Conflict("", mine, others, [*ours, *theirs])]
        result: list[Name | Conflict] = []
        left, right = list(_with_depths(ours)), list(_with_depths(theirs))
        while left and right:
            result.append((left if left[0][0] >= right[0][0] else right).pop(0)[1])
        return result + [name for _, name in left + right]

    def _atom_of(self, name: Name) -> Atom:
        return self.ours[name] if name in self.ours else self.theirs[name]

    def _atom(self, base: Atom | None, ours: Atom | None, theirs: Atom | None) -> list[str | Conflict]:
        if ours == theirs or theirs == base:
            return [ours.text] if ours is not None else []
        if ours == base:
            return [theirs.text] if theirs is not None else []
        if base is None or ours is None or theirs is None:
            if ours is not None and theirs is not None and ours.pieces == theirs.pieces:
                return [max(ours.prefix, theirs.prefix, key=len) + "".join(ours.pieces)]  # only comments differ
            was, left, right = (atom.text if atom is not None else "" for atom in (base, ours, theirs))
            return [Conflict(was, left, right, [atom.name for atom in (base, ours, theirs) if atom is not None])]
        prefix = self._piece(base.prefix, ours.prefix, theirs.prefix)
        lead: str | Conflict = Conflict(base.prefix, ours.prefix, theirs.prefix) if prefix is None else prefix
        own = self._pieces(base.pieces, ours.pieces, theirs.pieces)
        if isinstance(own, Conflict):
            own.names = (base.name,)
        return [lead, own]

    def _pieces(self, base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> str | Conflict:
        if not len(base) == len(ours) == len(theirs):
            whole = self._piece("".join(base), "".join(ours), "".join(theirs))
            return Conflict("".join(base), "".join(ours), "".join(theirs)) if whole is None else whole
        sides = ["", "", ""]
        clean = True
        for three in zip(base, ours, theirs, strict=True):
            merged = self._piece(*three)
            clean = clean and merged is not None
            for number, text in enumerate(three):
                sides[number] += text if merged is None else merged
        return sides[1] if clean else Conflict(sides[0], sides[1], sides[2])

    def _piece(self, base: str, ours: str, theirs: str) -> str | None:
        if ours == theirs or theirs == base:
            return ours
        if ours == base:
            return theirs
        if min(text.count("\n") for text in (base, ours, theirs)) < 2:
            return None
        return self.text_merge(base, ours, theirs)


def _by_name(atoms: Sequence[Atom]) -> dict[Name, Atom]:
    found = {atom.name: atom for atom in atoms}
    if len(found) != len(atoms):
        raise Unmergeable("two entries have one name")
    return found


def _with_depths(names: list[Name]) -> list[tuple[int, Name]]:
    """Each name with the outermost level that was reached up to it: behind that, nothing inner can follow."""
    depth = 1 << 30
    found = []
    for name in names:
        depth = min(depth, len(name))
        found.append((depth, name))
    return found


def _check(
    text: str, left_over: Sequence[Conflict], fixed: Mapping[Name, bool], base: Version, ours: Version, theirs: Version
) -> None:
    """Refuse a merged text that does not mean, entry by entry, what a merge of the meanings gives."""
    from ksecrets.errors import SyntaxRefused

    try:
        merged = Version(text, fixed)
    except SyntaxRefused:
        raise Unmergeable("what came out is no YAML") from None
    names = {**base.values, **ours.values, **theirs.values, **merged.values}
    for name in names:
        was, left, right, now = (version.values.get(name) for version in (base, ours, theirs, merged))
        wanted = right if left == was else left if right in (was, left) else now
        if wanted != now and not any(conflict.concerns(name) for conflict in left_over):
            raise Unmergeable("what came out means something else")
    if merged.doubled and not (ours.doubled or theirs.doubled):
        raise Unmergeable("a key would stand twice")
