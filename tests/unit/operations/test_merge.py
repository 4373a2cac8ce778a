"""Three encrypted versions of a file become one."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import yaml

import ksecrets
from ksecrets.errors import ConfigError, NoIdentity, Tampered
from ksecrets.operations.merging.merge import merge
from ksecrets.operations.merging.plaintext import conflicts, merge_plaintexts, side, with_markers
from tests.merges import LONG, edited, git_merge, merged_meaning, rounds, values
from tests.team import DEV, Team

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "# top\ndb:\n  user: app\n  password: s3cret   # of the app\n  port: 1.10\n\nkey: |\n  one\n  two\n"


class Three:
    """A base that is committed, and two versions of it under the same data key."""

    def __init__(self, team: Team, base: str = TEXT) -> None:
        self.team = team
        self.plain = base
        self.base = team.write(DEV, base)
        team.repo.commit("base")

    def version(self, text: str) -> str:
        return ksecrets.encrypt(DEV, text=text, session=self.team.session("alice")).text

    def merge(self, ours: str, theirs: str, who: str = "alice") -> tuple[str, int]:
        """The merge of two plaintexts, encrypted: the text, and how many conflicts it has."""
        done = merge(DEV, self.base, self.version(ours), self.version(theirs), session=self.team.session(who))
        return done.text, done.conflicts

    def plaintext(self, text: str) -> str:
        return ksecrets.decrypt(DEV, text=text, require_seal=True, session=self.team.session("alice")).text


@pytest.fixture
def three(team: Team) -> Three:
    return Three(team)


def tokens(text: str) -> list[str]:
    return [line.strip() for line in text.split("sops:")[0].splitlines() if "ENC[" in line]


def test_neighbours_merge_and_the_rest_keeps_its_tokens(three: Three) -> None:
    text, left = three.merge(TEXT.replace("app\n", "other\n", 1), TEXT.replace("s3cret", "horse"))
    assert left == 0
    assert three.plaintext(text) == TEXT.replace("app\n", "other\n", 1).replace("s3cret", "horse")
    assert set(tokens(three.base)) & set(tokens(text)) == {t for t in tokens(three.base) if "port" in t} | {
        t for t in tokens(three.base) if t.startswith("ENC")
    }


def test_what_only_one_side_changed_is_that_side(three: Three) -> None:
    changed = three.version(TEXT.replace("s3cret", "horse"))
    done = merge(DEV, three.base, changed, three.base, session=three.team.session("alice"))
    assert (done.text, done.conflicts) == (changed, 0)


def test_a_conflict_is_tokens_at_its_value_only(three: Three) -> None:
    ours, theirs = TEXT.replace("s3cret", "horse").replace("user: app", "user: me"), TEXT.replace("s3cret", "battery")
    text, left = three.merge(ours, theirs)
    assert left == 1
    assert text.count("<<<<<<< ours") == text.count("=======") == text.count(">>>>>>> theirs") == 1
    between = text.split("<<<<<<< ours\n")[1].split(">>>>>>> theirs")[0].splitlines()
    assert [line.split(":")[0] for line in between] == ["  password", "=======", "  password"]
    assert all("ENC[" in line for line in between if "password" in line)
    assert 'mac: ""' in text
    for secret in ("horse", "battery", "s3cret"):
        assert secret not in text


def test_a_file_whose_markers_were_taken_out_by_hand_is_read_by_nobody(three: Three) -> None:
    text, _ = three.merge(TEXT.replace("s3cret", "horse"), TEXT.replace("s3cret", "battery"))
    by_hand = text.split("<<<<<<< ours\n")[0] + text.split("<<<<<<< ours\n")[1].split("=======\n")[0]
    by_hand += text.split(">>>>>>> theirs\n")[1]
    with pytest.raises(Tampered, match="a merge was not finished"):
        ksecrets.decrypt(DEV, text=by_hand, session=three.team.session("alice"))


def test_no_merge_launders_a_tampering(three: Three) -> None:
    """security.md rule 4."""
    ours = three.version(TEXT.replace("s3cret", "horse"))
    for bad in (ours.replace("user:", "admin:"), ours.replace("# top\n", "# top\nadded: ''\n")):
        for versions in ((bad, three.base), (three.base, bad)):
            with pytest.raises(Tampered):
                merge(DEV, three.base, *versions, session=three.team.session("alice"))


def test_without_the_key_nothing_is_merged(three: Three) -> None:
    ours, theirs = three.version(TEXT.replace("s3cret", "horse")), three.version(TEXT.replace("app", "me"))
    with pytest.raises(NoIdentity):
        merge(DEV, three.base, ours, theirs, session=three.team.session())


def test_both_add_a_file(three: Three) -> None:
    done = merge(
        DEV, "", three.version("a: 1\nb: x\n"), three.version("a: 1\nc: y\n"), session=three.team.session("alice")
    )
    assert (done.conflicts, three.plaintext(done.text)) == (0, "a: 1\nb: x\nc: y\n")


def test_a_reader_who_was_added_on_one_side_stays(team: Team) -> None:
    team.rules(dev="alice")
    three = Three(team)
    ours = three.version(TEXT.replace("s3cret", "horse"))
    team.rules(dev="alice, bob")
    theirs = ksecrets.updatekeys(DEV, session=team.session("alice")).text
    for rules in ("alice", "alice, bob"):  # whether the configuration is merged yet or not
        team.rules(dev=rules)
        done = merge(DEV, three.base, ours, theirs, session=team.session("alice"))
        text = ksecrets.decrypt("-", text=done.text, require_seal=True, session=team.session("bob")).text
        assert text == TEXT.replace("s3cret", "horse")


def test_a_reader_who_was_removed_on_one_side_is_out(team: Team) -> None:
    three = Three(team)
    ours = three.version(TEXT.replace("s3cret", "horse"))
    team.rules(dev="alice")
    theirs = ksecrets.updatekeys(DEV, session=team.session("alice")).text
    done = merge(DEV, three.base, ours, theirs, session=team.session("alice"))
    assert done.conflicts == 0
    assert three.plaintext(done.text) == TEXT.replace("s3cret", "horse")
    with pytest.raises(NoIdentity):
        ksecrets.decrypt("-", text=done.text, session=team.session("bob"))


def test_a_planted_reader_gets_nothing(team: Team) -> None:
    """security.md rule 1: a whole new file under a data key of the attacker's, with him among the readers."""
    three = Three(team)
    ours = three.version(TEXT.replace("s3cret", "horse"))
    team.recipients["mallory"] = "person"
    team.rules(dev="alice, bob, mallory")
    team.repo.write(DEV, TEXT.replace("app", "evil"))
    team.repo.git("rm", "--cached", "--quiet", DEV)
    team.repo.git("commit", "--quiet", "--message", "gone")
    planted = ksecrets.encrypt(DEV, session=team.session("mallory")).text
    team.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    team.forget()
    team.rules()
    with pytest.raises(ConfigError, match="needs the merged configuration"):
        merge(DEV, three.base, ours, planted, session=team.session("alice"))


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("a: 1\nb: 2\n", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: 2\nd: 4\n", "a: 1\nb: 2\nc: 3\nd: 4\n"),
        ("m: {a: 1, b: 2}  # x\n", "m: {a: 3, b: 2}  # x\n", "m: {a: 1, b: 4}  # y\n", "m: {a: 3, b: 4}  # y\n"),
        (
            "d:\n  a: 1\nx: 1\n",
            "d:\n  a: 1\n  c: 3\nnew:\n  z: 1\nx: 1\n",
            "d:\n  a: 1\n  b: 2\nother: 5\nx: 1\n",
            "d:\n  a: 1\n  c: 3\n  b: 2\nnew:\n  z: 1\nother: 5\nx: 1\n",
        ),
        (
            "e:\n- name: a\n  value: 1\n",
            "e:\n- name: a\n  value: 1\n- name: b\n  value: 2\n",
            "e:\n- name: a\n  value: 3\n",
            "e:\n- name: a\n  value: 3\n- name: b\n  value: 2\n",
        ),
        ("a: 1\r\nb: 2\r\n", "a: 3\r\nb: 2\r\n", "a: 1\r\nb: 4\r\n", "a: 3\r\nb: 4\r\n"),
        ("\ufeffa: 1\nb: 2\n", "\ufeffa: 3\nb: 2\n", "\ufeffa: 1\nb: 4\n", "\ufeffa: 3\nb: 4\n"),
        ("l:\n- a\n- b\n", "l:\n- x\n- b\n", "l:\n- a\n- y\n", "l:\n- x\n- y\n"),
        ("# a\nk: 1\n", "# b\nk: 1\n", "# a\nk: 2\n", "# b\nk: 2\n"),
    ],
)
def test_what_git_finds_too_close(base: str, ours: str, theirs: str, expected: str, tmp_path: Path) -> None:
    assert git_merge(tmp_path, base, ours, theirs) != expected
    merged = merge_plaintexts(base, ours, theirs)
    assert (conflicts(merged), side(merged, "ours")) == (0, expected)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("a: 1\n", "a: 2\n", "a: 3\n"),
        ("a: 1\nb: 1\n", "b: 1\n", "a: 2\nb: 1\n"),  # removed and changed
        ("l:\n- a\n", "l:\n- a\n- b\n", "l:\n- a\n- c\n"),  # the order of a list means something
        ("d:\n  a: 1\n", "x: 1\n", "d:\n  a: 1\n  b: 2\n"),  # the mapping is gone that something was added to
        ("k: |\n  a\n  b\n", "k: |\n  a\n  c\n", "k: |\n  a\n  d\n"),
        ("", "a: 1\n", "a: 2\n"),
        ("d:\n  a: 1\n", "d: {}\n", "d:\n  a: 1\n  b: 2\n"),
    ],
)
def test_what_is_a_conflict(base: str, ours: str, theirs: str) -> None:
    merged = merge_plaintexts(base, ours, theirs)
    assert conflicts(merged) == 1
    assert side(merged, "ours") == ours
    assert side(merged, "theirs") == theirs
    assert with_markers(merged).count("<<<<<<< ours\n") == 1


