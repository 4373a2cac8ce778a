"""What is measured. Each function gives the rows of one kind of work; `ROWS` lists them in the order of the table."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import measure
from bench.measure import Command, Sample

KB, MB = 1_000, 1_000_000
REVISIONS = 10
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """A line of the table. `theirs` and `ours` are medians, as text; ratio: ours to theirs; goal: its limit."""

    work: str
    theirs: str
    ours: str
    ratio: float
    goal: float | None = None
    pairs: int = 0


@dataclass
class Bench:
    """Where a run works, with which programs, and how often: `pairs` rounds of small things, fewer of large ones."""

    work: Path
    ksecrets: str
    sops: str
    helms: Mapping[str, str]
    recipient: str
    pairs: int
    env: dict[str, str] = field(default_factory=dict)
    helm_secrets: str | None = None

    def folder(self, name: str) -> Path:
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def command(self, *argv: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Command:
        # By its absolute path: no search along the PATH is measured.
        program = shutil.which(argv[0], path=self.env["PATH"]) or argv[0]
        return Command((program, *argv[1:]), str(cwd or self.work), {**self.env, **(env or {})})

    def do(self, *argv: str, cwd: Path | None = None, input: str | None = None, out: Path | None = None) -> None:
        """A step that is not measured. Raises RunFailed with its stderr."""
        self.run_once(self.command(*argv, cwd=cwd), out, input)

    def run_once(self, command: Command, out: Path | None = None, input: str | None = None) -> None:
        """The same for a command line that is to be measured."""
        with open(out or os.devnull, "wb") as stdout:
            done = subprocess.run(
                command.argv,
                cwd=command.cwd,
                env=command.env,
                input=(input or "").encode(),
                stdout=stdout,
                stderr=subprocess.PIPE,
            )
        if done.returncode != 0:
            raise measure.RunFailed(f"{' '.join(command.argv)} (exit {done.returncode})\n{done.stderr.decode()}")

    def in_turns(self, commands: Mapping[str, Command], rounds: int | None = None) -> dict[str, list[Sample]]:
        return measure.in_turns(commands, self.pairs if rounds is None else max(2, rounds), str(self.work / "stderr"))

    def inputs(self, size: int, seed: int = 1, shape: str = "services") -> tuple[Path, Path, Path]:
        """Plaintext of `size` bytes, the same encrypted by sops, and by ksecrets; each opens the other's."""
        folder = self.folder(f"inputs/{shape}-{size}-{seed}")
        plain, theirs, ours = (folder / f"{name}.yaml" for name in ("plain", "sops", "ksecrets"))
        if not ours.exists():
            make = [sys.executable, "-m", "bench.inputs", str(size), str(plain), str(seed), shape]
            subprocess.run(make, cwd=_ROOT, check=True)
            self.do("sops", "encrypt", "--age", self.recipient, str(plain), out=theirs)
            self.do("ksecrets", "encrypt", "--age", self.recipient, str(plain), out=ours)
            # What is fast must also be right.
            again = folder / "again.yaml"
            self.do("ksecrets", "decrypt", str(ours), out=again)
            if not filecmp.cmp(plain, again, shallow=False):
                raise measure.RunFailed(f"ksecrets did not give back the bytes of {plain}")
            self.do("sops", "decrypt", str(ours))
            self.do("ksecrets", "decrypt", str(theirs))
        return plain, theirs, ours


def ms(seconds: float) -> str:
    return (
        f"{seconds * 1000:.1f} ms"
        if seconds < 0.1
        else f"{seconds * 1000:.0f} ms"
        if seconds < 1
        else f"{seconds:.2f} s"
    )


def _wall_row(work: str, samples: Mapping[str, list[Sample]], goal: float | None) -> Row:
    theirs, ours = samples["sops"], samples["ksecrets"]
    ratio = measure.median_ratio([s.wall for s in ours], [s.wall for s in theirs])
    return Row(work, ms(measure.median_wall(theirs)), ms(measure.median_wall(ours)), ratio, goal, len(ours))


def small(bench: Bench) -> Iterator[Row]:
    """Whole processes on little work: what git and Helm start again and again."""
    _, theirs, ours = bench.inputs(1 * KB)
    for work, goal, sops, ksecrets in (
        ("`--version`", 1.5, ["--version"], ["--version"]),
        ("decrypt 1 KB", 1.2, ["decrypt", str(theirs)], ["decrypt", str(ours)]),
        (
            "get one value of 1 KB",
            1.2,
            ["decrypt", "--extract", '["first"]["password"]', str(theirs)],
            ["get", str(ours), "first.password"],
        ),
    ):
        pair = {"sops": bench.command("sops", *sops), "ksecrets": bench.command("ksecrets", *ksecrets)}
        yield _wall_row(work, bench.in_turns(pair), goal)


