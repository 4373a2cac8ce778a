"""Bech32 (BIP 173) without its limit of length, as age writes keys: bytes <-> `prefix1...` with a checksum."""

from __future__ import annotations

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


def encode(prefix: str, data: bytes) -> str:
    """`data` under a prefix in lower case."""
    values = _regroup(data, 8, 5, pad=True)
    check = _polymod([*_expand(prefix), *values, *[0] * _CHECKSUM]) ^ 1
    values += [(check >> 5 * (_CHECKSUM - 1 - place)) & 31 for place in range(_CHECKSUM)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix in lower case, and the bytes. All letters in one case, as BIP 173 has it.

    Raises ValueError that says what is wrong and shows nothing of the text (it may be a secret).
    """
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise ValueError("it mixes upper and lower case")
    prefix, one, rest = lower.rpartition("1")
    if not one or not prefix or len(rest) < _CHECKSUM or not all("!" <= character <= "~" for character in prefix):
        raise ValueError("it is cut short")
    places = {character: place for place, character in enumerate(_CHARSET)}
    try:
        values = [places[character] for character in rest]
    except KeyError:
        raise ValueError("a character is wrong") from None
    if _polymod([*_expand(prefix), *values]) != 1:
        raise ValueError("its checksum is wrong")
    return prefix, bytes(_regroup(values[:-_CHECKSUM], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, term in enumerate(_GENERATOR):
            if top >> place & 1:
                check ^= term
    return check


def _regroup(values: bytes | list[int], width: int, new: int, *, pad: bool) -> list[int]:
    bits = count = 0
    out: list[int] = []
    for value in values:
        bits = bits << width | value
        count += width
        while count >= new:
            count -= new
            out.append(bits >> count & (1 << new) - 1)
        bits &= (1 << count) - 1
    if pad:
        if count:
            out.append(bits << new - count)
    elif count >= width or bits:
        raise ValueError("its length is wrong")
    return out
