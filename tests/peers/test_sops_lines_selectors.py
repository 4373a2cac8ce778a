"""All six selectors on dotenv and INI files, against the real sops in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ksecrets.errors import SyntaxRefused
from ksecrets.files.formats import by_name
from ksecrets.text.node import SCALAR
from tests.pipe import Sops, alice, open_as_alice, seal

FILES = {
    "dotenv": (
        "# start\nA=1\n#enc this\nDB_PASSWORD=2\nDB_USER=3\n# plain: this\nB_plain=4\n\n#enc\n#plain\nC_secret=5\n"
        "export D=6\n# enc all\nE=\nF=7\n"
    ),
    "ini": (
        "; enc the first\n[db]\npassword = 1\n; enc the next\nuser = 2\nhost = 3\n; plain\nport_plain = 4\n"
        "x_secret = 5\n\n; plain\n[web_plain] \n# enc\nname = 6\n"
        "token_secret = 7 ; c\ntheme = 8\n; c\nsize =\nlast = 9\n\n[e]\n"
        "; plain\na = 10\nb = 11\nc = 12\n"
    ),
}
SELECTORS = [
    ("unencrypted_suffix", "_plain"),
    ("encrypted_suffix", "_secret"),
    ("unencrypted_regex", "^(user|DB_USER|A|web_.*)$"),
    ("encrypted_regex", "(?i)pass|^db$|secret"),
    ("unencrypted_comment_regex", "plain"),
    ("encrypted_comment_regex", "enc"),
]


def chosen(name: str, text: str) -> list[tuple[tuple[str | int, ...], bool]]:
    """Every value of an encrypted file, and whether it is a token."""
    nodes = [node for node in by_name(name).scan(text) if node.kind == SCALAR]
    return [(node.path(), node.value.startswith("ENC[")) for node in nodes]


@pytest.mark.parametrize("only", [False, True], ids=["all", "mac_only_encrypted"])
@pytest.mark.parametrize(("kind", "value"), SELECTORS)
@pytest.mark.parametrize("name", FILES)
def test_the_same_values_are_chosen(sops: str, name: str, kind: str, value: str, only: bool, tmp_path: Path) -> None:
    format = by_name(name)
    text = FILES[name]
    client = Sops(sops, name)
    rule = {"age": alice().public, kind: value, "mac_only_encrypted": only}
    rules = tmp_path / ".sops.yaml"
    rules.write_text(json.dumps({"creation_rules": [rule]}))
    theirs = client.run(["--config", str(rules), "encrypt"], text)
    assert theirs is not None, client.error
    ours = seal(text, format=format, real=True, selector=(kind, value), mac_only_encrypted=only, comments="keep").text
    found = chosen(name, ours)
    assert found == chosen(name, theirs)
    assert {True, False} <= {token for _, token in found}

    read_by_sops = client.decrypt(ours)
    assert read_by_sops is not None, client.error
    assert _values(name, read_by_sops) == _values(name, text)
    assert open_as_alice(ours, format=format, require_seal=True).plaintext == text
    assert _values(name, open_as_alice(theirs, format=format).plaintext) == _values(name, text)


def test_a_comment_that_would_go_with_its_value_and_no_longer_choose_the_next() -> None:
    """The one place where a comment cannot be put away: behind an encrypted value, and it matters for another one."""
    format = by_name("ini")
    with pytest.raises(SyntaxRefused):
        seal("[s]\n; enc\na = 1\nb = 2 ; enc\nc = 3\n", format=format, selector=("encrypted_comment_regex", "enc"))


def _values(name: str, text: str) -> list[tuple[tuple[str | int, ...], str]]:
    return [(node.path(), node.value) for node in by_name(name).scan(text) if node.kind == SCALAR]
