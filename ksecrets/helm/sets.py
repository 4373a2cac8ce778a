"""Values of ``--set`` and its kin that are secrets: taken out of the command line, where all users could read them.

A reference in ``--set password=vals!ref+...`` is resolved by us, and Helm gets the result by a file in memory:

- A string, also one within ``--set-json``, goes by ``--set-file`` with the same key, and an empty string stays in its
  place. Helm goes by all of `--set-file` after `--set` and `--set-string`, so a secret that a later option overwrites
  is not handed over at all.
- What Helm would take for a number, true, false or null (pkg/strvals, typedVal) goes by a last values file, where
  no earlier option sets the same path and Helm prints the number alike (from a file it is a float64, which it prints
  as 1e+06); else it goes as a string.

Paths are compared as Helm reads them: `a.b[0].c`, with backslashes.
"""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.helm.arguments import SETS, until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Path = tuple[str | int, ...]
    Resolve = Callable[[str, str], "Resolved | None"]

_PRINTED_ALIKE = 1_000_000
_JSON = "set-json"
_LITERAL = "set-literal"


class Resolved:
    """What a value became. secret: it must not stand in a command line. Its repr shows nothing."""

    __slots__ = ("secret", "text")

    def __init__(self, text: str, *, secret: bool) -> None:
        self.text = text
        self.secret = secret


class Plan:
    """What becomes of the options: `texts` and `behind` as `arguments.with_sets` takes them.

    files: what `behind` names, as (index of the option, key in Helm's writing, content). typed: the content of the
    last values file, a tree, or an empty one.
    """

    __slots__ = ("files", "texts", "typed")

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.files: list[tuple[int, str, str]] = []
        self.typed: dict[str, object] = {}


class _Entry:
    """One ``key=value``. values: one text, or those of a list, or the strings in JSON.

    inside: for JSON, where each of the values stands in `data`; None for a key of a mapping.
    """

    __slots__ = ("data", "inside", "is_list", "key", "path", "values", "written")

    def __init__(self, key: str, path: Path, written: str, values: list[str], is_list: bool = False) -> None:
        self.key = key
        self.path = path
        self.written = written
        self.values = values
        self.is_list = is_list
        self.data: object = None
        self.inside: list[Path | None] = []


def plan(options: Sequence[tuple[str, str]], resolve: Resolve) -> Plan:
    """Look at every value that the options set.

    resolve: gets a value as Helm reads it and its path in Helm's writing; returns None for one that stays as it is,
    and raises for one that must not reach Helm. Raises UsageError where a secret cannot be handed over.
    """
    made = Plan([text for _, text in options])
    parsed = [_parse(option, text) for option, text in options]
    for number, (option, _) in enumerate(options):
        entries = parsed[number]
        new: list[str] = []
        for position, entry in enumerate(entries):
            if option == "set-file":
                new.append(entry.written)
                continue
            results = [resolve(value, entry.key) for value in entry.values]
            if not any(results):
                new.append(entry.written)
                continue
            if option == _JSON and entry.inside:
                new.append(_in_json(made, options, parsed, (number, position), entry, results))
                continue
            only = results[0]
            if not entry.is_list and only is not None and only.secret and option == "set":
                typed = _typed(only.text)
                if not isinstance(typed, str) and _first(options, parsed, (number, position)):
                    if not _overwritten(options, parsed, (number, position), entry.path):
                        _put(made.typed, entry.path, typed)
                    continue
            new.append(_in_place(made, options, parsed, (number, position), entry, results))
        if new != [entry.written for entry in entries]:
            made.texts[number] = ",".join(new)
    return made