def test_a_key_that_both_add_at_different_places_is_not_there_twice() -> None:
    base = "".join(f"k{n}: {n}\n" for n in range(20))
    merged = merge_plaintexts(base, "new: 1\n" + base, base + "new: 1\n")
    assert conflicts(merged) == 0
    assert side(merged, "ours").count("new: 1\n") == 1
    assert conflicts(merge_plaintexts(base, "new: 1\n" + base, base + "new: 2\n")) == 1


def test_random_edits_of_different_values(team: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal to git's merge of the plaintexts where git can do that; and it succeeds where git finds lines too close."""
    git_can = too_close = 0
    three = Three(team, "a: 1\n")
    for seed in rounds(30):
        dice = random.Random(seed)
        base = values(dice)
        touched: set[tuple[str, str]] = set()
        ours = edited(base, dice, "ours", touched)
        theirs = edited(base, dice, "theirs", touched)
        three.base = three.version(base.text)
        text, left = three.merge(ours.text, theirs.text)
        assert left == 0, seed
        plaintext = three.plaintext(text)
        by_git = git_merge(tmp_path, base.text, ours.text, theirs.text)
        if by_git is not None:
            git_can += 1
            assert plaintext == by_git, seed
        else:
            too_close += 1
        expected: dict[str, dict[str, object]] = {}
        for (section, key), (kind, value) in merged_meaning(base, ours, theirs).items():
            meant: object = value.split() if kind == "list" else value.replace(" ", "\n") + "\n" * (kind == "block")
            expected.setdefault(section, {})[key] = meant
        assert yaml.safe_load(plaintext) == expected, seed
        kept = set(tokens(three.version(ours.text))) & set(tokens(three.version(theirs.text)))
        assert kept <= set(tokens(text)), seed
    done = git_can + too_close
    assert git_can > done // 5
    assert too_close > done // 10
    if LONG:
        with capsys.disabled():
            print(f"\n{done} merges: {git_can} as git's of the plaintext, {too_close} where git finds lines too close")
