"""What sops makes of a scalar: its type, and the bytes that it would encrypt.

sops decodes every scalar node with go.yaml.in/yaml/v3 into an `interface{}`, and writes the result as bytes by its
own rules. Both are restated here from their sources (yaml/v3 `resolve.go`, `decode.go`; sops `stores/yaml/store.go`,
`aes/cipher.go`; Go's `strconv` and `time`), and tests/peers holds this module against the real code.

The types are sops's: ``str``, ``int``, ``float``, ``bool``, ``time`` and ``null``. A scalar that sops cannot hold
still gets one of them and bytes from which the same value can be read back; `sops_refuses` says why sops will not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Literal

    Type = Literal["str", "int", "float", "bool", "time", "null"]
    Resolved = tuple[Type, bytes | None]

YAML_TAG: Final = "tag:yaml.org,2002:"

MAX_INT: Final = 2**63 - 1
"""The largest whole number that sops holds; go-yaml itself reads up to 2**64 - 1."""

_TRUE: Final[Resolved] = ("bool", b"True")
_FALSE: Final[Resolved] = ("bool", b"False")
_NULL: Final[Resolved] = ("null", None)
_NAN: Final[Resolved] = ("float", b"NaN")
_INF: Final[Resolved] = ("float", b"+Inf")
_MINUS_INF: Final[Resolved] = ("float", b"-Inf")

_WORDS: Final[dict[str, Resolved]] = {
    **dict.fromkeys(("true", "True", "TRUE"), _TRUE),
    **dict.fromkeys(("false", "False", "FALSE"), _FALSE),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), _NULL),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), _NAN),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), _INF),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), _MINUS_INF),
}

# The first character decides for nearly all scalars: no plain scalar that starts otherwise is anything but a string.
_FIRST: Final = frozenset("+-.0123456789tTfFnN~")
_NUMERIC_FIRST: Final = frozenset("+-0123456789")
_DIGITS: Final = frozenset("0123456789")
_BASES: Final = {"x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2}
_DIGITS_OF: Final = {
    2: frozenset("01"),
    8: frozenset("01234567"),
    10: _DIGITS,
    16: frozenset("0123456789abcdefABCDEF"),
}
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_NO_FIT: Final = "its tag does not fit its value"
_NO_BASE64: Final = "it is tagged !!binary and is not base64"
_TOO_BIG: Final = f"sops holds whole numbers only up to {MAX_INT}"
_FAR_ZONE: Final = "sops holds times only with a zone offset below 24 hours"


def resolve(value: str, *, plain: bool, tag: str | None) -> Resolved:
    """The type of a scalar for sops, and the bytes that stand in the token (None for null).

    value: its content, escapes and folding undone. plain: it has no quotes and no block header. tag: the resolved
    tag that stands in the source (``tag:yaml.org,2002:str``, ``!local``), else None.

    Never raises. The bytes are: int in decimal; float as Go's `FormatFloat(v, 'f', -1, 64)`; bool ``True`` or
    ``False``; time as RFC 3339 with the fraction and offset that were written; str as UTF-8, for ``!!binary`` the
    decoded bytes.
    """
    if tag is None:
        if not plain or (value and value[0] not in _FIRST):
            return "str", value.encode()
        return _by_look(value, True)[0]
    return _tagged(value, plain, tag)[0]


def sops_refuses(value: str, *, plain: bool, tag: str | None) -> str | None:
    """Why sops would not read or not encrypt this scalar, in words for a message, or None.

    The words never show the value.
    """
    if tag is None:
        if not plain or (value and value[0] not in _FIRST):
            return None
        return _by_look(value, True)[1]
    return _tagged(value, plain, tag)[1]


def same_value(kind: str, content: bytes | None, value: str, *, plain: bool, tag: str | None) -> bool:
    """Whether a scalar in the text reads as exactly this value of a token."""
    return resolve(value, plain=plain, tag=tag) == (kind, content)


def canonical(kind: str, content: bytes) -> bytes | None:
    """The bytes of a token in the one form that `resolve` gives, or None where they are not a value of that type.

    sops's reader takes more than its writer gives (``+5`` as an int, ``t`` as a bool).
    """
    if kind == "str":
        return content
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return None
    if kind == "bool":
        if text in ("True", "true", "TRUE", "1", "t", "T"):
            return b"True"
        return b"False" if text in ("False", "false", "FALSE", "0", "f", "F") else None
    if kind == "int":
        digits = text[1:] if text[:1] in ("+", "-") else text
        number = _digits_to_int(digits, 10)
        if number is None or number > 2**64 - 1:
            return None
        return b"%d" % (-number if text[0] == "-" else number)
    if kind == "float":
        if text in ("NaN", "+Inf", "-Inf"):
            return content
        if not _looks_like_float(text):
            return None
        number_text = go_float_text(float(text))
        return None if number_text is None else number_text.encode()
    if kind == "time":
        found = _timestamp(text)
        return found[0].encode() if found is not None else None
    return None


def go_float_text(number: float) -> str | None:
    """A finite float in Go's format 'f' with the fewest digits that read back the same; None for infinities and NaN."""
    text = repr(number)
    if text in ("nan", "inf", "-inf"):
        return None
    sign = ""
    if text[0] == "-":
        sign, text = "-", text[1:]
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + int(exponent or "0")
    digits = whole + fraction
    if point <= 0:
        digits = "0" * (1 - point) + digits
        point = 1
    elif point > len(digits):
        digits += "0" * (point - len(digits))
    whole, fraction = digits[:point], digits[point:]
    return sign + whole + ("." + fraction if fraction else "")


