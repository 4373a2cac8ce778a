"""Binary files through the pipe: any bytes come back."""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.errors import NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files.formats import by_name
from tests import pipe

BINARY = by_name("binary")


def seal(raw: bytes, **options: Any) -> Any:
    return pipe.seal(raw.decode("utf-8", "surrogateescape"), format=BINARY, **options)


def open_(text: str, **options: Any) -> Any:
    return pipe.open_(text, format=BINARY, **options)


def bytes_of(text: str) -> bytes:
    return open_(text).plaintext.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        b"\n",
        b"text\r\n",
        b"\xef\xbb\xbfmarked",
        b"\xff\xfe",
        b"\xed\xa0\x80",  # half a surrogate pair, which is no UTF-8
        "é😀".encode(),
        bytes(range(256)),
        b"ENC[AES256_GCM,data:YQ==,iv:",
        b'{"data": "x", "sops": {}}',
        b'{"data": "x"}',
        b"sops:\n  mac: x\n",
    ],
)
def test_bytes_come_back(raw: bytes) -> None:
    sealed = seal(raw)
    opened = open_(sealed.text, keep_tokens=True)
    assert opened.plaintext.encode("utf-8", "surrogateescape") == raw
    assert opened.sealed
    assert sealed.values == opened.values == (1 if raw else 0)
    assert seal(raw, old=opened).text == sealed.text
    assert sealed.text.startswith('{\n\t"data": "')
    assert sealed.text.endswith('"\n\t}\n}\n')
    assert list(json.loads(sealed.text)) == ["data", "sops"]


@given(st.binary())
def test_any_bytes_come_back(raw: bytes) -> None:
    assert bytes_of(seal(raw).text) == raw


def test_a_token_can_be_a_binary_file() -> None:
    token = json.loads(seal(b"inner").text)["data"].encode()
    assert bytes_of(seal(token).text) == token


def test_no_selector_leaves_it_readable() -> None:
    """sops ignores them all for binary files."""
    for selector in (("unencrypted_regex", "."), ("encrypted_regex", "^x$"), ("unencrypted_suffix", "data")):
        text = seal(b"hidden", selector=selector, mac_only_encrypted=True).text
        assert "hidden" not in text
        assert bytes_of(text) == b"hidden"


def test_a_wrapper_is_opened_whatever_the_name_says() -> None:
    text = seal(b"\xffx").text
    for name in ("json", "yaml"):
        assert pipe.open_(text, format=by_name(name)).plaintext.encode("utf-8", "surrogateescape") == b"\xffx"
    assert pipe.open_(text).format is BINARY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"data": ', '"name": '),
        ('"data": ', '"data": "", "data": '),
        ('"data": ', '"more": null, "data": '),
        ('"data": ', '"more": [], "data": '),
        ("type:str]", "type:int]"),
        ("type:str]", "type:bytes]"),
        ('"format": "binary"', '"format": "json"'),
        ('"path": "env/dev', '"path": "env/prod'),
        ('"sops": {', '"sops": {"mac": "x"}, "sops": {'),
        ("data:", "data:AAAA"),
    ],
)
def test_changes_are_seen(old: str, new: str) -> None:
    text = seal(b"secret").text
    assert old in text
    with pytest.raises((Tampered, SyntaxRefused)):
        open_(text.replace(old, new, 1))


def test_an_emptied_file_is_seen() -> None:
    tree = json.loads(seal(b"secret").text)
    tree["data"] = ""
    with pytest.raises(Tampered):
        open_(json.dumps(tree))
    tree["data"] = "plain"
    with pytest.raises(Tampered, match="not a token"):
        open_(json.dumps(tree))


def test_what_has_no_block_is_a_plaintext_whatever_it_is() -> None:
    for raw in (b"", b"\0sops", b'{"data": "x"}', b'{"sops', b'{"a": "sops"}'):
        with pytest.raises(NotEncrypted):
            open_(raw.decode())


def test_a_mutated_file_is_refused_or_says_the_same() -> None:
    random = Random(5)
    text = seal(b"secret\xff").text
    for _ in range(800):
        at = random.randrange(len(text))
        mutated = (
            text[:at] + random.choice(('"', "}", ",", " ", "x", "\x00", "")) + text[at + random.choice((0, 1, 50)) :]
        )
        try:
            opened = open_(mutated)
        except (Tampered, SyntaxRefused, NotEncrypted):
            continue
        if opened.sealed:
            assert opened.plaintext.encode("utf-8", "surrogateescape") == b"secret\xff"


def test_a_large_file() -> None:
    raw = os.urandom(3_000_000)
    assert bytes_of(seal(raw).text) == raw
