"""The spelling of an encrypted value: ``ENC[AES256_GCM,data:...,iv:...,tag:...,type:str]``.

Read strictly: the whole scalar is one token, every field is canonical base64, the IV has 32 bytes, the tag 16
(docs/threat-model.md; sops's own pattern is anchored only at the start). Source of the format: sops, aes/cipher.go.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PREFIX: Final = "ENC["
_HEAD: Final = "ENC[AES256_GCM,data:"
_IV: Final = ",iv:"
_TAG: Final = ",tag:"
_TYPE: Final = ",type:"
_BETWEEN: Final = "=" + _TAG  # the IV with its padding, and the tag
# The end of a token by its type: the padding of the tag, and all behind it.
_ENDS: Final = {f"=={_TYPE}{kind}]": kind for kind in ("str", "int", "float", "bool", "time", "bytes", "comment")}

_DATA: Final = len(_HEAD)

# The last character before padding carries bits that must be zero: 4 of them before "==", 2 before "=".
_LAST_OF_ONE: Final = frozenset("AQgw")
_LAST_OF_TWO: Final = frozenset("AEIMQUYcgkosw048")


def write(data: bytes, iv: bytes, tag: bytes, kind: str) -> str:
    """The token for a ciphertext, its 32-byte IV, its 16-byte tag and sops's name of the type."""
    encoded = b"".join(
        (
            b"ENC[AES256_GCM,data:",
            b2a_base64(data, newline=False),
            b",iv:",
            b2a_base64(iv, newline=False),
            b",tag:",
            b2a_base64(tag, newline=False),
        )
    )
    return f"{encoded.decode('ascii')}{_TYPE}{kind}]"


def read(text: str) -> tuple[bytes, bytes, str]:
    """The fields of a token: ciphertext with the tag behind it (as AES-GCM wants it), IV, type.

    Raises ValueError, with a reason that shows nothing of the text, where it is not exactly one token.
    """
    # Behind the data all places are fixed: ",iv:", 43 characters and "=" for 32 bytes, ",tag:", 22 and "==" for 16.
    at = text.find(",", _DATA)
    kind = _ENDS.get(text[at + 75 :])
    if kind is None or text[:_DATA] != _HEAD or text[at : at + 4] != _IV or text[at + 47 : at + 53] != _BETWEEN:
        raise ValueError("not a whole token, of an unknown type, or IV or tag of the wrong length")
    data = text[_DATA:at]
    if (
        text[at + 46] not in _LAST_OF_TWO
        or text[at + 74] not in _LAST_OF_ONE
        or (
            data[-1:] == "="
            and (len(data) < 4 or (data[-3] not in _LAST_OF_ONE if data[-2] == "=" else data[-2] not in _LAST_OF_TWO))
        )
    ):
        raise ValueError("base64 that is not canonical")
    try:
        return (
            a2b_base64(data, strict_mode=True) + a2b_base64(text[at + 53 : at + 77], strict_mode=True),
            a2b_base64(text[at + 4 : at + 48], strict_mode=True),
            kind,
        )
    except (Error, ValueError):  # ValueError: characters outside of ASCII
        raise ValueError("base64 that is not canonical") from None


def is_token(text: str) -> bool:
    """Whether the whole text is one token in the strict sense."""
    if not text.startswith(PREFIX):
        return False
    try:
        read(text)
    except ValueError:
        return False
    return True
