"""In which style a token stands, and the source that a carrier and a value predict.

The carrier keeps the style of the original: quotes stay quotes, a block stays a block (with ``-`` chomping, so that no
reader sees a line break behind the token), plain text in a flow collection gets quotes, since ``[`` and ``,`` would
end it. So in most cases the carrier and the value alone give the source back to the byte; only where they do not is a
residue stored (docs/file-format.md).
"""

from __future__ import annotations

from ksecrets.text.node import DOUBLE, FOLDED, LITERAL, PLAIN, SINGLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ksecrets.text.node import Frame, Node

_ONE_LINE: Final = (PLAIN, SINGLE, DOUBLE)
_NEAR: Final = 200
_VISIBLE: Final = bytes(range(0x20, 0x7F)) + b"\n\t"
_BREAKS: Final = ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029")


def carried(style: str, frame: Frame, source: str, token: str) -> tuple[str, str, str, str]:
    """How a token stands in the place of a scalar.

    style, frame: of the scalar, as in `text.node.Node`; source: its text.
    Returns the new source, its style, and for blocks the indentation and line break that it was given ("" otherwise).
    """
    if style == PLAIN:
        return (f'"{token}"', DOUBLE, "", "") if frame.flow else (token, PLAIN, "", "")
    if style in (LITERAL, FOLDED):
        indent, newline = layout(source)
        indent = indent or " " * (max(frame.column, 0) + 2)
        return f"{style}-{newline}{indent}{token}", style, indent, newline
    return f"{style}{token}{style}", style, "", ""


def layout(source: str) -> tuple[str, str]:
    """Indentation of the first line that has content, and the first line break, of a block scalar's source.

    A line break that is not everywhere one (U+0085, U+2028, U+2029) is given as a line feed: what is predicted must
    not depend on it.
    """
    for position, character in enumerate(source):
        if character in "\r\n\x85\u2028\u2029":
            newline = "\r\n" if source.startswith("\r\n", position) else character
            known = newline if newline in ("\n", "\r\n", "\r") else "\n"
            start = position + len(newline)
            # The first characters nearly always say it, and a token or certificate has many more.
            for some in (source[start : start + _NEAR], source[start:]):
                for line in some.splitlines():
                    stripped = line.lstrip(" ")
                    if stripped:
                        return line[: len(line) - len(stripped)], known
            return "", known
    return "", "\n"


def fits(style: str, value: str) -> bool:
    """Whether the source that a carrier of this style predicts for a text means that text, wherever it stands.

    The seal does not cover the style of quotes and the layout of blocks, so nobody may change a value by changing
    them: a text that does not fit has a residue, or the file was changed.
    """
    if style == PLAIN:
        return True
    if _visible(value):
        return style in _ONE_LINE or value[:1] not in ("", " ")
    if style == SINGLE:
        return False
    if value.isascii():
        if value.encode().translate(None, _VISIBLE):  # what is left of it is none of these
            return False
    elif not _visible(value.replace("\n", "").replace("\t", "")):
        return False
    if style == DOUBLE:
        return True
    if value[0] in " \n\t":
        return False
    return style == LITERAL or not ("\n\n" in value or "\n " in value or "\n\t" in value)


def _visible(value: str) -> bool:
    # Not `isprintable` for all: it grows with Python's Unicode, and the answer is a part of the file format.
    if value.isascii():
        return value.isprintable()
    from ksecrets.text.dialect import is_visible

    return is_visible(value)


def predicted(style: str, kind: str, value: str, indent: str = "", newline: str = "") -> str:
    """The source that a carrier of this style predicts for a value, given as the text of its plaintext.

    It means the value where `fits` says so. Written for typical sources, not for all: whether it is right is known
    when the file is encrypted, and where it is not, there is a residue. It must not change: files that exist depend on
    it.
    """
    if kind == "bool":
        value = value.lower()
    if style == PLAIN:
        return value
    if style == SINGLE:
        return "'" + value.replace("'", "''") + "'"
    if style == DOUBLE:
        if "\\" in value or '"' in value or "\n" in value or "\t" in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{value}"'
    return _block(style, value, indent, newline)


