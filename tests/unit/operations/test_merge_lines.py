"""Entries of dotenv and INI, and how three versions of them become one."""

from __future__ import annotations

import pytest

from ksecrets.operations.merging.plaintext import conflicts, merge_plaintexts, with_markers
from ksecrets.operations.merging.threeway import Conflict

ENV = "# top\nUSER=app\nPASSWORD=old\n\n# port\nPORT=1\n"
INI = "[db]\nuser = app\npassword = old\ncert = a\n  b\n[mail]\nuser = app\n"


def merged(base: str, ours: str, theirs: str, format: str) -> str:
    segments = merge_plaintexts(base, ours, theirs, format)
    assert conflicts(segments) == 0
    return "".join(each for each in segments if isinstance(each, str))


def test_neighbours_do_not_disturb_each_other() -> None:
    ours, theirs = ENV.replace("app", "me"), ENV.replace("old", "horse")
    assert merged(ENV, ours, theirs, "dotenv") == ENV.replace("app", "me").replace("old", "horse")
    ours, theirs = INI.replace("app", "me", 1), INI.replace("old", "horse")
    assert merged(INI, ours, theirs, "ini") == INI.replace("app", "me", 1).replace("old", "horse")


def test_a_comment_goes_with_the_entry_below_it() -> None:
    ours = ENV.replace("# port\nPORT=1\n", "")
    theirs = ENV.replace("old", "horse")
    assert merged(ENV, ours, theirs, "dotenv") == ours.replace("old", "horse")


def test_both_add_at_one_place() -> None:
    ours, theirs = ENV + "A=1\n", ENV + "B=2\n"
    assert merged(ENV, ours, theirs, "dotenv") == ENV + "A=1\nB=2\n"


def test_the_same_name_in_two_sections_is_two_entries() -> None:
    theirs = INI[:-4] + "you\n"
    ours = INI.replace("user = app", "user = me", 1)
    assert merged(INI, ours, theirs, "ini") == ours[:-4] + "you\n"


def test_a_continued_value_is_one_piece() -> None:
    ours, theirs = INI.replace("cert = a", "cert = x"), INI.replace("  b", "  y")
    segments = merge_plaintexts(INI, ours, theirs, "ini")
    assert conflicts(segments) == 1
    (left,) = [each for each in segments if isinstance(each, Conflict)]
    assert (left.ours, left.theirs) == ("cert = x\n  b\n", "cert = a\n  y\n")


@pytest.mark.parametrize("twice", ["USER=again\n", "no name\n"])
def test_what_has_no_names_is_merged_by_lines_or_left(twice: str) -> None:
    base = ENV + twice
    ours, theirs = base.replace("app", "me"), base.replace("old", "horse")
    segments = merge_plaintexts(base, ours, theirs, "dotenv")
    assert conflicts(segments) == 1
    assert "<<<<<<< ours\nUSER=me\nPASSWORD=old\n" in with_markers(segments)


def test_a_name_that_would_stand_twice_is_no_merge() -> None:
    """git takes the line of both sides where they stand far apart."""
    ours, theirs = "NEW=1\n" + ENV, ENV + "# end\nNEW=2\n"
    segments = merge_plaintexts(ENV, ours, theirs, "dotenv")
    assert conflicts(segments) > 0


def test_binary_is_gits() -> None:
    base = "[\x01\n\n\nmiddle\n\n\nend\n"
    ours, theirs = base.replace("\x01", "\x02"), base.replace("end", "END")
    assert merged(base, ours, theirs, "binary") == "[\x02\n\n\nmiddle\n\n\nEND\n"
