"""Generated dotenv and INI files against the real sops, in both directions, and edited in turns.

A sops process takes 20 ms and more, so the files go twenty-five at a time into one; their names differ. 500 of each
format in every run; KSECRETS_TEST_DOCUMENTS sets another number.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from ksecrets.errors import SyntaxRefused
from ksecrets.files.formats import Format, by_name
from ksecrets.text.node import SCALAR
from tests import linedocs
from tests.pipe import Sops, alice, open_as_alice, seal, stanzas

DOCUMENTS = int(os.environ.get("KSECRETS_TEST_DOCUMENTS") or 500)
LENGTH = 25
# A run has a seed of its own; a failure names it, and KSECRETS_TEST_SEED brings it back.
SEED = int(os.environ.get("KSECRETS_TEST_SEED") or int.from_bytes(os.urandom(4)))
FORMATS = ["dotenv", "ini"]
Values = list[tuple[tuple[str | int, ...], str]]


def stream(name: str, number: int) -> str:
    """Twenty-five accepted files as one that sops reads."""
    random = Random(f"{SEED}/{name}/{number}")
    format = by_name(name)
    texts: list[str] = []
    while len(texts) < LENGTH:
        text = getattr(linedocs, name)(random, len(texts))
        try:
            list(format.scan("".join(texts) + text))
        except SyntaxRefused:
            continue
        texts.append(text)
    return "".join(texts)


def values(format: Format, text: str) -> Values:
    return [(node.path(), node.value) for node in format.scan(text) if node.kind == SCALAR]


def in_parallel(check: Callable[[int], list[str]]) -> None:
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        wrong = [line for found in pool.map(check, range(-(-DOCUMENTS // LENGTH))) for line in found]
    assert not wrong, f"KSECRETS_TEST_SEED={SEED}: {len(wrong)}: " + "\n".join(wrong[:5])


@pytest.mark.parametrize("name", FORMATS)
def test_sops_reads_what_we_write(sops: str, name: str) -> None:
    """It reads the values that it reads in the plaintext itself."""
    format = by_name(name)

    def check(number: int) -> list[str]:
        text = stream(name, number)
        sealed = seal(text, format=format, real=True, comments=("auto", "keep", "encrypt")[number % 3])
        if open_as_alice(sealed.text, format=format, require_seal=True).plaintext != text:
            return [f"stream {number}: not to the byte"]
        client = Sops(sops, name)
        output = client.decrypt(sealed.text)
        if output is None:
            return [f"stream {number}: {client.error.strip()}"]
        encrypted = client.encrypt(text)
        theirs = client.decrypt(encrypted) if encrypted is not None else None
        if theirs is None:
            return [f"stream {number}: sops does not read what it wrote"]
        if name == "dotenv":
            return [] if output == theirs else [f"stream {number}: sops reads\n{output!r}\nof\n{text!r}"]
        return _same_lines(number, _lines(output), _lines(theirs))

    in_parallel(check)


def _lines(text: str) -> list[str]:
    """What sops wrote, without comments, which it moves (a comment behind a value goes with the value)."""
    return [line for line in text.split("\n") if not line.startswith((";", "#")) and line]


def _same_lines(number: int, ours: list[str], theirs: list[str]) -> list[str]:
    if ours == theirs:
        return []
    pair = next(((a, b) for a, b in zip(ours, theirs, strict=False) if a != b), ("...", "..."))
    return [f"stream {number}: sops reads {pair[0]!r}, and of its own {pair[1]!r}"]


@pytest.mark.parametrize("name", FORMATS)
def test_we_read_what_sops_writes(sops: str, name: str) -> None:
    """We read the values that stand in the plaintext, also where sops's own output says something else."""
    format = by_name(name)

    def check(number: int) -> list[str]:
        text = stream(name, number)
        client = Sops(sops, name)
        encrypted = client.encrypt(text)
        if encrypted is None:
            return [f"stream {number}: {client.error.strip()}"]
        ours = open_as_alice(encrypted, format=format).plaintext
        if values(format, ours) != values(format, text):
            return [f"stream {number}: other values:\n{ours!r}\nof\n{text!r}"]
        if name == "dotenv" and ours != client.decrypt(encrypted):
            return [f"stream {number}: sops gives something else:\n{ours!r}"]
        return []

    in_parallel(check)


START = {
    "dotenv": "# note\nexport A=1\nB_unencrypted=x y\n\nC='quo\\nted' # c\n#PASSWORD=old\nD=\n",
    "ini": '; note\n[s]\na = 1 ; c\nb_unencrypted = x y\nc = "quoted"\n; password = old\n\n[t]\nd = """x\ny"""\ne =\n',
}
PLACES: dict[str, list[tuple[str, ...]]] = {
    "dotenv": [("export A",), ("B_unencrypted",), ("C",), ("NEW_ONE",)],
    "ini": [("s", "a"), ("s", "b_unencrypted"), ("t", "d"), ("t", "new"), ("u", "f")],
}


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("name", FORMATS)
def test_edited_in_turns(sops: str, name: str, number: int, tmp_path: Path) -> None:
    """Three times sops and three times we set values; each finds what the other left."""
    from ksecrets.text import dotenvpatch, inipatch

    format = by_name(name)
    set_value = {"dotenv": dotenvpatch.set_value, "ini": inipatch.set_value}[name]
    random = Random(f"{SEED}/{name}/turns/{number}")
    client = Sops(sops, name)
    path = tmp_path / ("f.env" if name == "dotenv" else "f.ini")
    encrypted = seal(START[name], format=format, real=True).text
    expected = dict(values(format, START[name]))
    for _ in range(3):
        place, value = random.choice(PLACES[name]), _text(random)
        path.write_text(encrypted, newline="")
        sops_sets(sops, path, place, value)
        expected[place] = value
        opened = open_as_alice(path.read_bytes().decode(), format=format, keep_tokens=True)
        assert not opened.sealed
        assert dict(values(format, opened.plaintext)) == expected, f"KSECRETS_TEST_SEED={SEED}"

        place, value = random.choice(PLACES[name]), _text(random)
        plaintext = set_value(opened.plaintext, place, value)
        expected[place] = value
        sealed = seal(plaintext, format=format, real=True)
        encrypted = sealed.text
        assert dict(values(format, open_as_alice(encrypted, format=format, require_seal=True).plaintext)) == expected
        output = client.decrypt(encrypted)
        assert output is not None, client.error
        assert dict(values(format, output)) == expected


def sops_sets(sops: str, path: Path, place: tuple[str, ...], value: str) -> None:
    where = "".join(f"[{json.dumps(part)}]" for part in place)
    subprocess.run(
        [sops, "set", str(path), where, json.dumps(value)],
        env={**os.environ, "SOPS_AGE_KEY": alice().secret},
        check=True,
        capture_output=True,
        timeout=60,
    )


def _text(random: Random) -> str:
    """A value that sops's own output does not lose."""
    return random.choice(["x", "x y", "é 😀", "x\ny", "p@ss=w:rd", "$A %(b)s", "0644", "true", "x'y"]) + str(
        random.randrange(100)
    )
