"""Where a canary went, by the kernel: every system call of a run that held it, and what it was written to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

CANARY = "canary-5e1f0c7a"

_CALL = re.compile(r"^(?:\d+ +)?(?P<call>\w+)\((?:\d+<(?P<target>[^>]*)>(?:\(deleted\))?)?")
_RESUMED = re.compile(r"^(?:\d+ +)?<\.\.\. (?P<call>\w+) resumed>")
_READS = frozenset({"read", "pread64", "readv", "recvfrom", "recvmsg"})
WRITES = frozenset({"write", "pwrite64", "writev"})
NO_DISK = ("pipe:[", "socket:[", "/memfd:")


def traced(strace: str, tmp_path: Path, argv: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """Runs a command under strace; returns its output, and (system call, target) of each call that held the canary.

    target: what the descriptor is: a path, ``pipe:[1]``, ``/memfd:name``.
    """
    log = tmp_path / "strace.log"
    # Not the calls that say nothing of data; -y names what a descriptor is; -v shows environments in full.
    calls = "!futex,mmap,munmap,mprotect,madvise,rt_sigaction,rt_sigprocmask,nanosleep,epoll_pwait,clock_nanosleep"
    done = subprocess.run(
        [strace, "-f", "-y", "-v", "-s", "1000000", "-e", f"trace={calls}", "-o", str(log), *argv],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = []
    for line in log.read_text(errors="replace").splitlines():
        if CANARY not in line:
            continue
        found = _RESUMED.match(line) or _CALL.match(line)
        assert found, line
        seen.append((found["call"], found.groupdict().get("target") or ""))
    return done.stdout, seen


def assert_no_disk(seen: list[tuple[str, str]]) -> set[str]:
    """Every call read the canary, or wrote it to what is not on a disk. Returns the kinds of target written to."""
    written = set()
    for call, target in seen:
        if call in _READS:
            continue
        assert call in WRITES, (call, target)
        assert target.startswith(NO_DISK), (call, target)
        written.add(next(kind for kind in NO_DISK if target.startswith(kind)))
    return written


def assert_nowhere(*folders: Path) -> None:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert CANARY.encode() not in path.read_bytes(), path
