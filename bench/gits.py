"""The rows about git: diffs, histories and the guard, beside git with sops as textconv in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import measure
from bench.measure import Command
from bench.rows import KB, Bench, Row, ms

_ROOT = Path(__file__).resolve().parent.parent
_CHANGED = 100
_COMMITS, _FILES, _SHOWN = 5000, 200, 50
_MANY = 10_000


def git(bench: Bench) -> Iterator[Row]:
    """`diff` of 100 changed files; `log` over 5,000 commits and 200 files; the guard among 10,000 files."""
    yield _diff(bench)
    yield from _log(bench)
    yield _guard(bench)


def _repository(bench: Bench, name: str, tool: str) -> Path:
    repo = bench.folder(name)
    bench.do("git", "init", "--quiet", "--initial-branch=main", cwd=repo)
    if tool == "sops":
        (repo / ".gitattributes").write_text("*.yaml diff=sops\n")
        bench.do("git", "config", "diff.sops.textconv", "sops decrypt", cwd=repo)
        (repo / ".sops.yaml").write_text(f"creation_rules:\n  - age: {bench.recipient}\n")
    else:
        (repo / ".ksecrets.yaml").write_text(
            f"version: 1\nrecipients:\n  bench: {{age: {bench.recipient}}}\n"
            "environments:\n  dev:\n    files: ['services/*/dev/secrets*.yaml']\n    readers: [bench]\n"
        )
        bench.do("ksecrets", "init", cwd=repo)
    return repo


def _commit(bench: Bench, repo: Path, message: str) -> None:
    bench.do("git", "add", "--all", cwd=repo)
    bench.do("git", "commit", "--quiet", "-m", message, cwd=repo)


def _set(bench: Bench, repo: Path, tool: str, path: str, value: str) -> None:
    if tool == "sops":
        bench.do("sops", "set", path, '["first"]["password"]', f'"{value}"', cwd=repo)
    else:
        bench.do("ksecrets", "set", path, "first.password", cwd=repo, input=value)


def _diff(bench: Bench) -> Row:
    """git starts sops twice for each changed file; `ksecrets diff` is one process for all of them."""
    plain = bench.inputs(1 * KB)[0].read_text()
    commands: dict[str, Command] = {}
    for tool in ("sops", "ksecrets"):
        repo = _repository(bench, f"diff-{tool}", tool)
        paths = [f"services/s{number}/dev/secrets.yaml" for number in range(_CHANGED)]
        for path in paths:
            (repo / path).parent.mkdir(parents=True)
            (repo / path).write_text(plain)
        for group in [paths] if tool == "ksecrets" else [[path] for path in paths]:
            bench.do(tool, "encrypt", "-i", *group, cwd=repo)
        _commit(bench, repo, "before")
        for number, path in enumerate(paths):
            _set(bench, repo, tool, path, f"changed {number}")
        words = ("git", "--no-pager", "diff") if tool == "sops" else ("ksecrets", "diff")
        shown = bench.work / f"diff-{tool}.txt"
        bench.do(*words, cwd=repo, out=shown)
        if shown.read_text().count("changed ") != _CHANGED:
            raise measure.RunFailed(f"the diff does not show all values ({tool})")
        commands[tool] = bench.command(*words, cwd=repo)
    samples = bench.in_turns(commands, bench.pairs // 6)
    theirs, ours = samples["sops"], samples["ksecrets"]
    ratio = measure.median_ratio([s.wall for s in ours], [s.wall for s in theirs])
    work = f"`ksecrets diff` of {_CHANGED} changed files, beside `git diff`"
    return Row(work, ms(measure.median_wall(theirs)), ms(measure.median_wall(ours)), ratio, 0.2, len(ours))


def _log(bench: Bench) -> Iterator[Row]:
    """sops would decrypt each version: of the same work, only the last commits are measured, and said so."""
    ours_repo = _repository(bench, "log-ksecrets", "ksecrets")
    template = bench.inputs(1 * KB)[2]
    stream = bench.work / "stream"
    make = [sys.executable, "-m", "bench.commits", str(template), str(_COMMITS), str(_FILES), str(stream)]
    subprocess.run(make, cwd=_ROOT, check=True)
    with open(stream, "rb") as source:
        subprocess.run(["git", "fast-import", "--quiet"], cwd=ours_repo, stdin=source, env={**bench.env}, check=True)
    os.unlink(stream)
    theirs_repo = _repository(bench, "log-sops", "sops")
    path = "services/s0/dev/secrets.yaml"
    (theirs_repo / path).parent.mkdir(parents=True)
    (theirs_repo / path).write_text(bench.inputs(1 * KB)[0].read_text())
    bench.do("sops", "encrypt", "-i", path, cwd=theirs_repo)
    for number in range(_SHOWN + 1):
        _set(bench, theirs_repo, "sops", path, f"value {number}")
        _commit(bench, theirs_repo, f"change {number}")
    commands = {
        "sops": bench.command("git", "--no-pager", "log", "-p", f"-{_SHOWN}", cwd=theirs_repo),
        "ksecrets": bench.command("ksecrets", "log", cwd=ours_repo),
    }
    shown = bench.work / "log.txt"
    bench.run_once(commands["ksecrets"], out=shown)
    if shown.read_text().count("  change ") != _COMMITS:
        raise measure.RunFailed("the log does not have all commits")
    samples = bench.in_turns(commands, bench.pairs // 6)
    theirs, ours = measure.median_wall(samples["sops"]), measure.median_wall(samples["ksecrets"])
    ratio = (ours / _COMMITS) / (theirs / _SHOWN)
    work = f"`ksecrets log` over {_COMMITS:,} commits and {_FILES} files, beside `git log -p` of {_SHOWN}, by commit"
    yield Row(work, ms(theirs), ms(ours), ratio, None, len(samples["ksecrets"]))
    yield Row("the same, beside a limit of 5 s", "5 s", ms(ours), ours / 5, 1.0, len(samples["ksecrets"]))


def _guard(bench: Bench) -> Row:
    """What a commit of one file waits for, in a repository of many. sops has nothing of the kind."""
    repo = _repository(bench, "guard", "ksecrets")
    encrypted = bench.inputs(1 * KB)[0].read_text()
    for number in range(_MANY):
        folder = repo / f"apps/a{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"values{number}.yaml").write_text(f"replicas: {number}\n")
    paths = [f"services/s{number}/dev/secrets.yaml" for number in range(_FILES)]
    for path in paths:
        (repo / path).parent.mkdir(parents=True)
        (repo / path).write_text(encrypted)
    bench.do("ksecrets", "encrypt", "-i", *paths, cwd=repo)
    _commit(bench, repo, "before")
    _set(bench, repo, "ksecrets", paths[7], "changed")
    bench.do("git", "add", "--all", cwd=repo)
    samples = bench.in_turns({"ksecrets": bench.command("ksecrets", "guard", cwd=repo)}, bench.pairs)["ksecrets"]
    ours = measure.median_wall(samples)
    work = f"the guard before a commit, among {_MANY:,} files, beside a limit of 300 ms"
    return Row(work, "300 ms", ms(ours), ours / 0.3, 1.0, len(samples))
