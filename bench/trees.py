"""Rows about whole repositories: many small files, where the start of a program counts as much as its work."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

from bench import measure
from bench.rows import Bench, Row, ms

UPDATED = 1_000
CHECKED = 10_000
CHECK_GOAL = 10.0  # seconds
_TEXT = """\
# app {number}
db:
  password: s3cret-{number}
  user: app{number}
  port: 5432
  hosts: [a{number}, b{number}]
token: '{number:040x}'
replicas: 3
url: postgres://u{number}:p{number}@db.example.com:5432/app
"""


def updatekeys(bench: Bench) -> Iterator[Row]:
    """A new reader for 1,000 files: `ksecrets updatekeys`, and sops once a file in a loop of the shell."""
    repo = _repository(bench, "updatekeys", UPDATED)
    second = _recipient()
    (repo / ".sops.yaml").write_text(f"creation_rules:\n  - age: {bench.recipient},{second}\n")
    _configure(bench, repo, second)
    before = bench.work / "updatekeys-before"
    shutil.copytree(repo / "services", before)
    loop = "for file in services/*/*/secrets.yaml; do sops updatekeys --yes $file || exit 1; done"
    commands = {
        "sops": bench.command("sh", "-c", loop, cwd=repo),
        "ksecrets": bench.command("ksecrets", "--quiet", "updatekeys", cwd=repo),
    }
    samples: dict[str, list[measure.Sample]] = {name: [] for name in commands}
    rounds = max(1, bench.pairs // 10)
    for _ in range(rounds):
        for name, command in commands.items():
            shutil.rmtree(repo / "services")
            shutil.copytree(before, repo / "services")
            samples[name].append(measure.run(command, str(bench.work / "stderr")))
            _holds(repo, second, UPDATED)
    for what, goal in (("", 1 / 8), (", CPU time", None)):
        theirs, ours = (
            [sample.cpu if what else sample.wall for sample in samples[name]] for name in ("sops", "ksecrets")
        )
        yield Row(
            f"`updatekeys`: a new reader for {UPDATED:,} files{what}",
            ms(statistics.median(theirs)),
            ms(statistics.median(ours)),
            measure.median_ratio(ours, theirs),
            goal,
            rounds,
        )


def check(bench: Bench) -> Iterator[Row]:
    """`ksecrets check` over 10,000 files, every one opened and verified. sops has no such command: a limit in time."""
    repo = _repository(bench, "check", CHECKED)
    command = bench.command("ksecrets", "check", cwd=repo)
    rounds = max(1, bench.pairs // 10)
    samples = [measure.run(command, str(bench.work / "stderr")) for _ in range(rounds)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for what, found, limit in (
        ("", [sample.wall for sample in samples], CHECK_GOAL),
        (f", CPU time ({cores} cores have this in {CHECK_GOAL:.0f} s)", [s.cpu for s in samples], CHECK_GOAL * cores),
    ):
        # In the column of the peer stands what is to be reached.
        work = f"`check` of {CHECKED:,} files, all verified, beside the goal{what}"
        median = statistics.median(found)
        yield Row(work, f"{limit:.0f} s", ms(median), median / limit, 1.0, rounds)


def _repository(bench: Bench, name: str, count: int) -> Path:
    """A git repository with `count` encrypted files of 300 bytes, committed."""
    repo = bench.folder(f"trees-{name}")
    bench.do("git", "init", "--quiet", cwd=repo)
    _configure(bench, repo)
    for number in range(count):
        folder = repo / f"services/app{number // 2}" / ("dev", "prod")[number % 2]
        folder.mkdir(parents=True)
        (folder / "secrets.yaml").write_text(_TEXT.format(number=number))
    # Hundreds of files a process: starting up is not what is prepared here.
    files = [str(path.relative_to(repo)) for path in sorted(repo.glob("services/*/*/secrets.yaml"))]
    for start in range(0, count, 500):
        bench.do("ksecrets", "--quiet", "encrypt", "-i", *files[start : start + 500], cwd=repo)
    bench.do("git", "add", "--all", cwd=repo)
    bench.do("git", "commit", "--quiet", "-m", "encrypted", cwd=repo)
    return repo


def _configure(bench: Bench, repo: Path, second: str | None = None) -> None:
    more = f"  second: {{age: {second}}}\n" if second else ""
    readers = "[bench, second]" if second else "[bench]"
    (repo / ".ksecrets.yaml").write_text(
        f"version: 1\nrecipients:\n  bench: {{age: {bench.recipient}}}\n{more}environments:\n"
        f"  dev: {{files: ['services/*/dev/secrets*.yaml'], readers: {readers}}}\n"
        f"  prod: {{files: ['services/*/prod/secrets*.yaml'], readers: {readers}}}\n"
    )


def _recipient() -> str:
    import pyrage

    return str(pyrage.x25519.Identity.generate().to_public())


def _holds(repo: Path, recipient: str, count: int) -> None:
    """What is fast must also be done: every file has the new reader."""
    done = sum(f"recipient: {recipient}" in path.read_text() for path in repo.glob("services/*/*/secrets.yaml"))
    if done != count:
        raise measure.RunFailed(f"{done} of {count} files have the new reader")
