"""The spelling of an encrypted value: ``ENC[AES256_GCM,data:...,iv:...,tag:...,type:str]``.

Read strictly: the whole scalar is one token, every field is canonical base64, the IV has 32 bytes, the tag 16
(security.md rule 7; sops's own pattern is anchored only at the start). Source of the format: sops, aes/cipher.go.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

PREFIX = "ENC["
_HEAD = "ENC[AES256_GCM,data:"
_IV = ",iv:"
_TAG = ",tag:"
_TYPE = ",type:"
_TYPES = frozenset(("str", "int", "float", "bool", "time", "bytes", "comment"))

_DATA = len(_HEAD)
# Behind the data: ",iv:" and 44 characters, ",tag:" and 24 characters, ",type:", the type, "]".
_IV_FIELD = 48
_TAG_FIELD = 29

# The last character before padding carries bits that must be zero: 4 of them before "==", 2 before "=".
_LAST_OF_ONE = frozenset("AQgw")
_LAST_OF_TWO = frozenset("AEIMQUYcgkosw048")


def write(data: bytes, iv: bytes, tag: bytes, kind: str) -> str:
    """The token for a ciphertext, its 32-byte IV, its 16-byte tag and sops's name of the type."""
    return (
        f"{_HEAD}{b2a_base64(data, newline=False).decode('ascii')}{_IV}{b2a_base64(iv, newline=False).decode('ascii')}"
        f"{_TAG}{b2a_base64(tag, newline=False).decode('ascii')}{_TYPE}{kind}]"
    )


def read(text: str) -> tuple[bytes, bytes, str]:
    """The fields of a token: ciphertext with the tag behind it (as AES-GCM wants it), IV, type.

    Raises ValueError, with a reason that shows nothing of the text, where it is not exactly one token.
    """
    type_at = text.rfind(_TYPE)
    tag_at = type_at - _TAG_FIELD
    iv_at = tag_at - _IV_FIELD
    kind = text[type_at + 6 : -1]
    if (
        iv_at < _DATA
        or text[:_DATA] != _HEAD
        or text[-1] != "]"
        or text[iv_at : iv_at + 4] != _IV
        or text[tag_at : tag_at + 5] != _TAG
        or kind not in _TYPES
    ):
        raise ValueError("not a whole token, or of an unknown type")
    data = text[_DATA:iv_at]
    # The padding fixes the lengths: 43 characters and "=" are 32 bytes, 22 and "==" are 16.
    if (
        text[tag_at - 1] != "="
        or text[tag_at - 2] not in _LAST_OF_TWO
        or text[type_at - 2 : type_at] != "=="
        or text[type_at - 3] not in _LAST_OF_ONE
        or (data[-1:] == "=" and (data[-3] not in _LAST_OF_ONE if data[-2] == "=" else data[-2] not in _LAST_OF_TWO))
    ):
        raise ValueError("base64 that is not canonical, or IV or tag of the wrong length")
    try:
        return (
            a2b_base64(data, strict_mode=True) + a2b_base64(text[tag_at + 5 : type_at], strict_mode=True),
            a2b_base64(text[iv_at + 4 : tag_at], strict_mode=True),
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
