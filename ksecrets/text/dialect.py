"""Where the two YAML readers differ: Helm's (sigs.k8s.io/yaml, on go.yaml.in/yaml/v2) and sops's (yaml/v3).

Helm reads `yes`, `on` and `y` as booleans, sops and Flux as strings; sops makes a time of a date, Helm leaves the
text; Helm goes through JSON, which has no infinity and rounds whole numbers above 2**53. So a decrypted value is
written plain only where both read it alike (`reads_alike`), and `render` writes any value so that they do.

The rules are those of yaml/v2 `resolve.go` and `decode.go` and of sigs.k8s.io/yaml; tests/peers holds this module
against both libraries.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused
from ksecrets.text.resolve import canonical, resolve, sops_refuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Words that only YAML 1.1 takes for booleans.
_HELM_BOOLS: Final = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_TAG: Final = "tag:yaml.org,2002:"

# A plain scalar that starts with one of these is a string for both readers and a single token for libyaml.
_WORD_FIRST: Final = frozenset("abcdeghijklmpqrsuvwxzABCDEGHIJKLMPQRSUVWXZ_/$(")
# Starts that are indicators, or that look like one to some reader. `-`, `?` and `:` need a look at what follows.
_BAD_FIRST: Final = frozenset("#&*!|>'\"%@`[]{},= ")
_NEEDS_FOLLOWER: Final = frozenset("-?:")

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def reads_alike(source: str, kind: str, content: bytes | None) -> bool:
    """Whether a plain scalar means this value to everybody.

    source: the text of the scalar on one line, to stand as a value in a block context. True only if libyaml and both
    Go readers see one plain scalar with exactly this text, go-yaml v3 resolves it to (kind, content), and Helm
    reads the same: the same type and value; for a time, the text that stands for it. A False may be overcautious,
    never a True.
    """
    if kind == "str":
        if content is None or source.encode() != content:
            return False
        if source.isalnum() and source.isascii() and source[0] in _WORD_FIRST:
            return True
        return is_plain_text(source) and not _is_typed(source)
    if kind == "null":
        return source in ("", "~", "null", "Null", "NULL")
    if not is_plain_text(source) or resolve(source, plain=True, tag=None) != (kind, content):
        return False
    if kind == "time":
        return content == source.encode()
    if kind == "int" and sops_refuses(source, plain=True, tag=None) is not None:
        return False
    return helm_reads(source, plain=True, tag=None)[0] == kind or content in (b"NaN", b"+Inf", b"-Inf")


def is_plain_text(source: str) -> bool:
    """Whether libyaml takes the text for one plain scalar with exactly this content, wherever a value may stand in a
    block collection or at the top of a document. On the safe side where readers are known to be picky."""
    if not source or source[0] in _BAD_FIRST or source[-1] in " :":
        return False
    if not is_visible(source):
        return False
    if ": " in source or " #" in source or source.startswith(("---", "...", "<<", "ENC[")):
        return False
    return source[0] not in _NEEDS_FOLLOWER or (len(source) > 1 and source[1] not in " ?:,[]{}")


def _is_typed(source: str) -> bool:
    """Whether one of the readers takes a plain scalar for something else than a string."""
    return source in _HELM_BOOLS or resolve(source, plain=True, tag=None)[0] != "str"


def render(kind: str, content: bytes | None) -> str:
    """A source, for a value in a block context, that every reader takes for this value.

    Plain where that is safe, otherwise double-quoted. Numbers keep their type in both dialects (a float always has a
    point, an exponent or a name). Bytes that are no UTF-8 become ``!!binary "..."``. Raises SyntaxRefused where the
    bytes are no value of the type.
    """
    if kind == "null" or content is None:
        return "null"
    if kind == "str":
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return render_quoted(kind, content)
        if reads_alike(text, "str", content):
            return text
        return quote(text)
    exact = canonical(kind, content)
    if exact is None:
        raise SyntaxRefused(f"what was encrypted as the type {kind} does not read as one")
    text = exact.decode()
    if kind == "bool":
        return text.lower()
    if kind == "float":
        return _render_float(text)
    return text


def render_quoted(kind: str, content: bytes | None) -> str:
    """As `render`, for keys and flow collections, where plain text is cramped: strings are always double-quoted.

    Numbers, booleans, times and null stay plain: none of their characters is an indicator there.
    """
    if kind != "str" or content is None:
        return render(kind, content)
    try:
        return quote(content.decode())
    except UnicodeDecodeError:
        import binascii

        return '!!binary "' + binascii.b2a_base64(content, newline=False).decode() + '"'


def quote(text: str) -> str:
    """A YAML double-quoted scalar on one line, with the content `text`.

    Only what cannot stand there, or would hide in a terminal, is escaped: quotes, backslashes, control and
    directional characters, line separators, byte order marks and what is no character; with JSON's escapes, and
    ``\\UXXXXXXXX`` for the invisible tag characters. The set is fixed, and not Python's idea of what is printable,
    which moves with each Unicode version: a predicted source must be the same on every machine.
    """
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_ESCAPES.get(char) or (char if _may_stand(char) else _escape(char)) for char in text) + '"'


def is_visible(text: str) -> bool:
    """Whether every character may stand in YAML without an escape, on one line, and is one that a terminal shows."""
    return text.isprintable() if text.isascii() else all(map(_may_stand, text))


def _may_stand(char: str) -> bool:
    return " " <= char <= "~" or not (
        char < "\xa0"
        or (
            "\u200b" <= char <= "\u206f"
            and (char in "\u200b\u200e\u200f" or "\u2028" <= char <= "\u202e" or char >= "\u2060")
        )
        or "\ud800" <= char <= "\udfff"
        or char == "\ufeff"
        or "\ufff0" <= char <= "\uffff"
        or "\U000e0000" <= char <= "\U000e0fff"
    )


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def _render_float(text: str) -> str:
    """A float, given as Go prints it in format 'f', so that both readers keep it a float."""
    named = {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(text)
    if named is not None:
        return named
    if "." in text:
        return text if len(text) <= 24 else _with_exponent(text)
    return text + ".0" if len(text) <= 16 else _with_exponent(text)


def _with_exponent(text: str) -> str:
    """`1e+16`, as Python and Go write it."""
    return repr(float(text))


def helm_reads(value: str, *, plain: bool, tag: str | None) -> tuple[str, object]:
    """The type and value that Helm's templates get from a scalar: (type, Python value).

    Types are ``str``, ``int``, ``float``, ``bool``, ``null``, and ``refused`` where Helm stops with an error. An int
    is given exactly, although Helm holds numbers as 64-bit floats.
    """
    if tag == "!":
        return "str", value
    untagged_plain = tag is None and plain
    if untagged_plain or tag in (_TAG + "bool", "!!bool"):
        word = _HELM_BOOLS.get(value)
        if word is not None:
            return "bool", word
    if value[:3] in ("0o-", "0o+"):  # only yaml/v3 looks for a sign behind the prefix
        if untagged_plain:
            return "str", value
        if tag in (_TAG + "int", "!!int", _TAG + "float", "!!float"):
            return "refused", None
    kind, content = resolve(value, plain=plain, tag=tag)
    if content is None:
        return "null", None
    if kind == "time":
        return "str", value
    if kind == "int":
        return "int", int(content)
    if kind == "bool":
        return "bool", content == b"True"
    if kind == "float":
        return ("refused", None) if content in (b"NaN", b"+Inf", b"-Inf") else ("float", float(content))
    if tag is not None and sops_refuses(value, plain=plain, tag=tag):
        return "refused", None
    return "str", content.decode("utf-8", "replace")


def differs(value: str, *, plain: bool, tag: str | None) -> str | None:
    """One sentence for a warning where Helm reads a scalar otherwise than sops and Flux do, else None.

    Good for keys too: Helm takes the key ``on`` for ``true``. The value itself is shown only where it is one of the
    fixed words of YAML 1.1.
    """
    if tag is None and (not plain or (value[:1] in _WORD_FIRST)):
        return None
    kind, content = resolve(value, plain=plain, tag=tag)
    helm_kind, helm_value = helm_reads(value, plain=plain, tag=tag)
    if helm_kind == "bool" and kind == "str":
        word = "true" if helm_value else "false"
        if sops_refuses(value, plain=plain, tag=tag):
            return f"Helm reads the boolean {word}, sops and Flux cannot read it"
        return f'Helm reads the boolean {word}, sops and Flux the string "{value}"'
    if helm_kind == "refused":
        if kind == "float":
            return "Helm cannot read infinities and NaN, sops and Flux can"
        if not sops_refuses(value, plain=plain, tag=tag):
            return f"Helm cannot read it, for sops and Flux it has the type {kind}"
        return None
    if kind == "time":
        if content == value.encode():
            return None
        return "Helm reads a string as it stands, sops and Flux a time, which they write in another form"
    if helm_kind != kind:
        return f"Helm reads the type {helm_kind}, sops and Flux the type {kind}"
    if kind == "int" and isinstance(helm_value, int) and int(float(helm_value)) != helm_value:
        return "Helm rounds whole numbers to 53 bits, sops and Flux keep them"
    if kind == "str" and isinstance(helm_value, str) and helm_value.encode() != content:
        return "Helm replaces bytes that are not UTF-8, sops keeps them"
    return None