def _in_place(
    made: Plan,
    options: Sequence[tuple[str, str]],
    parsed: list[list[_Entry]],
    at: tuple[int, int],
    entry: _Entry,
    results: list[Resolved | None],
) -> str:
    """The entry as it stands in the command line, its secrets left out and noted in `made`."""
    option = options[at[0]][0]
    values = []
    for index, (value, result) in enumerate(zip(entry.values, results, strict=True)):
        if result is None or not result.secret:
            values.append(value if result is None else result.text)
            continue
        if option in (_JSON, _LITERAL):
            raise _impossible(option, entry.key)
        values.append("")
        path: Path = (*entry.path, index) if entry.is_list else entry.path
        if not _overwritten(options, parsed, at, path):
            key = f"{entry.key}[{index}]" if entry.is_list else entry.key
            made.files.append((at[0], key, result.text))
    if option == _LITERAL:
        return f"{entry.key}={values[0]}"
    if entry.is_list:
        return entry.key + "={" + ",".join(_escaped(value, ",}") for value in values) + "}"
    return f"{entry.key}={_escaped(values[0], ',')}"


def _in_json(
    made: Plan,
    options: Sequence[tuple[str, str]],
    parsed: list[list[_Entry]],
    at: tuple[int, int],
    entry: _Entry,
    results: list[Resolved | None],
) -> str:
    """The same for a value of --set-json: its secret strings are empty, and set where they stand."""
    import json

    for inside, result in zip(entry.inside, results, strict=True):
        if result is None:
            continue
        if not inside or "" in inside:  # a key of a mapping; all of the value; or a key that --set-file cannot name
            raise _impossible(_JSON, entry.key)
        _exchange(entry.data, inside, "" if result.secret else result.text)
        if result.secret and not _overwritten(options, parsed, at, (*entry.path, *inside)):
            made.files.append((at[0], (entry.key + _written(inside)).removeprefix("."), result.text))
    text = json.dumps(entry.data, ensure_ascii=False)
    return f"{entry.key}={text}" if entry.key else text


def _impossible(option: str, key: str) -> UsageError:
    return UsageError(
        f"a reference in --{option} {key} cannot be handed to Helm without standing in its command line",
        hint="use --set-string, or a values file",
    )


def _exchange(tree: object, path: Path, text: str) -> None:
    for part in path[:-1]:
        tree = tree[part]  # type: ignore[index]
    tree[path[-1]] = text  # type: ignore[index]


def _written(path: Path) -> str:
    """A path below a key, in Helm's writing."""
    return "".join(f"[{part}]" if isinstance(part, int) else "." + _escaped_key(part) for part in path)


def _escaped_key(key: str) -> str:
    for letter in "\\.[=,":
        key = key.replace(letter, "\\" + letter)
    return key


def _order(options: Sequence[tuple[str, str]], at: tuple[int, int]) -> tuple[int, int, int]:
    return (SETS.index(options[at[0]][0]), *at)


def _others(
    options: Sequence[tuple[str, str]], parsed: list[list[_Entry]], at: tuple[int, int], *, later: bool
) -> Iterator[_Entry]:
    """The entries that Helm goes by before, or after, the one at hand."""
    here = _order(options, at)
    for number, entries in enumerate(parsed):
        for position, entry in enumerate(entries):
            there = _order(options, (number, position))
            if there > here if later else there < here:
                yield entry


def _overwritten(
    options: Sequence[tuple[str, str]], parsed: list[list[_Entry]], at: tuple[int, int], path: Path
) -> bool:
    """Whether Helm sets the path, or something that holds it, again later."""
    return any(
        bool(entry.path) and path[: len(entry.path)] == entry.path for entry in _others(options, parsed, at, later=True)
    )


def _first(options: Sequence[tuple[str, str]], parsed: list[list[_Entry]], at: tuple[int, int]) -> bool:
    """Whether nothing before it sets the path, something in it or something that holds it; and it has no index."""
    path = parsed[at[0]][at[1]].path
    if not all(isinstance(part, str) for part in path):
        return False
    for entry in _others(options, parsed, at, later=False):
        shorter = min(len(entry.path), len(path))
        if entry.path[:shorter] == path[:shorter]:  # also the empty path of what we cannot read
            return False
    return True