def _tagged(value: str, plain: bool, tag: str) -> tuple[Resolved, str | None]:
    if tag == "!":  # the non-specific tag: go-yaml v3 goes by the style
        return _by_look(value, True) if plain else (("str", value.encode()), None)
    if tag.startswith(YAML_TAG):
        tag = tag[len(YAML_TAG) :]
    elif tag.startswith("!!"):
        tag = tag[2:]
    else:
        return ("str", value.encode()), None
    if tag == "binary":
        return _binary(value)
    if tag == "timestamp":
        wanted = "time"
    elif tag in ("int", "float", "bool", "null"):
        wanted = tag
    else:
        return ("str", value.encode()), None
    found, reason = _by_look(value, wanted == "time")
    if found[0] == wanted:
        return found, reason
    if wanted == "float" and found[0] == "int" and reason is None:
        assert found[1] is not None
        number = go_float_text(float(int(found[1])))
        assert number is not None
        return ("float", number.encode()), None
    return ("str", value.encode()), _NO_FIT


def _by_look(value: str, times: bool) -> tuple[Resolved, str | None]:
    """An untagged plain scalar by its look, and why sops cannot hold the result. times: timestamps count."""
    word = _WORDS.get(value)
    if word is not None:
        return word, None
    first = value[0]
    if first in _NUMERIC_FIRST:
        if times and value[4:5] == "-":
            moment = _timestamp(value)
            if moment is not None:
                return ("time", moment[0].encode()), None if moment[1] else _FAR_ZONE
        number = _whole_number(value)
        if number is not None:
            return ("int", b"%d" % number), _TOO_BIG if number > MAX_INT else None
        digits = value.replace("_", "")
        if _looks_like_float(digits):
            text = go_float_text(float(digits))
            if text is not None:  # out of range: a string for Go
                return ("float", text.encode()), None
    elif first == "." and _underscores_between_digits(value):
        digits = value.replace("_", "")
        if _looks_like_float(digits):
            text = go_float_text(float(digits))
            if text is not None:
                return ("float", text.encode()), None
    return ("str", value.encode()), None


def _whole_number(value: str) -> int | None:
    """Go's `ParseInt(s, 0, 64)`, else `ParseUint`, on the text without its underscores, and go-yaml's afterthoughts."""
    if len(value) < 19 and value.isascii() and value.isdecimal() and value[0] != "0":
        return int(value)
    text = value.replace("_", "")
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    base = 10
    if digits[:1] == "0" and len(digits) > 1:
        base = _BASES.get(digits[1], 0)
        if base:
            digits = digits[2:]
        else:
            base, digits = 8, digits[1:]
    number = _digits_to_int(digits, base)
    if number is None and not sign and text[:2] in ("0b", "0o") and digits[:1] in ("+", "-"):
        # `0b-1`: after the prefix go-yaml parses the rest by itself, sign and all.
        sign = digits[0]
        number = _digits_to_int(digits[1:], base)
        if number is not None and number > (MAX_INT + 1 if sign == "-" else MAX_INT):
            return None
    if number is None:
        return None
    if sign == "-":
        return -number if number <= MAX_INT + 1 else None
    return number if number <= MAX_INT or (not sign and number < 2**64) else None


