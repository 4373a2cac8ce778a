"""Additions to `.ksecrets.yaml` that leave everything else as it stands: comments, order, alignment.

A new entry is written behind the last one of its mapping, in that mapping's indentation. Where the file writes the
mapping in another way (`{...}` on one line, an alias), ruamel.yaml makes the edit, which keeps comments and order but
may change spaces. Either way the result is parsed again before it is returned, and must say what was asked.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.rules import FILE
from ksecrets.rules.config import Config, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ksecrets.rules.policy import Kind

_HEAD = """\
# Who reads which secrets. Paths are git patterns from the top of the repository; each file has one environment.
# The format: docs/configuration.md of ksecrets; `ksecrets check` says what does not fit.
version: 1

recipients:
  {name}: {{age: {recipient}}}

defaults:
  min-readers: 2  # lose the only key, lose the secrets

environments:
  {env}:
    files: {files}
    readers: [{name}]
"""


def new_config(name: str, recipient: str, env: str, files: Sequence[str]) -> str:
    """The text of a first configuration: one person with an age recipient, one environment that they read.

    Raises ConfigError where a name, the recipient or a pattern is not possible.
    """
    text = _HEAD.format(name=scalar(name), recipient=scalar(recipient), env=scalar(env), files=flow_list(files))
    parse(text)
    return text


def add_recipient(text: str, name: str, fields: Mapping[str, object], kind: Kind = "person") -> str:
    """The configuration with one more recipient, whose `fields` are as in the file (`{"age": "age1..."}`).

    The same text where the name already stands for this key and kind. Raises ConfigError where it stands for another
    one, where the key has another name, and for whatever `config.parse` refuses.
    """
    before = parse(text)
    entry = {**fields} if kind == "person" else {**fields, "kind": kind}
    wanted = _recipient(before, name, entry)
    known = before.recipients.get(name)
    if known is not None:
        if known != wanted:
            raise ConfigError(f"{name} is already a recipient, with another key or kind", file=FILE)
        return text
    result = insert(text, "recipients", name, [f"{scalar(name)}: {flow(entry)}"], entry)
    _expect(parse(result).recipients.get(name) == wanted)
    return result


def add_environment(text: str, name: str, files: Sequence[str], readers: Sequence[str]) -> str:
    """The configuration with one more environment, read by these recipients and groups.

    The same text where the environment is there with these files and readers. Raises ConfigError where it has others,
    where a name is not known, and for whatever `config.parse` refuses.
    """
    before = parse(text)
    if name in before.environments:
        known = before.environments[name]
        if [glob.pattern for glob in known.globs] == list(files) and set(known.readers) >= set(_named(before, readers)):
            return text
        raise ConfigError(
            f"{name} is already an environment, with other files or readers",
            file=FILE,
            hint=f"change environments.{name} there by hand, then run `ksecrets updatekeys` on its files",
        )
    lines = [f"{scalar(name)}:", f"  files: {flow_list(files)}", f"  readers: {flow_list(readers)}"]
    result = insert(text, "environments", name, lines, {"files": list(files), "readers": list(readers)})
    after = parse(result).environments.get(name)
    _expect(after is not None and [glob.pattern for glob in after.globs] == list(files))
    return result


def _named(config: Config, readers: Sequence[str]) -> list[Any]:
    members = [member for name in readers for member in config.groups.get(name, (name,))]
    return [config.recipients.get(member, member) for member in members]


def _recipient(config: Config, name: str, entry: Mapping[str, object]) -> Any:
    """The reader that the entry would be, read in a configuration of its own."""
    return parse(f"version: 1\nrecipients: {{{scalar(name)}: {flow(entry)}}}\n").recipients[name]


def _expect(holds: bool) -> None:
    if not holds:
        raise KsecretsError("the edit to the configuration did not come out as meant", hint=f"edit {FILE} by hand")


def insert(text: str, section: str, name: str, lines: list[str], value: object) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    found = _section(text, section)
    if found is None:
        return _by_ruamel(text, section, name, value)
    indent, after, new = found
    rows = text.splitlines(keepends=True)
    if new:
        block = [f"{section}:", *("  " + line for line in lines)]
        if after and rows[after - 1].strip():
            block.insert(0, "")
    else:
        block = [" " * indent + line for line in lines]
    if after and not rows[after - 1].endswith(("\n", "\r")):
        rows[after - 1] += end
    return "".join([*rows[:after], *(line + end for line in block), *rows[after:]])


def _section(text: str, section: str) -> tuple[int, int, bool] | None:
    """Where a new entry of a top-level mapping goes: its indentation, the number of lines before it, and whether
    there is no such mapping yet. None where lines cannot simply be put in.
    """
    from ksecrets.text.libyaml import events

    lines = text.splitlines()
    if len(lines) != text.count("\n") + (not text.endswith("\n") and bool(text)):
        return None  # line breaks that libyaml and `splitlines` count differently
    depth = 0
    key: str | None = None
    inside = False  # in the section's mapping
    indent, last, rows = 2, 0, len(lines)
    for event in events(text):
        kind = type(event).__name__
        if kind.endswith("StartEvent") and kind[:8] in ("MappingS", "Sequence"):
            depth += 1
            if depth == 1 and event.flow_style:
                return None
            if depth == 2 and key == section:
                if kind != "MappingStartEvent" or event.flow_style:
                    return None
                inside = True
                indent = 0  # that of its first key: the mapping itself may begin with an anchor
            elif depth == 2:
                key = None
        elif kind.endswith("EndEvent") and kind[:8] in ("MappingE", "Sequence"):
            depth -= 1
            if inside and depth == 1:
                return indent, last, False
            if depth == 1:
                key = None
        elif kind in ("ScalarEvent", "AliasEvent") and depth == 1:
            if key is None:
                key = event.value if kind == "ScalarEvent" else ""
            elif key == section:
                empty = kind == "ScalarEvent" and event.value == "" and not event.style
                return (2, event.start_mark.line + 1, False) if empty else None
            else:
                key = None
        elif kind == "DocumentEndEvent" and event.explicit:
            rows = event.start_mark.line
        if inside and not indent and kind in ("ScalarEvent", "AliasEvent"):
            indent = event.start_mark.column
        if inside and event.end_mark.column:
            last = event.end_mark.line + 1
        elif inside and kind == "ScalarEvent":  # a block scalar ends where the next line begins
            last = event.end_mark.line
    return 2, rows, True


def _by_ruamel(text: str, section: str, name: str, value: object) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    tree = yaml.load(text)
    if tree.get(section) is None:
        tree[section] = {}
    tree[section][name] = value
    out = io.StringIO()
    yaml.dump(tree, out)
    return out.getvalue()


def flow(entry: Mapping[str, object]) -> str:
    parts = []
    for key, value in entry.items():
        shown = flow(value) if isinstance(value, dict) else scalar(str(value))
        parts.append(f"{scalar(key)}: {shown}")
    return "{" + ", ".join(parts) + "}"


def flow_list(items: Sequence[str]) -> str:
    return "[" + ", ".join(scalar(item) for item in items) + "]"


def scalar(text: str) -> str:
    """A text as YAML: plain where nobody could take it for something else, else in double quotes."""
    plain = text[:1].isalpha() and all(char.isascii() and (char.isalnum() or char in "._-") for char in text)
    if plain and text.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
        return text
    import json

    return json.dumps(text)
