"""`./dev test --services`: every key service against its server, at length; and the log of it in docs/verification.md.

CI runs the same tests in short rounds. The log ends with a sum of ksecrets/keys: a test fails as long as the last line
of the log is of other sources than those of the tree (tests/unit/test_verified.py). A sum, as a clone has no times.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "verification.md"
KEYS = ROOT / "ksecrets" / "keys"
HEADING = "## Key services"
_LONG = "KSECRETS_TEST_SERVICES"
_RECORD = "KSECRETS_TEST_RECORD"
# Read before any test's environment hides them.
LONG = bool(os.environ.get(_LONG))
"""Whether this is the suite: rounds are long, and time limits hold."""
_record = os.environ.get(_RECORD)
TESTS = (
    "tests/keys",
    "tests/peers/test_gcp_azure.py",
    "tests/stories/test_remote_keys.py",
    "tests/stories/test_many_remote.py",
    "tests/stories/test_service_faults.py",
)


def rounds(short: int, long: int) -> int:
    """How often something is done: in CI, or in the suite."""
    return long if LONG else short


def record(what: str, seen: str) -> None:
    """Leave a figure for the log; nothing outside of the suite."""
    if _record:
        with open(_record, "a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "seen": seen}) + "\n")


def sum_of(folder: Path = KEYS) -> str:
    """16 hex digits that change with any source below a folder; not with times or the line ends of a checkout."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda each: each.relative_to(folder).as_posix()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


def last_sum(page: str) -> str | None:
    """The sum in the last line of the log, or None where there is no log."""
    rows = [line for line in _section(page).splitlines() if line.startswith("| 20")]
    return rows[-1].split("|")[-2].strip().strip("`") if rows else None


def with_row(page: str, row: Sequence[str]) -> str:
    """The page with one more line at the end of the log."""
    section = _section(page).rstrip("\n")
    table = section.rindex("\n|")
    end = section.find("\n", table + 1)
    end = len(section) if end < 0 else end
    start = page.index(HEADING)
    line = "\n| " + " | ".join(row) + " |"
    return page[: start + end] + line + page[start + end :]


def _section(page: str) -> str:
    start = page.find(HEADING)
    if start < 0:
        return ""
    end = page.find("\n## ", start)
    return page[start:] if end < 0 else page[start:end]


def main() -> int:
    """Runs the suite; writes a line of the log where all of it passed. Returns pytest's exit code."""
    before = sum_of()
    with tempfile.TemporaryDirectory(prefix="ksecrets-services-") as folder:
        report, figures = Path(folder, "report.xml"), Path(folder, "figures")
        environ = {**os.environ, "KSECRETS_REQUIRE_PEERS": "1", _LONG: "1", _RECORD: str(figures)}
        argv = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *(sys.argv[1:] or TESTS)]
        code = subprocess.run(argv, cwd=ROOT, env=environ).returncode
        if code != 0 or sys.argv[1:]:
            print("verified: nothing is logged: " + ("a test failed" if code else "only chosen tests ran"))
            return code
        suite = next(ElementTree.parse(report).getroot().iter("testsuite")).attrib
        seen = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
    if sum_of() != before:
        print("verified: nothing is logged: ksecrets/keys changed meanwhile")
        return 1
    passed = int(suite["tests"]) - int(suite["skipped"])
    row = (
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        f"{passed} passed, {suite['skipped']} skipped, {float(suite['time']):.0f} s",
        "; ".join(f"{each['what']}: {each['seen']}" for each in seen),
        f"`{before}`",
    )
    PAGE.write_text(with_row(PAGE.read_text(encoding="utf-8"), row), encoding="utf-8")
    print("verified: " + " | ".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
