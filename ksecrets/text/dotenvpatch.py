"""Set or remove one value of a plaintext dotenv file; every other byte stays.

A name is looked for as it stands, then without ``export`` and the blanks around it, so that ``A`` finds ``export A=1``.
The new text is read again: only the addressed value may have changed.
"""

from __future__ import annotations

from ksecrets.errors import NoSuchValue, SyntaxRefused, UsageError
from ksecrets.text import dotenv
from ksecrets.text import path as paths
from ksecrets.text.node import SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path

_BLANKS = " \t\ufeff"


def set_value(text: str, path: Path, value: object) -> str:
    """The text with a value at a name: replaced in place, or as a line behind the last one.

    value: a str, int, float, bool or None (nothing behind the ``=``). A str is written as it is given, quotes included,
    with its line breaks as ``\\n``; the carriage return of a line is kept.
    Raises UsageError for a list or mapping, and for a name that dotenv cannot hold; SyntaxRefused for a name that
    stands there twice.
    """
    name = _name_of(path)
    source = dotenv.predicted(dotenv.RAW, "str", as_text(value, "dotenv"))
    node = _found(text, name)
    if node is not None:
        at, end = node.start, node.end
        kept = "\r" if text[at:end].endswith("\r") and not source.endswith("\r") else ""
        return _checked(text, text[:at] + source + kept + text[end:], str(node.key), path)
    if not _is_name(name):
        raise UsageError(
            "a name of a dotenv file is on one line, has no `=`, and begins neither with `#` nor with `sops_`",
            path=paths.format(path),
        )
    newline = "\r\n" if "\r\n" in text else "\n"
    start = "" if not text or text.endswith("\n") else newline
    return _checked(text, f"{text}{start}{name}={source}{newline}", name, path)


def unset_value(text: str, path: Path) -> str:
    """The text without the line of a name. Raises KsecretsError where there is none, else as `set_value`."""
    node = _found(text, _name_of(path))
    if node is None:
        raise NoSuchValue("there is no such value", path=paths.format(path))
    start = text.rfind("\n", 0, node.start) + 1
    end = text.find("\n", node.end) + 1 or len(text)
    return _checked(text, text[:start] + text[end:], str(node.key), path)


def get_value(text: str, path: Path) -> str | None:
    """The value of a name, or None where there is none; of several the last one. Without the carriage return of its
    line, which sops counts to the value: nobody who asks for a value wants it."""
    found = None
    for node in dotenv.scan(text):
        if node.kind == SCALAR and (node.key,) == path:
            found = node
    if found is None and len(path) == 1:
        for node in dotenv.scan(text):
            if node.kind == SCALAR and _bare(str(node.key)) == path[0]:
                found = node
    return None if found is None else found.value.removesuffix("\r")


def as_text(value: object, format: str) -> str:
    """A value in a format that knows nothing but text. Raises UsageError for a list or a mapping."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UsageError(f"a value of a {format} file is text, not a list or a mapping")


def _name_of(path: Path) -> str:
    if len(path) != 1 or not isinstance(path[0], str):
        raise UsageError("a dotenv file has names and no more levels than that", path=paths.format(path))
    return path[0]


def _is_name(name: str) -> bool:
    return "\n" not in name and "=" not in name and not name.startswith(("#", dotenv.PREFIX)) and bool(name)


def _found(text: str, name: str) -> Node | None:
    nodes = [node for node in dotenv.scan(text) if node.kind == SCALAR]
    matches = [node for node in nodes if node.key == name] or [node for node in nodes if _bare(str(node.key)) == name]
    if len(matches) > 1:
        raise SyntaxRefused(
            "the name stands there twice, so that readers differ about its value",
            line=matches[1].line,
            path=paths.format((name,)),
        )
    return matches[0] if matches else None


def _bare(key: str) -> str:
    key = key.strip(_BLANKS)
    return key[7:].lstrip(_BLANKS) if key.startswith(("export ", "export\t")) else key


def _checked(text: str, changed: str, key: str, path: Path) -> str:
    """The changed text, if nothing but the value of one name is another."""
    if _others(changed, key) != _others(text, key):
        raise SyntaxRefused(
            "the value cannot be changed here without changing more than it",
            path=paths.format(path),
            hint="change it by hand with `ksecrets edit`",
        )
    return changed


def _others(text: str, key: str) -> list[tuple[int, str | int | None, str]]:
    return [(node.kind, node.key, node.value) for node in dotenv.scan(text) if node.kind != SCALAR or node.key != key]
