"""Command lines of before sops had commands."""

from __future__ import annotations

import pytest

from ksecrets.cli.oldstyle import rewritten
from ksecrets.cli.table import COMMANDS
from ksecrets.errors import UsageError

NAMES = {command.words[0] for command in COMMANDS}


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("-d a.yaml", "decrypt a.yaml"),
        ("--decrypt --extract x -i a.yaml", "decrypt --extract x -i a.yaml"),
        ("-i -d a.yaml", "decrypt -i a.yaml"),
        ("--age age1x -e a.yaml", "encrypt --age age1x a.yaml"),
        ("-e -", "encrypt -"),
        ("-r -i --add-age age1x a.yaml", "rotate -i --add-age age1x a.yaml"),
        ("a.yaml", "edit a.yaml"),
        ("--age age1x new/a.yml", "edit --age age1x new/a.yml"),
        # These are none, and are left to click.
        ("decrypt -d a.yaml", None),
        ("check", None),
        ("-q check a.yaml -d", None),
        ("--config rules.yaml decrypt a.yaml", None),
        ("--help", None),
        ("", None),
        ("decyrpt -d x", None),
        ("decyrpt a.yaml", None),
    ],
)
def test_the_command_comes_in_front(line: str, new: str | None) -> None:
    assert rewritten(line.split(), NAMES, False) == (new.split() if new is not None else None)


def test_a_file_that_exists_is_edited() -> None:
    assert rewritten(["secrets"], NAMES, True) == ["edit", "secrets"]
    assert rewritten(["secrets"], NAMES, False) is None
    assert rewritten(["check"], NAMES, True) is None  # a command is a command


def test_set() -> None:
    line = ["--set", '["a"]["b c"] {"x": -1}', "f.yaml"]
    assert rewritten(line, NAMES, False) == ["set", "--json", "f.yaml", "--", '["a"]["b c"]', '{"x": -1}']
    for wrong in ('["a"]', "a 1", ""):
        with pytest.raises(UsageError, match="--set takes a path and a value"):
            rewritten(["--set", wrong, "f.yaml"], NAMES, False)
    with pytest.raises(UsageError, match="--set takes"):
        rewritten(["--set"], NAMES, False)


def test_two_at_once() -> None:
    with pytest.raises(UsageError, match="several commands at once: -d and -e"):
        rewritten(["-d", "-e", "a.yaml"], NAMES, False)