def large(bench: Bench) -> Iterator[Row]:
    """1 MB in three shapes and 10 MB, both ways; ksecrets decrypts and compares each result before it gives it out.

    The shape counts for more than the size: sops pays for long mappings, ksecrets for each value.
    """
    memory: list[Row] = []
    for size, shape, rounds in (
        (1 * MB, "services", bench.pairs // 2),
        (1 * MB, "flat", bench.pairs // 3),
        (1 * MB, "certificates", bench.pairs // 3),
        (10 * MB, "services", bench.pairs // 6),
    ):
        plain, theirs, ours = bench.inputs(size, shape=shape)
        label = f"{size // MB} MB, {shape}"
        decrypt = {
            "sops": bench.command("sops", "decrypt", str(theirs)),
            "ksecrets": bench.command("ksecrets", "decrypt", str(ours)),
        }
        encrypt = {
            name: bench.command(name, "encrypt", "--age", bench.recipient, str(plain)) for name in ("sops", "ksecrets")
        }
        for work, pair, goal in (
            (f"decrypt {label}", decrypt, 0.2),
            (f"encrypt {label}, verified", encrypt, 0.4),
        ):
            samples = bench.in_turns(pair, rounds)
            yield _wall_row(work, samples, goal)
            if size == 10 * MB:
                memory.append(_memory_row(f"peak memory: {work}", samples, 0.25))
    yield from memory


def _memory_row(work: str, samples: Mapping[str, list[Sample]], goal: float) -> Row:
    theirs, ours = samples["sops"], samples["ksecrets"]
    ratio = measure.median_ratio([s.peak for s in ours], [s.peak for s in theirs])
    text = [f"{measure.median_peak(each) / MB:.0f} MB" for each in (theirs, ours)]
    return Row(work, text[0], text[1], ratio, goal, len(ours))


def textconv(bench: Bench) -> Iterator[Row]:
    """`git log -p` over ten revisions of a 1 KB file: git starts the program twice for each."""
    logs = {}
    for name in ("sops", "ksecrets"):
        repo, file = bench.folder(f"textconv-{name}"), "env/dev/secrets.yaml"
        bench.do("git", "init", "--quiet", cwd=repo)
        (repo / "env/dev").mkdir(parents=True, exist_ok=True)
        if name == "sops":
            (repo / ".gitattributes").write_text(f"{file} diff=sops\n")
            bench.do("git", "config", "diff.sops.textconv", "sops decrypt", cwd=repo)
            (repo / ".sops.yaml").write_text(f"creation_rules:\n  - age: {bench.recipient}\n")
        else:
            (repo / ".ksecrets.yaml").write_text(
                f"version: 1\nrecipients:\n  bench: {{age: {bench.recipient}}}\n"
                f"environments:\n  dev:\n    files: [{file}]\n    readers: [bench]\n"
            )
            bench.do("ksecrets", "init", cwd=repo)
        shutil.copy(bench.inputs(1 * KB)[0], repo / file)
        bench.do(name, "encrypt", "-i", file, cwd=repo)
        for revision in range(REVISIONS):
            if revision > 0 and name == "sops":
                bench.do("sops", "set", file, '["first"]["password"]', f'"password {revision}"', cwd=repo)
            elif revision > 0:
                bench.do("ksecrets", "set", file, "first.password", cwd=repo, input=f"password {revision}")
            bench.do("git", "add", "--all", cwd=repo)
            bench.do("git", "commit", "--quiet", "-m", f"revision {revision}", cwd=repo)
        shown = bench.work / f"shown-{name}"
        bench.do("git", "--no-pager", "log", "-p", "--", file, cwd=repo, out=shown)
        if f"password {REVISIONS - 1}" not in shown.read_text():
            raise measure.RunFailed(f"git log -p does not show the values ({name})")
        logs[name] = bench.command("git", "--no-pager", "log", "-p", "--", file, cwd=repo)
    yield _wall_row(f"`git log -p` over {REVISIONS} revisions", bench.in_turns(logs, bench.pairs // 2), 1.2)


ROWS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "small": small,
    "large": large,
    "textconv": textconv,
}
