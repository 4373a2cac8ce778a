"""The strict spelling of tokens: what is read is exactly what ksecrets and sops write."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.values import token

IV, TAG = bytes(range(32)), bytes(range(16))
B64 = {
    "data": base64.b64encode(b"data!").decode(),
    "iv": base64.b64encode(IV).decode(),
    "tag": base64.b64encode(TAG).decode(),
}
GOOD = "ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]".format(**B64)


def spelled(**changes: str) -> str:
    return "ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]".format(**{**B64, **changes})


def test_a_token_is_written_and_read() -> None:
    assert token.write(b"data!", IV, TAG, "str") == GOOD
    assert token.read(GOOD) == (b"data!" + TAG, IV, "str")
    assert token.is_token(GOOD)


@pytest.mark.parametrize("kind", ["str", "int", "float", "bool", "time", "bytes", "comment"])
def test_every_type_of_sops(kind: str) -> None:
    assert token.read(token.write(b"x", IV, TAG, kind)) == (b"x" + TAG, IV, kind)


def other(text: str, place: int, character: str) -> str:
    return text[:place] + character + text[place + 1 :]


MALFORMED = {
    "empty": "",
    "prefix only": "ENC[",
    "head only": "ENC[AES256_GCM,data:",
    "no fields": "ENC[AES256_GCM]",
    "lower case": GOOD.lower(),
    "other cipher": GOOD.replace("AES256_GCM", "AES128_GCM"),
    "no cipher": GOOD.replace("AES256_GCM,", ""),
    "space before": " " + GOOD,
    "space behind": GOOD + " ",
    "line break behind": GOOD + "\n",
    "text behind": GOOD + "x",
    "text before": "x" + GOOD,
    "two tokens": GOOD + GOOD,
    "token behind a token": GOOD + " " + GOOD,
    "no bracket": GOOD[:-1],
    "two brackets": GOOD + "]",
    "wrong bracket": GOOD[:-1] + ")",
    "space after a comma": GOOD.replace(",iv:", ", iv:"),
    "fields exchanged": GOOD.replace("iv:", "tmp:").replace("tag:", "iv:").replace("tmp:", "tag:"),
    "no data field": GOOD.replace("data:" + B64["data"] + ",", ""),
    "no iv field": GOOD.replace("iv:" + B64["iv"] + ",", ""),
    "no tag field": GOOD.replace("tag:" + B64["tag"] + ",", ""),
    "no type field": GOOD.replace(",type:str", ""),
    "type twice": GOOD.replace(",type:str", ",type:str,type:str"),
    "iv twice": GOOD.replace(",iv:", ",iv:" + B64["iv"] + ",iv:"),
    "another field": GOOD.replace(",type:", ",more:x,type:"),
    "empty type": GOOD.replace("type:str", "type:"),
    "unknown type": GOOD.replace("type:str", "type:string"),
    "type in upper case": GOOD.replace("type:str", "type:STR"),
    "type with a space": GOOD.replace("type:str", "type:str "),
    "null type": GOOD.replace("type:str", "type:null"),
    "iv of 12 bytes": spelled(iv=base64.b64encode(IV[:12]).decode()),
    "iv of 31 bytes": spelled(iv=base64.b64encode(IV[:31]).decode()),
    "iv of 33 bytes": spelled(iv=base64.b64encode(IV + b"x").decode()),
    "empty iv": spelled(iv=""),
    "tag of 12 bytes": spelled(tag=base64.b64encode(TAG[:12]).decode()),
    "tag of 15 bytes": spelled(tag=base64.b64encode(TAG[:15]).decode()),
    "tag of 17 bytes": spelled(tag=base64.b64encode(TAG + b"x").decode()),
    "empty tag": spelled(tag=""),
    "iv without padding": spelled(iv=B64["iv"].rstrip("=")),
    "tag without padding": spelled(tag=B64["tag"].rstrip("=")),
    "data without padding": spelled(data=B64["data"].rstrip("=")),
    "iv with more padding": spelled(iv=B64["iv"] + "="),
    "data with more padding": spelled(data=B64["data"] + "="),
    "data of one character": spelled(data="A"),
    "data of padding": spelled(data="=="),
    "data of one padding": spelled(data="="),
    "data of three paddings": spelled(data="A==="),
    "padding in the middle": spelled(data="QQ==QUFB"),
    "base64url": spelled(iv=base64.urlsafe_b64encode(b"\xff" * 32).decode()),
    "base64url data": spelled(data="-_-_"),
    "space in base64": spelled(data="QU FB"),
    "line break in base64": spelled(data="QU\nFB"),
    "tab in iv": spelled(iv="\t" + B64["iv"][1:]),
    "characters that look alike": spelled(data="ＱＵＦＢ"),
    "digits of another script": spelled(data="QUF٣"),
    "nul": spelled(data="QU\0B"),
    "lone surrogate": spelled(data="QU\ud800B"),
    "trailing bits in data, one byte": spelled(data="QR=="),
    "trailing bits in data, two bytes": spelled(data="QUF="),
    "trailing bits in iv": spelled(iv=other(B64["iv"], 42, chr(ord(B64["iv"][42]) + 1))),
    "trailing bits in tag": spelled(tag=other(B64["tag"], 21, "x")),
    "the type in the data": "ENC[AES256_GCM,data:QUFB,type:str]",
    "sops's old form": "ENC[AES256_GCM,data:QUFB,iv:QUFB,aad:QUFB,tag:QUFB]",
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_anything_else_is_no_token(name: str) -> None:
    text = MALFORMED[name]
    assert text != GOOD
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        token.read(text)
    assert not text or text not in str(caught.value)
    assert not token.is_token(text)


@given(st.binary(max_size=80), st.sampled_from(["str", "int", "comment"]))
def test_any_ciphertext(data: bytes, kind: str) -> None:
    text = token.write(data, IV, TAG, kind)
    assert token.read(text) == (data + TAG, IV, kind)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_any_other_character_is_no_second_spelling(place: int, character: str) -> None:
    """Whatever is read is what `write` gives for it: no two texts are the same token."""
    text = other(GOOD, place, character)
    try:
        sealed, iv, kind = token.read(text)
    except ValueError:
        return
    assert token.write(sealed[:-16], iv, sealed[-16:], kind) == text


@given(st.text(st.sampled_from("ENC[AES256_GCM,data:iv:tag:type:str]=+/QUFB"), max_size=120))
def test_pieces_of_tokens(text: str) -> None:
    try:
        sealed, iv, kind = token.read(text)
    except ValueError:
        return
    assert token.write(sealed[:-16], iv, sealed[-16:], kind) == text
