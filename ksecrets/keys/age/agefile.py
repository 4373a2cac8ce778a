"""The age v1 file format, as far as a wrapped data key needs it: what pyrage cannot read or write.

From https://age-encryption.org/v1 (C2SP): an intro line, stanzas that each wrap the file key for somebody, a MAC over
that header, then a nonce and the payload in the STREAM construction. A data key is one chunk, and a file with more is
refused. Strict: there is one way to write every header, and any other is an error (tests/vectors/age.json).

`pack` and `unpack` know no kind of recipient: they are given what wraps and unwraps a file key.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FILE_KEY_LENGTH = 16
_INTRO = b"age-encryption.org/v1\n"
_BEGIN, _END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_LARGEST = 1 << 16
_TAG = 16
_NONCE = 16
# STREAM's nonce of a chunk: an 11-byte counter, and 1 where it is the last one
_ONLY_CHUNK = b"\0" * 11 + b"\1"


class Malformed(Exception):
    """Not an age file, or one that was changed: what is wrong, without its content. kind: as the vectors name it."""

    def __init__(self, text: str, kind: str = "header failure") -> None:
        super().__init__(text)
        self.kind = kind


class AgeStanza:
    """One wrapped file key: a type, arguments of visible ASCII, and bytes."""

    __slots__ = ("args", "body", "type")

    def __init__(self, type: str, args: tuple[str, ...], body: bytes) -> None:
        self.type = type
        self.args = args
        self.body = body


def pack(plaintext: bytes, wrap: Callable[[bytes], AgeStanza]) -> str:
    """An armored age file of `plaintext` (at most 64 KiB) for the one recipient that `wrap` stands for.

    wrap: gets a new file key (16 bytes) and gives its stanza. The file key is nowhere else.
    """
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    if len(plaintext) > _LARGEST:
        raise ValueError("only one chunk is written")
    file_key = os.urandom(FILE_KEY_LENGTH)
    header = _INTRO + _stanza_text(wrap(file_key)) + b"---"
    mac = _hmac(_derive(file_key, b"", b"header"), header)
    nonce = os.urandom(_NONCE)
    payload = ChaCha20Poly1305(_derive(file_key, nonce, b"payload")).encrypt(_ONLY_CHUNK, plaintext, None)
    return _armor(header + b" " + encode(mac).encode() + b"\n" + nonce + payload)


def unpack(text: str, unwrap: Callable[[list[AgeStanza]], bytes | None]) -> bytes:
    """The plaintext of an armored age file. unwrap: gives the file key from the stanzas, or None where none is its.

    Raises Malformed.
    """
    return unpack_binary(dearmor(text), unwrap)


def unpack_binary(data: bytes, unwrap: Callable[[list[AgeStanza]], bytes | None]) -> bytes:
    """As `unpack`, for the file without its armor."""
    import hmac

    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    stanzas, signed, mac, payload = _parse(data)
    file_key = unwrap(stanzas)
    if file_key is None:
        raise Malformed("no stanza is for this identity", "no match")
    if not hmac.compare_digest(mac, _hmac(_derive(file_key, b"", b"header"), signed)):
        raise Malformed("the MAC of its header does not hold", "HMAC failure")
    nonce, chunk = payload[:_NONCE], payload[_NONCE:]
    if len(nonce) < _NONCE:
        raise Malformed("it is cut short")
    if len(chunk) < _TAG:
        raise Malformed("it is cut short", "payload failure")
    if len(chunk) > _LARGEST + _TAG:
        raise Malformed("it holds more than a data key", "payload failure")
    try:
        return ChaCha20Poly1305(_derive(file_key, nonce, b"payload")).decrypt(_ONLY_CHUNK, chunk, None)
    except InvalidTag:
        raise Malformed("its payload was changed", "payload failure") from None


def encode(data: bytes) -> str:
    """Base64 without padding, as everything in a header."""
    import binascii

    return binascii.b2a_base64(data, newline=False).decode("ascii").rstrip("=")


def decode(text: str) -> bytes:
    """The inverse of `encode`. Raises Malformed for any other spelling of the same bytes."""
    import binascii

    try:
        data = binascii.a2b_base64(text.encode("ascii") + b"=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise Malformed("not base64") from None
    # padding, or bits that decoding drops
    if encode(data) != text:
        raise Malformed("not canonical base64")
    return data


def dearmor(text: str) -> bytes:
    """The bytes of an armored file; LF or CRLF, blank lines around it. Raises Malformed for any other liberty."""
    import binascii

    lines = text.replace("\r\n", "\n").split("\n")
    while lines and not lines[0].strip(" \t\r"):
        del lines[0]
    while lines and not lines[-1].strip(" \t\r"):
        del lines[-1]
    body = lines[1:-1]
    if len(lines) < 2 or lines[0] != _BEGIN or lines[-1] != _END:
        raise Malformed("not an armored age file", "armor failure")
    if any(len(line) != _COLUMNS for line in body[:-1]) or (body and not 0 < len(body[-1]) <= _COLUMNS):
        raise Malformed("its armor is not in lines of 64 characters", "armor failure")
    encoded = "".join(body)
    try:
        data = binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
    except ValueError:
        raise Malformed("its armor is not base64", "armor failure") from None
    if binascii.b2a_base64(data, newline=False).decode("ascii") != encoded:
        raise Malformed("its armor is not canonical base64", "armor failure")
    return data


def _armor(data: bytes) -> str:
    import binascii

    encoded = binascii.b2a_base64(data, newline=False).decode("ascii")
    lines = [encoded[at : at + _COLUMNS] for at in range(0, len(encoded), _COLUMNS)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def _stanza_text(stanza: AgeStanza) -> bytes:
    encoded = encode(stanza.body)
    # the last line is a short one, and may be empty
    lines = [encoded[at : at + _COLUMNS] for at in range(0, len(encoded) + 1, _COLUMNS)]
    return "\n".join([" ".join(("->", stanza.type, *stanza.args)), *lines, ""]).encode("ascii")


def _parse(data: bytes) -> tuple[list[AgeStanza], bytes, bytes, bytes]:
    """The stanzas, what the MAC is over, the MAC and the payload."""
    if not data.startswith(_INTRO):
        raise Malformed("not an age file of version 1")
    stanzas: list[AgeStanza] = []
    at = len(_INTRO)
    while True:
        start = at
        line, at = _line(data, at)
        words = line.split(" ")
        if not all(word and all("!" <= character <= "~" for character in word) for word in words):
            raise Malformed("a line of its header is malformed")
        if words[0] == "---" and len(words) == 2 and stanzas:
            mac = decode(words[1])
            if len(mac) != 32:
                raise Malformed("the MAC of its header has a wrong length")
            return stanzas, data[: start + 3], mac, data[at:]
        if words[0] != "->" or len(words) < 2:
            raise Malformed("a line of its header is malformed")
        body = b""
        while True:
            line, at = _line(data, at)
            if len(line) > _COLUMNS:
                raise Malformed("a line of a stanza is too long")
            body += decode(line)
            if len(line) < _COLUMNS:
                break
        stanzas.append(AgeStanza(words[1], tuple(words[2:]), body))


def _line(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\n", at)
    if end < 0:
        raise Malformed("its header is cut short")
    try:
        return data[at:end].decode("ascii"), end + 1
    except UnicodeDecodeError:
        raise Malformed("a line of its header is malformed") from None


def _derive(secret: bytes, salt: bytes, label: bytes) -> bytes:
    # HKDF-SHA256 (RFC 5869) of one block
    return _hmac(_hmac(salt or b"\0" * 32, secret), label + b"\1")


def _hmac(key: bytes, data: bytes) -> bytes:
    import hmac

    return hmac.digest(key, data, "sha256")
