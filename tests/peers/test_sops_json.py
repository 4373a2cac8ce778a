"""JSON and binary files against the real sops: both directions, and edited in turns."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ksecrets.files.formats import by_name
from ksecrets.files.open import Opened
from ksecrets.files.seal import seal_text
from tests.jsondocs import BEYOND_SOPS, Writer, alike, says
from tests.pipe import Sops, alice, metadata, open_, open_as_alice, seal, stanzas

JSON, BINARY = by_name("json"), by_name("binary")
# A run has a seed of its own; a failure names it, and KSECRETS_TEST_SEED brings it back.
SEED = int(os.environ.get("KSECRETS_TEST_SEED") or int.from_bytes(os.urandom(4)))
LENGTH = 50
FILES = max(1, int(os.environ.get("KSECRETS_TEST_DOCUMENTS") or 600) // LENGTH)


def documents(number: int) -> str:
    """Fifty documents as the entries of one object: a process of sops takes 20 ms and more."""
    random = Random(f"{SEED}/{number}")
    written = [Writer(random, for_sops=True).document().strip() for _ in range(LENGTH)]
    gap = random.choice((" ", "\n  ", "\n\t"))
    return "{" + ",".join(f'{gap}"d{index}": {text}' for index, text in enumerate(written)) + "\n}\n"


def values(opened: Opened) -> list[tuple[str, str, bytes]]:
    """(associated data, type, plaintext) of every token."""
    return sorted(triple for triple, found in opened.tokens.items() for _ in found)


def in_parallel(work: Any, items: Any) -> list[Any]:
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items))


def test_sops_reads_what_we_write(sops: str) -> None:
    def check(number: int) -> None:
        text = documents(number)
        sealed = seal(text, format=JSON, real=True)
        assert sealed.sops_refuses == []
        client = Sops(sops, "json")
        output = client.decrypt(sealed.text)
        assert output is not None, (SEED, number, client.error)
        assert alike(says(output), says(text)), (SEED, number)

    in_parallel(check, range(FILES))


def test_we_read_what_sops_writes(sops: str) -> None:
    def check(number: int) -> None:
        text = documents(number)
        encrypted = Sops(sops, "json").encrypt(text)
        assert encrypted is not None
        opened = open_as_alice(encrypted, format=JSON, keep_tokens=True)
        assert alike(says(opened.plaintext), says(text)), (SEED, number)
        ours = open_(seal(text, format=JSON).text, format=JSON, keep_tokens=True)
        assert values(opened) == values(ours), (SEED, number)

    in_parallel(check, range(FILES))


def test_edited_in_turns(sops: str, tmp_path: Path) -> None:
    """Three times by both: sops changes a value and writes the file anew, we take it up again, under the same key."""
    environment = {**os.environ, "SOPS_AGE_KEY": alice().secret, "SOPS_DISABLE_VERSION_CHECK": "1"}
    file = tmp_path / "a.json"
    text = documents(0)
    sealed = seal(text, format=JSON, real=True)
    for turn in range(3):
        file.write_text(sealed.text)
        command = [sops, "set", str(file), f'["new{turn}"]', f'{{"x": [{turn}, 1.5, "é\\u0041"]}}']
        subprocess.run(command, env=environment, check=True, timeout=60, cwd=tmp_path)
        opened = open_as_alice(file.read_text(), format=JSON, keep_tokens=True)
        expected = [*says(text), (f"new{turn}", [("x", [turn, 1.5, "éA"])])]
        assert alike(says(opened.plaintext), expected), (SEED, turn)
        text = opened.plaintext.replace('"d1": ', f'"e{turn}": true,\n"d1": ', 1)
        sealed = seal(text, format=JSON, real=True, old=opened)
        assert sealed.kept == sealed.values - 1
        client = Sops(sops, "json")
        output = client.decrypt(sealed.text)
        assert output is not None, client.error
        assert alike(says(output), says(text)), (SEED, turn)


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    ),
    st.sampled_from((None, 1, "\t")),
)  # fmt: skip
def test_generated_values_both_ways(sops: str, value: Any, indent: Any) -> None:
    text = json.dumps({"top": value}, indent=indent, ensure_ascii=bool(indent))
    client = Sops(sops, "json")
    output = client.decrypt(seal(text, format=JSON, real=True).text)
    assert output is not None, client.error
    assert alike(says(output), says(text))
    encrypted = client.encrypt(text)
    assert encrypted is not None
    assert alike(says(open_as_alice(encrypted, format=JSON).plaintext), says(text))


def test_sops_does_not_read_its_own_readable_minus_zero(sops: str) -> None:
    """It is written as -0, which is read as a whole number; we keep it."""
    text = '{"a_unencrypted": -0.0, "b": -0.0}'
    client = Sops(sops, "json")
    assert client.decrypt(client.encrypt(text) or "") is None
    assert open_(seal(text, format=JSON).text, format=JSON).plaintext == text
    assert client.decrypt(seal(text, format=JSON, real=True).text) is not None


def test_what_sops_does_not_hold(sops: str) -> None:
    """What we say of these numbers is what sops does with them; we keep them."""
    client = Sops(sops, "json")
    for number in BEYOND_SOPS:
        text = f'{{"a": {number}}}'
        sealed = seal(text, format=JSON, real=True)
        assert open_(sealed.text, format=JSON).plaintext == text
        assert len(sealed.sops_refuses) == 1
        encrypted = client.encrypt(text)
        if "rounds" in sealed.sops_refuses[0]:
            assert encrypted is not None
            assert number not in (client.decrypt(encrypted) or number)
        else:
            assert encrypted is None


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("[1]", False, False),
        ('"x"', False, False),
        ("", False, False),
        ('{"a": 1,}', False, False),
        ('{"a": 01}', False, False),
        # sops drops what stands behind the object, and reads it with a byte order mark not at all
        ('{"a": 1} {"b": 2}', False, True),
        ('\ufeff{"a": 1}', True, False),
        ('{"a": 1, "a": 2}', True, True),
        ('{"a": "\\ud800"}', True, True),
    ],
)
def test_what_is_taken(text: str, ours: bool, theirs: bool, sops: str) -> None:
    from ksecrets.errors import SyntaxRefused

    assert (Sops(sops, "json").encrypt(text) is not None) == theirs
    try:
        assert open_(seal(text, format=JSON).text, format=JSON).plaintext == text
        taken = True
    except SyntaxRefused:
        taken = False
    assert taken == ours


def test_selectors_and_groups_of_a_json_file(sops: str) -> None:
    client = Sops(sops, "json")
    text = '{"data": {"a": "x", "b_unencrypted": 1}, "kind": "Secret", "n": null}'
    for option, kind, value in (
        ("--encrypted-regex", "encrypted_regex", "^(data|stringData)$"),
        ("--unencrypted-regex", "unencrypted_regex", "^kind$"),
        ("--encrypted-suffix", "encrypted_suffix", "ta"),
        ("--unencrypted-suffix", "unencrypted_suffix", "nd"),
    ):
        encrypted = client.encrypt(text, option, value)
        assert encrypted is not None
        theirs = open_as_alice(encrypted, format=JSON, keep_tokens=True)
        sealed = seal(text, format=JSON, real=True, selector=(kind, value))
        assert values(theirs) == values(open_(sealed.text, format=JSON, keep_tokens=True))
        assert alike(says(client.decrypt(sealed.text) or ""), says(text))


RAW = [
    b"",
    b"\0",
    b"a\n",
    b"\xef\xbb\xbfx",
    bytes(range(256)) * 3,
    b"\xed\xa0\x80",
    b'{"data": 1}',
    b"ENC[",
    b"a: b\n" * 999,
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_binary_both_ways(raw: bytes, sops: str) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    client = Sops(sops, "binary")
    assert client.decrypt(seal(text, format=BINARY, real=True).text) == text, client.error
    encrypted = client.encrypt(text)
    assert encrypted is not None
    opened = open_as_alice(encrypted, format=BINARY, keep_tokens=True)
    assert opened.plaintext == text
    ours = seal_text(
        text,
        data_key=opened.data_key,
        metadata=metadata(groups=opened.metadata.groups),
        format=BINARY,
        old_tokens=opened.tokens,
    )
    assert ours.kept == ours.values
    assert client.decrypt(ours.text) == text
