"""Who is in: changes to the people of `.ksecrets.yaml` that leave every other byte as it stands.

A name is put into a list or taken out of it where it is written, in the list's own style; an entry goes with its line.
Each change is parsed again before it is returned, and must say what was asked and nothing else: where the file is
written in a way that does not allow it (an alias that several environments share, a merge key), it is refused, and a
person edits the file by hand.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.rules import FILE
from ksecrets.rules.config import Config, parse
from ksecrets.rules.edit import add_recipient, flow, flow_list, insert, scalar
from ksecrets.rules.reading import load, nearest
from ksecrets.text.tree import Mapping, short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from ksecrets.rules.environment import Environment
    from ksecrets.rules.policy import Kind

    Path = tuple[str | int, ...]


def add_pending(text: str, name: str, recipient: str, environment: str, kind: Kind = "person") -> str:
    """The configuration with a request: `name`, with this age recipient, wants to read an environment.

    The same text where that stands there already. Opens nothing: `pending` has no part in any policy. Raises
    ConfigError where the name stands for another key, the environment is not known, or they read it already.
    """
    before = parse(text)
    environment_of(before, environment)
    known = before.recipients.get(name)
    fields = {"recipient": recipient}
    if known is not None and not known.same_key("age", fields):
        raise ConfigError(f"{name} is already a recipient, with another key", file=FILE, hint="choose another --name")
    other = before.name_of("age", fields)
    if other is not None and other != name:
        raise ConfigError(f"this key is already in the configuration, as {other}", file=FILE, hint=f"--name {other}")
    if known is not None and known in before.environments[environment].readers:
        raise ConfigError(f"{name} reads {environment} already", file=FILE)
    waiting = before.pending.get(name)
    if waiting is not None and not waiting.reader.same_key("age", fields):
        raise ConfigError(
            f"{name} is already waiting, with another key", file=FILE, line=waiting.line, hint="choose another --name"
        )
    if waiting is not None and environment in waiting.wants:
        return text
    if waiting is not None and waiting.wants:
        result = _append(text, ("pending", name, "wants"), environment)
    elif waiting is not None:
        raise ConfigError(f"{name} is waiting without `wants`", file=FILE, line=waiting.line, hint="add it by hand")
    else:
        entry: dict[str, object] = {"age": recipient} if kind == "person" else {"age": recipient, "kind": kind}
        shown = f"{flow(entry)[:-1]}, wants: {flow_list([environment])}}}"
        result = insert(text, "pending", name, [f"{scalar(name)}: {shown}"], {**entry, "wants": [environment]})
    after = parse(result)
    _expect(name in after.pending and environment in after.pending[name].wants and _readers(after) == _readers(before))
    return result


def grant(text: str, name: str, environments: Sequence[str], *, beside: str | None = None) -> str:
    """The configuration in which `name` reads these environments, and waits for them no more.

    name: somebody of `pending`, or a recipient. beside: where an environment has shares, somebody in the group that
    `name` goes into. Rules inside an environment that name their readers stay as narrow as they are. The same text
    where it says so already. Raises ConfigError for unknown names, and for shares without `beside`.
    """
    before = parse(text)
    waiting = before.pending.get(name)
    if waiting is None and name not in before.recipients:
        hint = nearest(name, (*before.pending, *before.recipients)) or f"ksecrets request ENV --name {name}"
        raise ConfigError(f"{short(name)} is neither waiting nor a recipient", file=FILE, hint=hint)
    groups: dict[str, Path] = {}
    for each in environments:
        environment = environment_of(before, each)
        if name not in _readers(before)[each]:
            groups[each] = _group_of(beside, environment)
    result = text
    if waiting is not None:
        written = load(text.removeprefix("\ufeff"), FILE)["pending"]
        assert isinstance(written, Mapping)
        entry = written[name]
        assert isinstance(entry, Mapping)
        kept: dict[str, Any] = {key: value for key, value in entry.items() if key not in ("wants", "kind")}
        result = add_recipient(result, name, kept, waiting.reader.kind)
        left = [wanted for wanted in waiting.wants if wanted not in environments]
        for wanted in waiting.wants if left else ():
            if wanted in environments:
                result = _drop(result, ("pending", name, "wants"), wanted)
        if not left:
            result = _remove(result, "pending", name)
    for each, path in groups.items():
        result = _append(result, ("environments", each, *path), name)
    expected = {
        each: readers | ({name} if each in environments else set()) for each, readers in _readers(before).items()
    }
    _expect(_readers(parse(result)) == expected)
    return result


def _group_of(beside: str | None, environment: Environment) -> Path:
    """Where a new reader goes in an environment: into its readers, or into the group of shares that `beside` is in."""
    if environment.shares is None:
        return ("readers",)
    if beside is None:
        raise ConfigError(
            f"{environment.name} has Shamir shares, and a reader belongs into the group of somebody",
            file=FILE,
            line=environment.line,
            hint="--beside NAME says whose; a group of one's own is written by hand",
        )
    found = [at for at, group in enumerate(environment.shares.groups) if any(reader.name == beside for reader in group)]
    if len(found) != 1:
        groups = "no group" if not found else "several groups"
        raise ConfigError(
            f"{short(beside)} is in {groups} of the shares of {environment.name}",
            file=FILE,
            line=environment.line,
            hint=None if found else nearest(beside, [reader.name for reader in environment.readers]),
        )
    return ("shares", "of", found[0])


def revoke(text: str, name: str, environments: Sequence[str] | None = None) -> str:
    """The configuration in which `name` no longer reads these environments; None: in which there is no `name` at all.

    A group of which only one environment loses a member is spelled out there. Raises ConfigError where nobody would be
    left in an environment or a group of its shares, where `defaults.readers` names them, and for unknown names.
    """
    before = parse(text)
    if name not in before.recipients and name not in before.pending:
        known = (*before.recipients, *before.pending)
        hint = nearest(name, known) or f"there are: {', '.join(known)}"
        raise ConfigError(f"no recipient is called {short(name)}", file=FILE, hint=hint)
    chosen = list(before.environments) if environments is None else list(environments)
    for each in chosen:
        environment_of(before, each)
    tree = load(text.removeprefix("\ufeff"), FILE)
    always = _texts(tree, ("defaults", "readers"))
    if environments is not None and name in _members(always, before):
        raise ConfigError(
            f"{name} reads every environment, by defaults.readers",
            file=FILE,
            hint=f"ksecrets revoke {name}, without an environment",
        )
    alone = [group for group, members in before.groups.items() if members == (name,)]
    lists: list[Path] = [("defaults", "readers")] if environments is None else []
    for each in chosen:
        lists.append(("environments", each, "readers"))
        lists += [("environments", each, "rules", at, "readers") for at in range(_rules(tree, each))]
        shares = before.environments[each].shares
        lists += [("environments", each, "shares", "of", at) for at in range(len(shares.groups) if shares else 0)]
    result = text
    for path in lists:
        for item in _texts(tree, path):
            if item == name or (item in alone and environments is None):
                result = _drop(result, path, item)
            elif environments is not None and name in before.groups.get(item, ()):
                others = [member for member in before.groups[item] if member not in (name, *_texts(tree, path))]
                result = _swap(result, path, item, others)
    if environments is None:
        for group, members in before.groups.items():
            if group in alone:
                result = _remove(result, "groups", group)
            elif name in members:
                result = _drop(result, ("groups", group), name)
        for section in ("pending", "recipients"):
            if name in _keys(tree, section):
                result = _remove(result, section, name)
    expected = {each: readers - ({name} if each in chosen else set()) for each, readers in _readers(before).items()}
    _expect(_readers(parse(result)) == expected)
    return result


def add_default_reader(text: str, name: str) -> str:
    """The configuration in which a recipient reads every environment, through `defaults.readers`."""
    before = parse(text)
    tree = load(text.removeprefix("\ufeff"), FILE)
    if name in _members(_texts(tree, ("defaults", "readers")), before):
        return text
    if "readers" in _keys(tree, "defaults"):
        result = _append(text, ("defaults", "readers"), name)
    elif _keys(tree, "defaults"):
        result = _changed(text, ("defaults",), lambda node: _first(text, node, f"readers: {flow_list([name])}"))
    else:
        result = insert(text, "defaults", "readers", [f"readers: {flow_list([name])}"], [name])
    shared = {each for each, environment in before.environments.items() if environment.shares is not None}
    expected = {each: readers | (set() if each in shared else {name}) for each, readers in _readers(before).items()}
    _expect(_readers(parse(result)) == expected)
    return result


def environment_of(config: Config, name: str) -> Environment:
    """An environment by its name. Raises ConfigError with the nearest one."""
    found = config.environments.get(name)
    if found is None:
        hint = nearest(name, config.environments) or f"there are: {', '.join(config.environments)}"
        raise ConfigError(f"no environment is called {short(name)}", file=config.file, hint=hint)
    return found


def _readers(config: Config) -> dict[str, set[str]]:
    return {name: {reader.name for reader in found.readers} for name, found in config.environments.items()}


def _members(names: Collection[str], config: Config) -> set[str]:
    return {member for name in names for member in config.groups.get(name, (name,))}


def _expect(holds: bool) -> None:
    if not holds:
        raise KsecretsError("the edit to the configuration did not come out as meant", hint=f"edit {FILE} by hand")


# -- the tree, for what stands where -----------------------------------------------------------------------------------


def _at(tree: object, path: Path) -> object:
    for step in path:
        if isinstance(tree, Mapping) and isinstance(step, str):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int):
            tree = tree[step]
        else:
            return None
    return tree


def _texts(tree: Mapping, path: Path) -> list[str]:
    found = _at(tree, path)
    return [str(each) for each in found] if isinstance(found, list) else [str(found)] if isinstance(found, str) else []


def _rules(tree: Mapping, environment: str) -> int:
    found = _at(tree, ("environments", environment, "rules"))
    return len(found) if isinstance(found, list) else 0


def _keys(tree: Mapping, section: str) -> list[str]:
    found = tree.get(section)
    return list(found) if isinstance(found, Mapping) else []


# -- the text, changed where a node stands -----------------------------------------------------------------------------


def _append(text: str, path: Path, item: str) -> str:
    def change(node: Any) -> tuple[int, int, str]:
        if not isinstance(node.value, list):
            return _start(node), _end(node), flow_list([node.value, item])
        if not node.value:
            return _start(node), _end(node), flow_list([item])
        at = _end(node.value[-1])
        if node.flow_style:
            return at, at, f", {scalar(item)}"
        at = _line_end(text, at)
        new = f"{_margin(text, node.value[-1])}- {scalar(item)}"
        ends = text[:at].endswith("\n")
        return at, at, new + _break(text) if ends else _break(text) + new

    return _changed(text, path, change)


def _first(text: str, mapping: Any, entry: str) -> tuple[int, int, str]:
    """An entry before the others of a mapping that has some."""
    at = _start(mapping.value[0][0])
    if mapping.flow_style:
        return at, at, f"{entry}, "
    margin = text[_line_start(text, at) : at]
    _expect(not margin.strip())
    return at, at, f"{entry}{_break(text)}{margin}"


def _drop(text: str, path: Path, item: str) -> str:
    def change(node: Any) -> tuple[int, int, str]:
        items = node.value if isinstance(node.value, list) else [node]
        at = next(at for at, each in enumerate(items) if each.value == item)
        if len(items) == 1:
            name = " ".join(str(step) for step in path[:2])
            if path[0] != "defaults":
                where = "a group of the shares" if "shares" in path else "the readers"
                raise ConfigError(
                    f"{item} is the only one in {where} of {name}",
                    file=FILE,
                    line=node.start_mark.line + 1,
                    hint="grant it to somebody else first, or remove what nobody is to read",
                )
            return _start(node), _end(node), "[]"
        if not node.flow_style:
            _margin(text, items[at])
            return _line_start(text, _start(items[at])), _line_end(text, _end(items[at])), ""
        if at + 1 < len(items):
            return _start(items[at]), _start(items[at + 1]), ""
        return _end(items[at - 1]), _end(items[at]), ""

    return _changed(text, path, change)


def _swap(text: str, path: Path, item: str, others: Sequence[str]) -> str:
    """The list with other items in the place of one."""
    if not others:
        return _drop(text, path, item)

    def change(node: Any) -> tuple[int, int, str]:
        if not isinstance(node.value, list):
            return _start(node), _end(node), flow_list(others)
        found = next(each for each in node.value if each.value == item)
        between = ", " if node.flow_style else _break(text) + _margin(text, found) + "- "
        return _start(found), _end(found), between.join(scalar(other) for other in others)

    return _changed(text, path, change)


def _remove(text: str, section: str, name: str) -> str:
    """The text without an entry of a section; without the section where it was its only entry."""

    def change(top: Any) -> tuple[int, int, str]:
        pairs = top.value
        at = next(at for at, (key, _) in enumerate(pairs) if key.value == section)
        inside = pairs[at][1].value
        node = top
        if len(inside) > 1:
            node, pairs = pairs[at][1], inside
            at = next(at for at, (key, _) in enumerate(pairs) if key.value == name)
        key, value = pairs[at]
        if not node.flow_style:
            start = _line_start(text, _start(key))
            _expect(not text[start : _start(key)].strip())
            end = _line_end(text, max(_end(key), _end(value)))
            if node is top and end == len(text):  # the empty line before a last section goes with it
                start = len(text[:start].rstrip()) + len(_break(text))
            return start, end, ""
        if at + 1 < len(pairs):
            return _start(key), _start(pairs[at + 1][0]), ""
        return (_end(pairs[at - 1][1]) if at else _start(key)), _end(value), ""

    return _changed(text, (), change)


def _changed(text: str, path: Path, change: Callable[[Any], tuple[int, int, str]]) -> str:
    """The text with the change to the node at a path: a stretch of characters, and what stands there instead."""
    import yaml

    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
        for step in path:
            if isinstance(step, int):
                node = node.value[step]
            else:
                node = next(value for key, value in node.value if key.value == step)
        start, end, new = change(node)
    except (yaml.YAMLError, StopIteration, AttributeError, TypeError, IndexError):
        _expect(False)  # an alias, a merge key, a form of its own
        raise
    return text[:start] + new + text[end:]


def _start(node: Any) -> int:
    return int(node.start_mark.index)


def _end(node: Any) -> int:
    """Where a node's text ends; a block collection's own mark is behind the comments after it."""
    while isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """Behind the line break of the line that `at` is in (or ends: a block scalar ends where the next line begins)."""
    if at and text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _margin(text: str, item: Any) -> str:
    """What stands before the dash of a list's item: white space, or the edit is refused."""
    start = _start(item)
    before = text[_line_start(text, start) : start]
    _expect(before.strip() == "-")
    return before[: before.index("-")]


def _break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
