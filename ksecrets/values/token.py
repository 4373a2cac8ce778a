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

# Behind the data: ",iv:" 44 characters ",tag:" 24 characters ",type:" the type and "]".
_IV_LENGTH = 44
_TAG_LENGTH = 24
_FRAME = len(_IV) + _IV_LENGTH + len(_TAG) + _TAG_LENGTH + len(_TYPE)

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
    iv_at = type_at + len(_TYPE) - _FRAME
    if not text.startswith(_HEAD) or not text.endswith("]") or iv_at < len(_HEAD):
        raise ValueError("not a whole token")
    tag_at = iv_at + len(_IV) + _IV_LENGTH
    kind = text[type_at + len(_TYPE) : -1]
    if text[iv_at : iv_at + len(_IV)] != _IV or text[tag_at : tag_at + len(_TAG)] != _TAG or kind not in _TYPES:
        raise ValueError("fields of the wrong length or an unknown type")
    data = text[len(_HEAD) : iv_at]
    iv = text[iv_at + len(_IV) : tag_at]
    tag = text[tag_at + len(_TAG) : type_at]
    last = data[-3:]
    if (
        iv[42] not in _LAST_OF_TWO
        or tag[21] not in _LAST_OF_ONE
        or (last[2:] == "=" and (last[0] not in _LAST_OF_ONE if last[1] == "=" else last[1] not in _LAST_OF_TWO))
    ):
        raise ValueError("base64 that is not canonical")
    try:
        raw_iv = a2b_base64(iv, strict_mode=True)
        raw_tag = a2b_base64(tag, strict_mode=True)
        raw_data = a2b_base64(data, strict_mode=True)
    except (Error, ValueError):  # ValueError: characters outside of ASCII
        raise ValueError("base64 that is not canonical") from None
    if len(raw_iv) != 32 or len(raw_tag) != 16:
        raise ValueError("IV or tag of the wrong length")
    return raw_data + raw_tag, raw_iv, kind


def is_token(text: str) -> bool:
    """Whether the whole text is one token in the strict sense."""
    if not text.startswith(PREFIX):
        return False
    try:
        read(text)
    except ValueError:
        return False
    return True