def keeps_its_meaning(source: str, text: str, carrier: Node) -> bool:
    """Whether a source of several lines means in the place of its carrier what it meant when it was sealed.

    source: the residue; text: the encrypted file; carrier: the token in it. False where that is not plain to see.
    A block does, where its lines are indented as the token is, and nothing in its header counts what is around it.
    Any other scalar does, where its further lines are indented deeper than what it stands in.
    """
    if "\t" in source or "\x85" in source or "\u2028" in source or "\u2029" in source:
        return False
    if source[0] in (LITERAL, FOLDED):
        header = source[1:3]
        if "+" in header or any(mark.isdigit() for mark in header) or carrier.style not in (LITERAL, FOLDED):
            return False
        indent = layout(source)[0]
        return indent != "" and indent == layout(text[carrier.start : carrier.end])[0]
    column = carrier.frame.column
    if column < 0 or carrier.style in (LITERAL, FOLDED):
        return False
    margin = " " * (column + 1)
    return all(line.startswith(margin) or not line.strip() for line in source.splitlines()[1:])


def restored(text: str, carrier: Node, kind: str, content: bytes) -> str:
    """A source for a value of which no original is known (a file without a seal).

    text: the encrypted file, carrier: a token of it. Read alike by Helm and by sops; the style of the carrier where it
    fits, and text of several lines as a literal block, as sops writes it. Text that is not UTF-8 cannot come from a
    YAML scalar: `!!binary` is its only source. Raises SyntaxRefused where the bytes are no value of the type.
    """
    from ksecrets.text.dialect import quote, render, render_quoted  # not for sealed files

    try:
        value = content.decode("utf-8")
    except UnicodeDecodeError:
        if kind not in ("str", "bytes"):
            return render(kind, content)
        from binascii import b2a_base64

        return "!!binary " + b2a_base64(content, newline=False).decode("ascii")
    if kind == "bytes":  # of an old sops
        kind = "str"
    if kind == "str":
        if carrier.style == SINGLE and value.isprintable() and value.isascii():
            return "'" + value.replace("'", "''") + "'"
        if carrier.style in (SINGLE, DOUBLE):
            return quote(value)
        in_block = carrier.style in (LITERAL, FOLDED) and value[:4] != "ENC[" and fits(LITERAL, value)
        if not carrier.frame.flow and (in_block or _reads_well_as_block(value)) and _ends_cleanly(text, carrier):
            indent = " " * (max(carrier.frame.column, 0) + 2)
            return _block(LITERAL, value, indent, "\n")
    elif carrier.style in (SINGLE, DOUBLE) and carrier.tag is not None:
        return quote(value)
    return render_quoted(kind, content) if carrier.frame.flow else render(kind, content)


def _block(style: str, value: str, indent: str, newline: str) -> str:
    """A block scalar as one writes it by hand; its last line break is left to the text behind it."""
    body = value
    chomping = "-"
    if value.endswith("\n"):
        body = value[:-1]
        chomping = "+" if body.endswith("\n") or not body else ""
    between = newline
    if style == FOLDED:
        between = newline + newline
        body = body.rstrip("\n")
    if body and "\n\n" not in body and body[0] != "\n" and body[-1] != "\n":
        text = indent + body.replace("\n", between + indent)  # no empty lines, which have no indentation
    else:
        text = between.join([indent + line if line else "" for line in body.split("\n")])
    return f"{style}{chomping}{newline}{text}"


def _ends_cleanly(text: str, carrier: Node) -> bool:
    """Whether a block scalar in this place keeps its value: what follows must not become a part of it.

    Nothing more on its line (a comment), a line break at its end, no blank line behind it (chomping would count it),
    and no comment that is indented as deep as the block.
    """
    end = len(text)
    position = carrier.end
    while position < end and text[position] in " \t":
        position += 1
    newline = next((each for each in _BREAKS if text.startswith(each, position)), None)
    if newline is None:
        return False
    start = position = position + len(newline)
    while position < end and text[position] == " ":
        position += 1
    if position == end:
        return start == end
    follower = text[position]
    return follower not in "\t\r\n\x85\u2028\u2029" and (
        follower != "#" or position - start <= carrier.frame.column + 1
    )


def _reads_well_as_block(value: str) -> bool:
    """Whether text of several lines can stand in a literal block without an indentation indicator."""
    if "\n" not in value.rstrip("\n") or value[0] in " \n\t#" or value.startswith("ENC["):
        return False
    return all(line.isprintable() and "\ufeff" not in line for line in value.split("\n"))