def _digits_to_int(digits: str, base: int) -> int | None:
    """A number without sign; None where a character is no digit of the base. Past 64 bits the result is only big."""
    if not digits or not _DIGITS_OF[base].issuperset(digits):
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits[:65], base) if len(digits) <= 65 else 1 << 65


def _looks_like_float(text: str) -> bool:
    """go-yaml's own pattern: sign, digits with at most one point and at least one digit, exponent with digits."""
    if text[:1] in ("+", "-"):
        text = text[1:]
    mantissa, mark, exponent = text.replace("E", "e").partition("e")
    if mark:
        digits = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        if not digits or not _DIGITS.issuperset(digits):
            return False
    whole, point, fraction = mantissa.partition(".")
    if not _DIGITS.issuperset(whole) or not _DIGITS.issuperset(fraction):
        return False
    return bool(whole) or bool(point and fraction)


def _underscores_between_digits(text: str) -> bool:
    """Go's rule for `ParseFloat`, which sees a float that starts with a point as it stands."""
    if "_" not in text:
        return True
    for index, char in enumerate(text):
        if char == "_" and not (text[index - 1 : index] in _DIGITS and text[index + 1 : index + 2] in _DIGITS):
            return False
    return True


def _binary(value: str) -> tuple[Resolved, str | None]:
    """Go's `base64.StdEncoding`: line breaks anywhere are skipped, padding is needed, spare bits are not looked at."""
    import binascii

    try:
        packed = value.replace("\r", "").replace("\n", "").encode("ascii")
        if len(packed) % 4:  # padding too much, which Python lets pass
            return ("str", value.encode()), _NO_BASE64
        return ("str", binascii.a2b_base64(packed, strict_mode=True)), None
    except (UnicodeEncodeError, binascii.Error):
        return ("str", value.encode()), _NO_BASE64


def _timestamp(text: str) -> tuple[str, bool] | None:
    """RFC 3339 text of what go-yaml takes for a time, and whether Go would write it (offset below 24 hours).

    Four digits of the year, then one or two of each field, each in its range; the zone only after a ``T`` or ``t``;
    the fraction with a point or a comma, cut at nine digits; offsets up to 24 hours and 60 minutes.
    """
    if text[4:5] != "-" or not _DIGITS.issuperset(text[:4]):
        return None
    year = int(text[:4])
    month, at = _field(text, 5)
    if not 1 <= month <= 12 or text[at : at + 1] != "-":
        return None
    day, at = _field(text, at + 1)
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _MONTH_DAYS[month - 1] + leap:
        return None
    date = f"{year:04d}-{month:02d}-{day:02d}T"
    if at == len(text):
        return date + "00:00:00Z", True
    mark = text[at]
    if mark == " ":
        while text[at : at + 1] == " ":
            at += 1
    elif mark in "Tt":
        at += 1
    else:
        return None
    hour, at = _field(text, at)
    if not 0 <= hour < 24 or text[at : at + 1] != ":":
        return None
    minute, at = _field(text, at + 1)
    if not 0 <= minute < 60 or text[at : at + 1] != ":":
        return None
    second, at = _field(text, at + 1)
    if not 0 <= second < 60:
        return None
    moment = f"{date}{hour:02d}:{minute:02d}:{second:02d}"
    if text[at : at + 1] in (".", ",") and text[at + 1 : at + 2] in _DIGITS:
        stop = at + 1
        while text[stop : stop + 1] in _DIGITS:
            stop += 1
        fraction = text[at + 1 : min(stop, at + 10)].rstrip("0")
        if fraction:
            moment += "." + fraction
        at = stop
    zone = text[at:]
    if mark == " ":
        return (moment + "Z", True) if not zone else None
    if zone == "Z":
        return moment + "Z", True
    if len(zone) != 6 or zone[0] not in "+-" or zone[3] != ":" or not _DIGITS.issuperset(zone[1:3] + zone[4:6]):
        return None
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 24 or minutes > 60:
        return None
    hours, minutes = divmod(hours * 60 + minutes, 60)
    if not hours and not minutes:
        return moment + "Z", True
    return f"{moment}{zone[0]}{hours:02d}:{minutes:02d}", hours < 24


def _field(text: str, at: int) -> tuple[int, int]:
    """A number of one or two digits at a place: the number, -1 where there is none, and the place behind it."""
    if text[at : at + 1] not in _DIGITS:
        return -1, at
    end = at + 2 if text[at + 1 : at + 2] in _DIGITS else at + 1
    return int(text[at:end]), end
