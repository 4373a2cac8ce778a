"""The matrix of docs/interop.md: what is held against the real sops, which cells cannot hold, and the page itself.

tests/peers/test_interop.py fills the cells by running both programs. `python -m tests.interop` does that, and writes
the page from what it saw; arguments go to pytest (`-n 2`). CI runs the same cells and compares the page with them.

`REASONS` is written before a run, from what is known of the formats. A cell that has one must fail, and in just that
way; every other cell must hold.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parent.parent / "docs/interop.md"

DIRECTIONS = {
    "ours -> sops": "ksecrets encrypts, sops decrypts",
    "sops -> ours": "sops encrypts, ksecrets decrypts",
    "in turns": "sops and ksecrets change the file, three times each, and read what the other one wrote",
}

FORMATS = {"yaml": "YAML", "json": "JSON", "dotenv": "dotenv", "ini": "INI", "binary": "binary"}

SELECTORS: dict[str, dict[str, object]] = {
    "default": {},
    "unencrypted_suffix": {"unencrypted_suffix": "_plain"},
    "encrypted_suffix": {"encrypted_suffix": "_secret"},
    "unencrypted_regex": {"unencrypted_regex": "(?i)^(host|last)$"},
    "encrypted_regex": {"encrypted_regex": "(?i)pass|_secret$"},
    "unencrypted_comment_regex": {"unencrypted_comment_regex": "plain:"},
    "encrypted_comment_regex": {"encrypted_comment_regex": "enc:"},
    "mac_only_encrypted": {"encrypted_suffix": "_secret", "mac_only_encrypted": True},
}
"""The fields of the creation rule, by the name of the row."""

KEY_TYPES = {
    "age": "age",
    "age-several": "age, three readers",
    "age-ssh-ed25519": "age for an ssh-ed25519 key",
    "age-ssh-rsa": "age for an ssh-rsa key",
    "age-pq": "age, post-quantum",
    "pgp": "PGP (gpg)",
    "shamir": "Shamir, 2 of 3 age keys",
    "aws": "AWS KMS (moto)",
    "gcp": "Google Cloud KMS (our stand-in)",
    "azure": "Azure Key Vault (our stand-in)",
    "vault": "Vault Transit (OpenBao)",
}

HOLDS = "holds"


class Cell(NamedTuple):
    """table: "selectors" or "keys". row: a key of SELECTORS or KEY_TYPES. column: a key of FORMATS."""

    table: str
    row: str
    column: str
    direction: str


class Reason(NamedTuple):
    """Why a cell does not hold. shows: what the test then says of it. text: what the page says."""

    shows: str
    text: str


ONE_VALUE = Reason(
    "no value stays readable",
    "A binary file is one value, and always encrypted: neither program has anything to select. All else holds.",
)
NO_COMMENTS_NONE = Reason(
    "no value is encrypted",
    "JSON has no comments, so a selector by comments chooses nothing: both leave every value readable (ksecrets says "
    "so). All else holds.",
)
NO_COMMENTS_ALL = Reason(
    "no value stays readable",
    "JSON has no comments, so a selector by comments excepts nothing: both encrypt every value. All else holds.",
)

# Written before the run. (table, row, column) -> why none of the directions can hold.
REASONS: dict[tuple[str, str, str], Reason] = {
    **{("selectors", row, "binary"): ONE_VALUE for row in SELECTORS if row != "default"},
    ("selectors", "encrypted_comment_regex", "json"): NO_COMMENTS_NONE,
    ("selectors", "unencrypted_comment_regex", "json"): NO_COMMENTS_ALL,
}


def reason_of(cell: Cell) -> Reason | None:
    return REASONS.get((cell.table, cell.row, cell.column))


def numbered() -> list[Reason]:
    """The reasons in the order of their numbers on the page."""
    return list(dict.fromkeys(REASONS.values()))


def text_of(reason: Reason | None) -> str:
    """What stands in a cell."""
    return HOLDS if reason is None else f"({numbered().index(reason) + 1})"


def all_cells() -> list[Cell]:
    rows: dict[str, Iterable[str]] = {"selectors": SELECTORS, "keys": KEY_TYPES}
    return [
        Cell(table, row, column, direction)
        for table, names in rows.items()
        for row in names
        for column in FORMATS
        for direction in DIRECTIONS
    ]


# -- the page ----------------------------------------------------------------------------------------------------------

_TOP = """\
# Interop with sops

Which files go from ksecrets to sops, from sops to ksecrets, and back and forth. Every cell is a run of both programs
on one file, under one `.sops.yaml`. `python -m tests.interop` writes this page from such a run. CI runs the same cells
with every change, and compares the page with them ([test_a_row](../tests/peers/test_interop.py)).

{facts}

**holds** means:

- *ours -> sops*: ksecrets encrypts. sops decrypts it to equal values, ksecrets to the same bytes; and the values that
  are encrypted are those that sops encrypts under this rule: under a selector some of them, and not all.