def _put(tree: dict[str, object], path: Path, value: object) -> None:
    for part in path[:-1]:
        inner = tree.setdefault(str(part), {})
        assert isinstance(inner, dict)  # nothing else sets a path that holds this one: `_first`
        tree = inner
    tree[str(path[-1])] = value


def _typed(text: str) -> object:
    """typedVal of pkg/strvals, but for numbers that Helm would print differently from a file."""
    word = text.lower()
    if word in ("true", "false"):
        return word == "true"
    if word == "null":
        return None
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isascii() and digits.isdigit() and (text == "0" or text[0] != "0"):
        number = int(text)
        if abs(number) < _PRINTED_ALIKE:
            return number
    return text


# -- the texts of the options ------------------------------------------------------------------------------------------


def _parse(option: str, text: str) -> list[_Entry]:
    """The entries of one option; what Helm will refuse is one entry that stays as it is."""
    if option == _JSON:
        return _json(text)
    entries: list[_Entry] = []
    at = 0
    while at < len(text):
        start = at
        found = _key(text, at)
        if found is None:
            return [*entries, _Entry(text[start:], (), text[start:], [text[start:]])]
        path, at = found
        key = text[start : at - 1]
        if option == _LITERAL:
            return [_Entry(key, path, text, [text[at:]])]
        if text.startswith("{", at):
            items: list[str] = []
            stop = ","
            at += 1
            while stop == ",":
                item, stop, at = until(text, at, ",}")
                items.append(item)
            entries.append(_Entry(key, path, text[start:at], items, True))
            if text.startswith(",", at):
                at += 1
        else:
            value, stop, at = until(text, at, ",")
            entries.append(_Entry(key, path, text[start : at - len(stop)], [value]))
    return entries


def _key(text: str, at: int) -> tuple[Path, int] | None:
    """A key from its text up to the `=`, and where its value begins; None where there is none."""
    path: list[str | int] = []
    while True:
        name, stop, at = until(text, at, "=[,.")
        if name or stop != "=" or not path:
            path.append(name)
        while stop == "[":
            number, stop, at = until(text, at, "]")
            if not stop or not number.isascii() or not number.isdigit():
                return None
            path.append(int(number))
            name, stop, at = until(text, at, "=[.")
            if name:
                return None
        if stop == "=":
            return tuple(path), at
        if stop != ".":
            return None


def _json(text: str) -> list[_Entry]:
    """The entries of --set-json, with every string in their values."""
    import json

    if text.lstrip().startswith("{"):
        try:
            return [_json_entry("", (), text, json.loads(text))]
        except ValueError:
            return [_Entry("", (), text, [text])]
    entries: list[_Entry] = []
    at = 0
    while at < len(text):
        start = at
        found = _key(text, at)
        if found is None:
            return [*entries, _Entry(text[start:], (), text[start:], [text[start:]])]
        path, at = found
        key = text[start : at - 1]
        begin = at + len(text[at:]) - len(text[at:].lstrip())
        try:
            value, end = json.JSONDecoder().raw_decode(text, begin)
        except ValueError:
            return [*entries, _Entry(key, path, text[start:], [text[begin:]])]
        entries.append(_json_entry(key, path, text[start:end], value))
        rest = text[end:].lstrip()
        at = len(text) - len(rest[1:] if rest.startswith(",") else rest)
    return entries


def _json_entry(key: str, path: Path, written: str, data: object) -> _Entry:
    strings = list(_strings(data, ()))
    entry = _Entry(key, path, written, [text for _, text in strings])
    entry.data = data
    entry.inside = [inside for inside, _ in strings]
    return entry


def _strings(value: object, path: Path) -> Iterator[tuple[Path | None, str]]:
    """Every string in a value, with its path; keys of mappings with None."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield None, key
            yield from _strings(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _strings(each, (*path, index))


def _escaped(value: str, special: str) -> str:
    for letter in "\\" + special:
        value = value.replace(letter, "\\" + letter)
    return "\\" + value if value.startswith("{") else value
