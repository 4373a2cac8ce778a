"""A version read by its skeleton is the version that a whole reading gives."""

from __future__ import annotations

import pytest

import ksecrets
from ksecrets.operations.history.versions import Reader, Version
from tests.conftest import Repo
from tests.team import DEV, PLAIN, Team

TEXTS = {
    "mapping": PLAIN,
    "windows": PLAIN.replace("\n", "\r\n"),
    "flow": "{a: one, b: [two, {}], c: {d: 1}}\n",
    "list": "- one\n- [two, 3, null, '']\n",
    "documents": "a: one\n---\nb: two\n---\n- three\n",
    "begins with a mark": "---\na: one\n",
    "ends a document": "a: one\n...\n",
    "twice": "a: one\na: two\n",
    "blocks": "a: |\n  several\n  lines\nb: >-\n  folded\n  text\n",
    "comments": "# a: secret\na: one # b: two\n#c: three\n",
    "anchors": "a: &x one\nb: *x\n",
    "keys that are none": "? [a, b]\n: one\n? {c: d}\n: two\n",
    "no end": "a: one",
    "empty collections": "a: {}\nb: []\nc: {d: {}}\n",
    "reads like a place": "a: one\nb_unencrypted: 'ENC[ksecrets:0]'\nc: two\n",
}


@pytest.fixture
def team(repo: Repo) -> Team:
    return Team(repo)


def seen(version: Version) -> tuple[object, ...]:
    envelope = version.envelope
    assert envelope is not None, version.problem
    return list(version.values().items()), envelope.kid, envelope.wrapped, envelope.readers, envelope.sealed


@pytest.mark.parametrize("what", TEXTS)
def test_by_parts_and_as_a_whole(team: Team, what: str) -> None:
    text = team.write(DEV, TEXTS[what])
    reader = Reader()
    first = seen(reader.read(text.encode()))
    assert first == seen(Reader()._whole(text))
    values = first[0]
    assert isinstance(values, list)
    assert sum(value[0] for _, value in values) == text.count("=,tag:") - text.count("#ENC[") - 1  # the MAC
    again = team.write(DEV, TEXTS[what].replace("one", "eins"))
    assert seen(reader.read(again.encode())) == seen(Reader()._whole(again))


def test_the_skeleton_is_read_once(team: Team) -> None:
    reader = Reader()
    one = reader.read(team.write(DEV, "a: one\nb: two\n").encode())
    two = reader.read(ksecrets.set(DEV, "a", "eins", session=team.session("alice")).text.encode())
    assert one.layout is two.layout
    assert one.envelope is two.envelope
    assert one.values() != two.values()


@pytest.mark.parametrize(
    "added",
    [
        "evil: 1\n",
        "\x85evil: 1\n",
        "  \u2028evil: 1\n",
        "---\nevil: 1\n",
        "? evil\n",
        "    kid: other\n",
        "sops:\n    a: 1\n",
        "\tx: 1\n",
    ],
)
def test_what_stands_behind_the_block_is_not_overlooked(team: Team, added: str) -> None:
    """An attack: values behind the block, where a quick reading does not look."""
    text = team.write(DEV, "a: one\n") + added
    quick, whole = Reader().read(text.encode()), Reader()
    try:
        expected = whole._whole(text)
    except Exception:
        assert quick.problem is not None
        return
    assert quick.values() == expected.values()


def test_nothing_of_a_version_is_in_its_repr(team: Team) -> None:
    version = Reader().read(b"password: s3cret\n")
    assert repr(version) == "<Version plaintext>"
    assert version.values() == {(0, ("password",), 0): (False, "str", "s3cret")}


def test_a_path_bomb_ends_early() -> None:
    """An attack: deep and wide, so that the paths of the values are larger than the text by orders of magnitude."""
    text = "".join(f"{' ' * depth}k:\n" for depth in range(400))
    text += "".join(f"{' ' * 400}v{number}: 1\n" for number in range(20_000))
    version = Reader().read(text.encode())
    assert version.problem is not None
    assert "more values" in version.problem