- *sops -> ours*: sops encrypts, and ksecrets decrypts it to equal values; a binary file to the same bytes.
- *in turns*: on the file of ksecrets, three times: sops changes a value, ksecrets reads it and changes one, sops reads
  that. All values are right each time, and a change by ksecrets leaves all other lines of the plaintext as they are.
  Both change a binary file in an editor; it is text then, as ksecrets opens no editor for other bytes.

A number in the place of *holds* is a reason of the [list below](#reasons), which was written before the run: the test
fails where such a cell holds after all, or fails in another way. Values are compared by readers that are neither ours
nor sops's (PyYAML, Python's json and configparser, python-dotenv).
"""

_TITLES = {
    "selectors": ("Formats and selectors", "With one age key.", "selector"),
    "keys": (
        "Formats and keys",
        "With the default selector. sops speaks its own SDKs. What answers both stands in parentheses: OpenBao is a\n"
        "real server, moto an emulator, and a stand-in is a part of these tests ([key services](key-services.md)).\n"
        "age keys are made by age-keygen. Of several readers, the two programs have different ones.",
        "key",
    ),
}

_END = """\
## What is not in the tables

- Keys in PKCS#11 tokens and Fortanix DSM: sops does not have them, and opens such a file by its other readers.
  HuaweiCloud KMS: ksecrets does not have it ([configuration](configuration.md#recipients)).
- What single values become: generated documents of every format go through both programs
  ([YAML](../tests/peers/test_generated.py), [JSON](../tests/peers/test_sops_json.py),
  [dotenv and INI](../tests/peers/test_sops_lines_generated.py)). What sops does not read, or changes, is in the
  [file format](file-format.md#what-sops-does-not-read); commands and flags are in [from sops](from-sops.md).
"""


def facts(versions: Mapping[str, str], day: str) -> str:
    """The one line of the page that a run on another day, or with another gpg, changes."""
    return f"Run on {day} with " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + "."


def render(cells: Mapping[Cell, str], line: str) -> str:
    """The page. cells: what stands in each. line: `facts`."""
    parts = [_TOP.format(facts=line)]
    for table, rows in (("selectors", tuple(SELECTORS)), ("keys", tuple(KEY_TYPES))):
        title, about, head = _TITLES[table]
        parts.append(f"## {title}\n\n{about}\n")
        for direction, means in DIRECTIONS.items():
            lines = [f"### {title}: {direction}", "", f"{means}.", ""]
            lines.append("| " + " | ".join([head, *FORMATS.values()]) + " |")
            lines.append("|---" * (len(FORMATS) + 1) + "|")
            for row in rows:
                name = KEY_TYPES[row] if table == "keys" else row if row == "default" else f"`{row}`"
                found = [cells[Cell(table, row, column, direction)] for column in FORMATS]
                lines.append("| " + " | ".join([name, *found]) + " |")
            parts.append("\n".join(lines) + "\n")
    reasons = "\n".join(f"{number}. {reason.text}" for number, reason in enumerate(numbered(), 1))
    parts += [f"## Reasons\n\n{reasons}\n", _END]
    return "\n".join(parts)


# -- a run -------------------------------------------------------------------------------------------------------------


def versions(find: Callable[[str], str], *names: str) -> dict[str, str]:
    """What programs say of themselves. find: a name -> its path."""
    found = {}
    for name in names:
        environ = {**os.environ, "SOPS_DISABLE_VERSION_CHECK": "1"}
        argv = [find(name), "--version"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, env=environ)
        number = re.search(r"\d+(\.\d+)+", done.stdout)
        assert number is not None, done.stdout
        found[name] = number[0]
    return found


class Recorder:
    """A plugin for pytest: what the tests saw in the cells. It hears of processes of pytest-xdist, too."""

    def __init__(self) -> None:
        self.cells: dict[Cell, str] = {}

    def pytest_runtest_logreport(self, report: object) -> None:
        properties: Iterable[tuple[str, list[str]]] = getattr(report, "user_properties", ())
        for name, value in properties:
            if name == "interop":
                *cell, text = value
                self.cells[Cell(*cell)] = text


def main(arguments: list[str]) -> int:
    """Run the matrix and write the page. Returns 0, or pytest's code where a cell is not as it must be."""
    import pytest

    from tests.conftest import _find_peer

    seen = Recorder()
    chosen = ["tests/peers/test_interop.py", "-q", "-k", "test_a_row"]
    code = int(pytest.main([*chosen, *arguments], plugins=[seen]))
    missing = len(set(all_cells()) - set(seen.cells))
    if code or missing:
        print(f"docs/interop.md is not written: {missing} cells were not seen to be as they must", file=sys.stderr)
        return code or 1
    line = facts(versions(_find_peer, "sops", "age", "gpg"), time.strftime("%Y-%m-%d", time.gmtime()))
    PAGE.write_text(render(seen.cells, line), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
