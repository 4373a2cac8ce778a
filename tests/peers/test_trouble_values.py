"""Values that sops changes, loses or refuses, by the numbers of the threads in getsops/sops that tell of them.

Each case is seen by running the real sops: what it gives back for the text is written down here, so that a sops that
gets better is noticed. ksecrets gives every one of them back to the byte, but for one that it refuses: there, a secret
would be lost.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import ksecrets
from ksecrets.errors import SyntaxRefused
from tests.pipe import alice

REFUSES = None


class Trouble:
    """issue: its number. text: what goes in. sops: what the real sops gives back, or REFUSES. suffix: of the file.

    ours: what ksecrets says where it refuses the text, too.
    """

    def __init__(
        self, issue: int, name: str, text: str, sops: str | None, suffix: str = "yaml", *, ours: str = ""
    ) -> None:
        self.ours = ours
        self.id = f"{issue} {name}"
        self.text = text
        self.sops = sops
        self.suffix = suffix


YAML = [
    # -- another value comes back --------------------------------------------------------------------------------------
    Trouble(2161, "underscores between digits", "user: 12345_54321\n", "user: 1234554321\n"),
    Trouble(928, "long numbers lose digits", "id: 123456789012345678901234567890\n", "id: 1.2345678901234568e+29\n"),
    Trouble(928, "numbers past int64", "id: 12345678901234567890\n", REFUSES),
    Trouble(1003, "octal modes", "mode: 0644\nnew: 0o17\n", "mode: 420\nnew: 15\n"),
    Trouble(1003, "hexadecimal", "colour: 0x1F\n", "colour: 31\n"),
    Trouble(1003, "versions that look like floats", "version: 1.10\nmajor: 1.0\n", "version: 1.1\nmajor: 1\n"),
    Trouble(1003, "floats lose digits", "rate: 1234567890.123456789\n", "rate: 1.2345678901234567e+09\n"),
    Trouble(1003, "exponents", "limit: 1e3\n", "limit: 1000\n"),
    Trouble(1003, "dates become times", "day: 2020-01-01\n", "day: 2020-01-01T00:00:00Z\n"),
    Trouble(1003, "times without a zone", "at: 2020-01-01 10:00:00\n", "at: 2020-01-01T10:00:00Z\n"),
    Trouble(1003, "the zero of a time", "at: 2001-12-14t21:59:43.10-05:00\n", "at: 2001-12-14T21:59:43.1-05:00\n"),
    Trouble(1003, "binary is decoded", "key: !!binary aGVsbG8=\n", "key: hello\n"),
    Trouble(1003, "signs", "a: +5\nb: -0.0\n", "a: 5\nb: -0\n"),
    Trouble(1003, "tags are dropped", "a: !vault x\n", "a: x\n"),
    Trouble(949, "yes becomes a text for Helm", "on_call: yes\n", 'on_call: "yes"\n'),
    # -- refused -------------------------------------------------------------------------------------------------------
    Trouble(653, "keys that are numbers", "versions:\n  1: some-value\n", REFUSES),
    Trouble(653, "keys that are booleans", "true: a\n", REFUSES),
    Trouble(653, "keys that are null", "~: a\n", REFUSES),
    Trouble(907, "only comments", "# nothing secret yet\n", REFUSES),
    Trouble(907, "an empty file", "", REFUSES),
    Trouble(907, "an empty document", "---\n", "{}\n"),
    Trouble(2138, "a list at the top", "- a\n- b: c\n", REFUSES),
    Trouble(2138, "a text at the top", "just a secret\n", REFUSES),
    # -- structure -----------------------------------------------------------------------------------------------------
    Trouble(213, "references", "a: &a something\nb: *a\n", "a: something\nb: something\n"),
    Trouble(213, "references to collections", "a: &x [1]\nb: *x\n", "a:\n    - 1\nb:\n    - 1\n"),
    Trouble(1002, "merge keys", "b: &b\n  x: a\nu:\n  <<: *b\n", "b:\n    x: a\nu:\n    !!merge <<:\n        x: a\n"),
    Trouble(408, "folded blocks", "hello: >\n    { 'here': {\n    'is' } }\n", "hello: |\n    { 'here': { 'is' } }\n"),
    Trouble(408, "blocks that keep their end", "a: |+\n  x\n\n", "a: |+\n    x\n\n"),
    Trouble(408, "spaces at the end of a line", "a: |\n  x  \n  y\n", 'a: "x  \\ny\\n"\n'),
    Trouble(408, "texts over several lines", "a: one\n  two\n", "a: one two\n"),
    # -- layout --------------------------------------------------------------------------------------------------------
    Trouble(864, "blank lines and quotes", 'a:\n  - x\n\nb: "q"\n', "a:\n    - x\nb: q\n"),
    Trouble(950, "indentation", "a:\n  - s\nb:\n  c: d\n", "a:\n    - s\nb:\n    c: d\n"),
    Trouble(514, "lists of mappings", 'E:\n- name: "K"\n  v: w\n', "E:\n    - name: K\n      v: w\n"),
    Trouble(
        1066, "two widths in one file", "h:\n  - s: v\n    t:\n      u: v\n", "h:\n    - s: v\n      t:\n        u: v\n"
    ),
    Trouble(760, "quotes", "a: 'x'\nb: \"y\"\n", 'a: x\nb: "y"\n'),
    Trouble(864, "line ends of Windows", "a: b\r\nc: d\r\n", "a: b\nc: d\n"),
    Trouble(864, "a byte order mark", "\ufeffa: b\n", "a: b\n"),
    Trouble(864, "no line break at the end", "a: b", "a: b\n"),
    Trouble(864, "ends of documents", "a: b\n...\n", "a: b\n"),
    Trouble(864, "directives", "%YAML 1.1\n---\na: b\n", "a: b\n"),
    Trouble(864, "nulls", "a: ~\nb:\n", "a: null\nb: null\n"),
    # -- comments ------------------------------------------------------------------------------------------------------
    Trouble(635, "comments beside the first value", "a: b # c\n", "# c\na: b\n"),
    Trouble(635, "blank lines between comments", "a:\n  # c\n\n  # d\n  b: e\n", "a:\n    # c\n    # d\n    b: e\n"),
    Trouble(695, "empty comments", "## top\n##\nk:\n  ##\n\n  j: v\n", "## top\n##\nk:\n    ##\n    j: v\n"),
    Trouble(811, "comments between items", "r:\n  - [ a ]\n  # c\n  - b\n", "r:\n    - - a\n    # c\n    - b\n"),
]


@pytest.fixture
def roundtrip(sops: str) -> Callable[[str, str], str | None]:
    """(text, suffix) -> what sops makes of it, encrypted and decrypted again."""

    def run(text: bytes, *words: str) -> bytes | None:
        env = {**os.environ, "SOPS_AGE_KEY": alice().secret}
        done = subprocess.run([sops, *words], input=text, capture_output=True, env=env, cwd="/", timeout=60)
        return done.stdout if done.returncode == 0 else None

    def both(text: str, suffix: str) -> str | None:
        kind = {"env": "dotenv", "bin": "binary"}.get(suffix, suffix)
        types = ["--input-type", kind, "--output-type", kind]
        words = ["encrypt", "--age", alice().public, "--filename-override", f"x.{suffix}", *types]
        encrypted = run(text.encode(), *words)
        plain = run(encrypted, "decrypt", *types) if encrypted is not None else None
        return plain.decode() if plain is not None else None

    return both


def same_bytes(trouble: Trouble, folder: Path) -> None:
    """ksecrets gives a text back to the byte, and hides what is in it; or refuses it before anything is lost."""
    session = ksecrets.Session({"KSECRETS_AGE_KEY": alice().secret, "HOME": str(folder)})
    path, text = str(folder / f"x.{trouble.suffix}"), trouble.text
    if trouble.ours:
        with pytest.raises(SyntaxRefused, match=trouble.ours):
            ksecrets.encrypt(path, text=text, age=[alice().public], session=session)
        return
    encrypted = ksecrets.encrypt(path, text=text, age=[alice().public], session=session)
    assert ksecrets.decrypt(path, text=encrypted.text, session=session).text == text
    assert encrypted.text.count("ENC[AES256_GCM") >= encrypted.values


@pytest.mark.parametrize("trouble", YAML, ids=lambda each: each.id)
def test_yaml(trouble: Trouble, roundtrip: Callable[[str, str], str | None], tmp_path: Path) -> None:
    assert roundtrip(trouble.text, trouble.suffix) == trouble.sops
    same_bytes(trouble, tmp_path)


JSON = [
    Trouble(2222, "numbers past int64", '{"n": 12345678901234567890}', '{\n\t"n": 12345678901234567000\n}\n', "json"),
    Trouble(2222, "floats", '{"n": 1.10, "e": 1e3}\n', '{\n\t"n": 1.1,\n\t"e": 1000\n}\n', "json"),
    Trouble(864, "layout", '{"b":1,"a":[1],"c":{}}', '{\n\t"b": 1,\n\t"a": [\n\t\t1\n\t],\n\t"c": {}\n}\n', "json"),
    Trouble(864, "escapes", '{"a": "\\u00e9\\/<b>"}', '{\n\t"a": "é/\\u003cb\\u003e"\n}\n', "json"),
]

LINES = [
    Trouble(864, "blank lines", "\nA=1\n\n# c\nB=2\n", "A=1\n# c\nB=2\n", "env"),
    Trouble(
        1340, "a key that comes twice loses a secret", "[a]\nx=1\nx=2\n", "[a]\nx = 2\n", "ini", ours="same name twice"
    ),
    Trouble(1340, "sections that come twice", "[a]\nx=1\n[a]\ny=2\n", "[a]\nx = 1\n\n[a]\ny = 2\n", "ini"),
    Trouble(1435, "quotes of ini", '[a]\nx = "q"\n', "[a]\nx = q\n", "ini"),
    Trouble(1435, "what stands behind a hash", "[a]\nx = a#b\n", "[a]\n; b\nx = a\n", "ini"),
    Trouble(1435, "comments of ini", "; top\n[a]\n# c\nx = 1\n", "; top\n[a]\n; c\nx = 1\n", "ini"),
    Trouble(1435, "spaces and colons", "[a]\nx   =   1\ny : 2\n", "[a]\nx = 1\ny = 2\n", "ini"),
]


@pytest.mark.parametrize("trouble", JSON, ids=lambda each: each.id)
def test_json(trouble: Trouble, roundtrip: Callable[[str, str], str | None], tmp_path: Path) -> None:
    assert roundtrip(trouble.text, trouble.suffix) == trouble.sops
    same_bytes(trouble, tmp_path)


@pytest.mark.parametrize("trouble", LINES, ids=lambda each: each.id)
def test_dotenv_and_ini(trouble: Trouble, roundtrip: Callable[[str, str], str | None], tmp_path: Path) -> None:
    assert roundtrip(trouble.text, trouble.suffix) == trouble.sops
    same_bytes(trouble, tmp_path)
