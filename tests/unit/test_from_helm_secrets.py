"""docs/from-helm-secrets.md: every test that it names exists, no row is empty, no variable is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

from ksecrets.helm.settings import MEANINGLESS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "from-helm-secrets.md").read_text(encoding="utf-8")
TABLES, _, TESTS = PAGE.partition("## Its tests, and ours")
PER_FILE = {
    "it/diff.bats": 19,
    "it/install.bats": 30,
    "it/upgrade.bats": 19,
    "unit/decrypt.bats": 21,
    "unit/dir.bats": 1,
    "unit/edit.bats": 7,
    "unit/encrypt.bats": 8,
    "unit/gitops.bats": 1,
    "unit/helm-plugin.bats": 6,
    "unit/lint.bats": 26,
    "unit/secret-backends.bats": 14,
    "unit/template.bats": 144,
}


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the tables, headings and rulers left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| its test")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def functions() -> set[str]:
    """The names of our tests about Helm."""
    paths = [*(ROOT / "tests/stories").glob("*.py"), *(ROOT / "tests/unit/helm").glob("*.py")]
    return {name for path in paths for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}


def test_every_test_of_ours_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TESTS)) - {"test_helm", "test_helm_secrets", "test_references"}
    assert named
    assert sorted(named - functions()) == []


def test_every_test_of_theirs_has_one_of_ours_or_a_reason() -> None:
    for part in TESTS.split("\n### ")[1:]:
        file = part.split("\n", 1)[0]
        found = rows(part)
        assert len(found) == PER_FILE[file], file
        assert len({title for title, _ in found}) == len(found)
        for title, ours in found:
            assert re.match(r"`test_\w+`", ours) or re.match(r"left out: \S", ours), title
    assert len(TESTS.split("\n### ")) == len(PER_FILE) + 1


def test_every_row_says_what_it_is() -> None:
    found = [row for row in rows(TABLES) if row[1]]
    assert len(found) > 50
    for row in found:
        assert row[1] in ("same", "better", "left out"), row
        assert row[2] or row[1] == "same", row


def test_every_variable_has_a_row() -> None:
    cells = " ".join(row[0] for row in rows(TABLES))
    source = "".join(path.read_text() for path in (ROOT / "ksecrets/helm").glob("*.py"))
    names = set(re.findall(r"HELM_SECRETS_[A-Z_]*[A-Z]", source)) | MEANINGLESS
    names -= {"HELM_SECRETS_VALUES_ALLOW"}  # the beginning of three
    assert sorted(name for name in names if f"`{name}`" not in cells) == []


def test_what_changes_nothing_is_left_out() -> None:
    for row in rows(TABLES):
        if set(re.findall(r"`(HELM_SECRETS_\w+)`", row[0])) & MEANINGLESS:
            assert row[1] == "left out", row
