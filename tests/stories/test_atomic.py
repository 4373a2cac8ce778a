"""Killed at any write, sync, change of mode or rename, a file is the old one or the new one, complete.

A first run under strace shows which of these system calls there are. Then one run for each of them, in
which strace sends SIGKILL as that call begins (its effect does not happen), and one in which it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLD = b"old: " + b"o" * 5000 + b"\n"
NEW = b"new: " + b"n" * (2 << 20) + b"\n"  # three writes
# `?`: not every machine has every one of them.
CALLS = (
    "?write,?pwrite64,?writev,?ftruncate,?truncate,?fsync,?fdatasync,?sync_file_range,?fchown,?chown,?fchmod,?chmod,"
    "?fchmodat,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat"
)
REPLACE = "atomic.replace({name!r}, new, expected=atomic.read({name!r}))"
CREATE = "atomic.create('made', new, mode=0o600)"


class Lab:
    """A folder `work`, made anew for each run, with the old file of mode 0640 and a link to it."""

    def __init__(self, strace: str, folder: Path) -> None:
        self.strace = strace
        self.work = folder / "work"
        self.target = self.work / "secrets.yaml"
        self.trace = folder / "trace"

    def run(self, statement: str, *inject: str) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.target.write_bytes(OLD)
        self.target.chmod(0o640)
        (self.work / "link").symlink_to("secrets.yaml")
        program = (
            f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
            "from ksecrets.storage import atomic\n"
            "new = b'new: ' + b'n' * (2 << 20) + b'\\n'\n"
            f"try: {statement}\n"
            # One write, which is the last call of all and not one of the program's own.
            "except atomic.KsecretsError as error: sys.exit(str(error))\n"
        )
        options = ["-f", "-qq", "-o", str(self.trace), "-e", f"trace={CALLS}"]
        # -B: .pyc files would be written and counted too.
        argv = [self.strace, *options, *inject, sys.executable, "-I", "-B", "-c", program]
        return subprocess.run(argv, cwd=self.work, capture_output=True, text=True, timeout=60)

    def steps(self, statement: str) -> list[tuple[str, int]]:
        """The calls of an undisturbed run in order: name, and how often it was called by then."""
        done = self.run(statement)
        assert done.returncode == 0, done.stderr
        names = re.findall(r"^\d+ +(\w+)\(", self.trace.read_text(), re.MULTILINE)
        return [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]

    def others(self) -> list[str]:
        return sorted(set(os.listdir(self.work)) - {"secrets.yaml", "link"})


@pytest.fixture
def lab(strace: str, tmp_path: Path) -> Lab:
    return Lab(strace, tmp_path)


@pytest.mark.parametrize("name", ["secrets.yaml", "link"])
def test_replace_killed_at_every_step(lab: Lab, name: str) -> None:
    statement = REPLACE.format(name=name)
    steps = lab.steps(statement)
    assert lab.target.read_bytes() == NEW
    assert lab.others() == []
    kinds = [re.sub(r"(at2?)?$", "", call) for call, _ in steps]
    assert kinds == ["write", "write", "write", "fchmod", "fsync", "rename", "fsync"]

    found = []
    for call, count in steps:
        done = lab.run(statement, "-e", f"inject={call}:signal=SIGKILL:when={count}")
        assert done.returncode == -9, f"{call} {count}: {done.stderr}"
        now = lab.target.read_bytes()
        assert now in (OLD, NEW), f"torn at {call} {count}"
        assert stat.S_IMODE(lab.target.stat().st_mode) == 0o640
        assert os.readlink(lab.work / "link") == "secrets.yaml"
        found.append("new" if now == NEW else "old")
    # Only the rename changes anything: killed as it begins, the old file; as the folder's sync begins, the new one.
    assert found == ["old"] * 6 + ["new"]


def test_create_killed_at_every_step(lab: Lab) -> None:
    steps = lab.steps(CREATE)
    made = lab.work / "made"
    assert made.read_bytes() == NEW
    assert lab.others() == ["made"]

    found = []
    for call, count in steps:
        done = lab.run(CREATE, "-e", f"inject={call}:signal=SIGKILL:when={count}")
        assert done.returncode == -9, f"{call} {count}: {done.stderr}"
        found.append(made.exists())
        if made.exists():
            assert made.read_bytes() == NEW, f"torn at {call} {count}"
            assert stat.S_IMODE(made.stat().st_mode) == 0o600
    # write, write, write, fsync, link; then unlink of the temporary name and fsync of the folder.
    assert found == [False] * 5 + [True] * 2


@pytest.mark.parametrize("code", ["ENOSPC", "EIO"])
def test_replace_with_an_error_at_every_step(lab: Lab, code: str) -> None:
    statement = REPLACE.format(name="secrets.yaml")
    steps = lab.steps(statement)
    said = {"ENOSPC": "no space left on the disk", "EIO": "the disk reports an error"}[code]
    for at, (call, count) in enumerate(steps):
        done = lab.run(statement, "-e", f"inject={call}:error={code}:when={count}")
        assert done.returncode == 1, f"{call} {count}: {done.stderr}"
        assert lab.others() == []
        assert stat.S_IMODE(lab.target.stat().st_mode) == 0o640
        last = at == len(steps) - 1
        what = "was written, but the disk did not confirm it" if last else "cannot be written"
        assert done.stderr == f"secrets.yaml: {what}: {said}\n"
        assert lab.target.read_bytes() == (NEW if last else OLD)
