"""Set or remove one value of a plaintext INI file; every other byte stays.

A path is a section and a name; what stands before the first header is in ``DEFAULT``. The new text is read again: only
the addressed value may have changed.
"""

from __future__ import annotations

from ksecrets.errors import NoSuchValue, SyntaxRefused, UsageError
from ksecrets.text import ini
from ksecrets.text import path as paths
from ksecrets.text.dotenvpatch import as_text
from ksecrets.text.iniline import BACKTICK, SPACE, TRIPLE, fits, read_key, read_value, written
from ksecrets.text.node import COMMENT, MAP, PLAIN, SCALAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.text.node import Node
    from ksecrets.text.path import Path


def set_value(text: str, path: Path, value: object) -> str:
    """The text with a value at a section and a name: replaced in place, its quotes and the comment behind it kept; or
    as a line behind the last one of its section, a new section at the end.

    value: a str, int, float, bool or None (nothing behind the ``=``). Raises UsageError for a list or mapping and for a
    path that INI cannot hold; SyntaxRefused for one that stands there twice, or a value that INI cannot hold.
    """
    section, name = _names_of(path)
    content = as_text(value, "INI")
    nodes = list(ini.scan(text))
    node = _found(nodes, section, name)
    if node is not None:
        if node.value == content:
            return text
        _, style, start, _, comment, _ = read_value(text, node.start, _end_of_line(text, node.start), node.line)
        stop = node.end if comment < 0 else start + len(text[start:comment].rstrip(SPACE))
        source = f"{style}{content}{style}" if style != PLAIN and fits(style, content) else written(content)
        blank = " " if start == stop and text[start - 1 : start] not in SPACE and source else ""
        behind = " " if stop == comment and source else ""
        return _checked(text, text[:start] + blank + source + behind + text[stop:], path)
    newline = "\r\n" if "\r\n" in text else "\n"
    line = f"{_key(name, path)} = {written(content)}{newline}"
    return _checked(text, _added(text, nodes, section, line, newline, path), path)


def unset_value(text: str, path: Path) -> str:
    """The text without the lines of a value; the section and the comments stay.

    Raises NoSuchValue where there is no such value, else as `set_value`.
    """
    section, name = _names_of(path)
    node = _found(list(ini.scan(text)), section, name)
    if node is None:
        raise NoSuchValue("there is no such value", path=paths.format(path))
    start = text.rfind("\n", 0, node.start) + 1
    end = text.find("\n", node.end) + 1 or len(text)
    return _checked(text, text[:start] + text[end:], path)


def _added(text: str, nodes: list[Node], section: str, line: str, newline: str, path: Path) -> str:
    """The text with an entry behind the last one of a section."""
    places = [node for node in nodes if node.kind in (MAP, SCALAR) and node.frame.key == section]
    if len({id(node.frame) for node in places}) > 1:
        raise SyntaxRefused("the section stands there twice", line=places[-1].line, path=paths.format((section,)))
    if places:
        end = places[-1].end
        end = text.find("\n", end)
        return f"{text}{newline}{line}" if end < 0 else text[: end + 1] + line + text[end + 1 :]
    if section == ini.DEFAULT:
        return line + (newline if text else "") + text
    if "]" in section or "\n" in section or not section or section == ini.METADATA or section.strip(SPACE) != section:
        raise UsageError("this cannot be the name of a section", path=paths.format(path))
    between = "" if not text else newline if text.endswith("\n") else newline * 2
    return f"{text}{between}[{section}]{newline}{line}"


def _key(name: str, path: Path) -> str:
    """A name as sops writes it. Raises UsageError for one that INI cannot hold."""
    quote = BACKTICK if any(mark in name for mark in '"=:') else TRIPLE if BACKTICK in name else ""
    source = f"{quote}{name}{quote}"
    try:
        if "\n" not in name and read_key(f"{source} =", 0, len(source) + 2, 1)[0] == name and name[0] not in "[":
            return source
    except SyntaxRefused:
        pass
    raise UsageError("this cannot be a name in an INI file", path=paths.format(path))


def _names_of(path: Path) -> tuple[str, str]:
    if len(path) != 2 or not all(isinstance(part, str) for part in path):
        raise UsageError("a value of an INI file has a section and a name", path=paths.format(path))
    return str(path[0]), str(path[1])


def _found(nodes: list[Node], section: str, name: str) -> Node | None:
    matches = [node for node in nodes if node.kind == SCALAR and node.path() == (section, name)]
    if len(matches) > 1:
        raise SyntaxRefused(
            "the section and the name stand there twice", line=matches[1].line, path=paths.format((section, name))
        )
    return matches[0] if matches else None


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def _checked(text: str, changed: str, path: Path) -> str:
    """The changed text, if nothing but the value at one path is another."""
    if _others(changed, path) != _others(text, path):
        raise SyntaxRefused(
            "the value cannot be changed here without changing more than it",
            path=paths.format(path),
            hint="change it by hand with `ksecrets edit`",
        )
    return changed


def _others(text: str, path: Path) -> list[tuple[object, ...]]:
    """All values but one, and the comments; a section that has nothing else is not counted."""
    return [
        (node.kind, node.path() if node.kind == SCALAR else (), node.value)
        for node in ini.scan(text)
        if (node.kind == SCALAR and node.path() != path) or (node.kind == COMMENT and node.value)
    ]
