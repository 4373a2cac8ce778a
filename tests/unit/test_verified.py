"""The log of the long tests of key services belongs to the sources that stand here."""

from __future__ import annotations

import os
from pathlib import Path

from tests.verified import PAGE, last_sum, sum_of, with_row

LOG = """# Long runs

## Key services

What.

| when | sum |
|---|---|
| 2026-11-20 | `aa` |

And more.

## Else

| a |
"""


def test_the_log_is_of_these_sources() -> None:
    assert last_sum(PAGE.read_text(encoding="utf-8")) == sum_of(), (
        "ksecrets/keys is not what the last line of docs/verification.md, Key services, was made with: "
        "./dev test --services runs them and adds a line"
    )


def test_a_sum_is_of_contents_and_of_nothing_else(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "age").mkdir(parents=True)
        (folder / "age/a.py").write_bytes(b"a = 1\n")
        (folder / "b.py").write_bytes(b"b = 2\n")
    same = sum_of(first)
    os.utime(second / "b.py", (0, 0))
    (second / "age/a.py").write_bytes(b"a = 1\r\n")
    (second / "age/a.pyc").write_bytes(b"compiled")
    assert sum_of(second) == same
    seen = {same}
    for change in (
        lambda: (second / "b.py").write_bytes(b"b = 3\n"),
        lambda: (second / "c.py").write_bytes(b""),
        lambda: (second / "age/a.py").rename(second / "age/d.py"),
        lambda: (second / "b.py").unlink(),
    ):
        change()
        seen.add(sum_of(second))
    assert len(seen) == 5


def test_a_line_goes_to_the_end_of_the_log() -> None:
    assert last_sum(LOG) == "aa"
    longer = with_row(LOG, ("2026-11-21", "`bb`"))
    assert last_sum(longer) == "bb"
    assert longer == LOG.replace("| `aa` |\n", "| `aa` |\n| 2026-11-21 | `bb` |\n")
    empty = LOG.replace("| 2026-11-20 | `aa` |\n", "")
    assert last_sum(empty) is None
    assert last_sum(with_row(empty, ("2026-11-21", "`bb`"))) == "bb"
    assert last_sum("# Long runs\n") is None
