"""What is merged by tokens alone, and what is left to those with a key."""

from __future__ import annotations

import re

import pytest

import ksecrets
from ksecrets.envelope.metadata import Metadata
from ksecrets.errors import ConfigError, Tampered
from ksecrets.files.open import read_metadata
from ksecrets.operations.merging.keyless import Pending, merge_without_key, pending_of
from tests.team import DEV, Team

TEXT = (
    "# top\ndb:\n  user: app\n  password: s3cret   # of the app\n  port: 1.10\nlist:\n- a\n- b\nkey: |\n  one\n  two\n"
)


class Tokens:
    """A base that is committed, and merges of changes to it."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.base = team.write(DEV, TEXT)
        team.repo.commit("base")

    def version(self, *replaced: tuple[str, str]) -> str:
        text = TEXT
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        return ksecrets.encrypt(DEV, text=text, session=self.team.session("alice")).text

    def merge(self, ours: str, theirs: str) -> Pending:
        return merge_without_key(DEV, self.base, ours, theirs)

    def refused(self, ours: str, theirs: str) -> str:
        with pytest.raises(ConfigError) as caught:
            self.merge(ours, theirs)
        return caught.value.message


@pytest.fixture
def tokens(team: Team) -> Tokens:
    return Tokens(team)


def body(text: str) -> str:
    return text.split("sops:")[0]


def line(text: str, key: str) -> str:
    return next(each for each in text.splitlines() if each.strip().startswith(key + ":"))


def metadata(text: str) -> Metadata:
    return read_metadata(text)


def test_each_value_comes_whole_from_the_side_that_changed_it(tokens: Tokens) -> None:
    ours, theirs = tokens.version(("app", '"me"')), tokens.version(("s3cret", "horse"), ("# top", "# new"))
    done = tokens.merge(ours, theirs)
    assert done.conflicts == 0
    assert line(done.text, "user") == line(ours, "user")
    assert line(done.text, "password") == line(theirs, "password")
    assert done.text.startswith("# new\n")
    assert [line(done.text, key) == line(tokens.base, key) for key in ("port", "db", "list")] == [True] * 3
    merged = metadata(done.text)
    assert merged.mac == ""
    assert merged.lastmodified == max(metadata(ours).lastmodified, metadata(theirs).lastmodified)
    assert pending_of(done.text) == {
        "base": git_id(tokens.base),
        "ours": git_id(ours),
        "theirs": git_id(theirs),
    }


def git_id(text: str) -> str:
    import hashlib

    raw = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest()


def test_a_residue_goes_with_its_token(tokens: Tokens) -> None:
    ours, theirs = tokens.version(("1.10", "1.20")), tokens.version(("s3cret", "0x1F"))
    done = tokens.merge(ours, theirs)
    kept = [metadata(text).extension.residues for text in (tokens.base, ours, theirs, done.text)]  # type: ignore[union-attr]
    base, mine, others, merged = kept
    assert set(merged) == (set(mine) | set(others)) - (set(base) - (set(mine) & set(others)))
    assert line(done.text, "port") == line(ours, "port") != line(tokens.base, "port")


def test_style_and_token_are_one_piece(tokens: Tokens) -> None:
    """git would take the quotes of one side and the token of the other, where they stand on different lines."""
    ours = tokens.version(("password: s3cret   # of", "password: |   # of"), ("  port", "    s3cret\n  port"))
    theirs = tokens.version(("s3cret", "horse"))
    done = tokens.merge(ours, theirs)
    assert done.conflicts == 1


def test_a_list_is_one_value(tokens: Tokens) -> None:
    ours, theirs = tokens.version(("- a", "- c")), tokens.version(("- b", "- d"))
    assert tokens.merge(ours, theirs).conflicts == 1
    other = tokens.version(("s3cret", "horse"))
    done = tokens.merge(ours, other)
    assert done.conflicts == 0
    assert body(done.text).split("list:")[1].split("key:")[0] == body(ours).split("list:")[1].split("key:")[0]


def test_a_reader_who_was_taken_out_stays_out(tokens: Tokens) -> None:
    theirs = tokens.version(("s3cret", "horse"))
    tree = metadata(theirs)
    assert len(tree.stanzas) > 1
    gone = tree.stanzas[-1].fields["recipient"]
    ours = re.sub(rf"        - recipient: {gone}\n(          .*\n)+", "", tokens.version(("app", "me")))
    ours = re.sub(rf"        - enc: \|\n(            .*\n)+          recipient: {gone}\n", "", ours)
    assert gone not in ours
    for pair in ((ours, theirs), (theirs, ours)):
        assert gone not in tokens.merge(*pair).text


@pytest.mark.parametrize(
    ("pattern", "new", "reason"),
    [
        (r"lastmodified: \S+", 'lastmodified: "2020-01-01T00:00:00Z"', "an old version came back"),
        (r"mac: \S+", 'mac: ""', "itself a merge that was not finished"),
        (r"    ksecrets:\n(        .*\n)+", "", "one version has no seal"),
        (r"unencrypted_suffix: \S+", "unencrypted_suffix: _plain", "selector changed"),
        (r"^db:", "- db:", "changed its structure"),
    ],
)
def test_what_needs_a_key(tokens: Tokens, pattern: str, new: str, reason: str) -> None:
    theirs = re.sub(pattern, new, tokens.version(("s3cret", "horse")), count=1, flags=re.M)
    assert reason in tokens.refused(tokens.version(("app", "me")), theirs)
    assert reason in tokens.refused(theirs, tokens.version(("app", "me")))


def test_a_file_of_another_environment_is_not_merged(tokens: Tokens) -> None:
    theirs = re.sub(r"environment: dev", "environment: prod", tokens.version(("s3cret", "horse")))
    with pytest.raises(Tampered):
        tokens.merge(tokens.base, theirs)
    assert "both sides added it" in _added(tokens)


def _added(tokens: Tokens) -> str:
    with pytest.raises(ConfigError) as caught:
        merge_without_key(DEV, "", tokens.base, tokens.version(("app", "me")))
    return caught.value.message


def test_a_key_that_stands_twice_is_left(tokens: Tokens) -> None:
    ours = tokens.version(("  user", "  host: h\n  user"))
    theirs = tokens.version(("key:", "new: x\nkey:"))
    twice = theirs.replace("new:", "db:")
    assert tokens.merge(ours, theirs).conflicts == 0
    assert "changed its structure" in tokens.refused(ours, twice)
