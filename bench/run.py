"""`./dev bench`: measures, prints the table, and writes docs/benchmarks.md.

./dev bench                 everything; some minutes
./dev bench --quick         a few pairs; prints only
./dev bench --only small    one kind of rows (small, large, textconv, helm, updatekeys, check, git, services)
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import gits, helms, measure, services, trees
from bench.rows import ROWS as _PROGRAMS
from bench.rows import Bench, Row

_ROOT = Path(__file__).resolve().parent.parent
_PAGE = _ROOT / "docs/benchmarks.md"

ROWS = {
    **_PROGRAMS,
    "helm": helms.helm,
    "updatekeys": trees.updatekeys,
    "check": trees.check,
    "git": gits.git,
    "services": services.services,
}

_HEAD = """\
# Benchmarks

Written by `./dev bench`; do not edit. ksecrets as `pip install .` installs it, beside the real sops, whole processes,
in turns on the same machine: the medians of the runs, and the median of the ratios of the pairs (below 1: ksecrets
needs less). Inputs are made-up Helm values, the same on every machine (`bench/inputs.py`); every output is checked once
before anything is timed. When ksecrets encrypts, it decrypts the result again and compares it byte for byte before it
gives it out; that is in its times.

"""

_TAIL = """
The goals are limits for the ratio. The rows of Helm are the time above plain `helm template` with the same values in
plaintext. helm-secrets is published in no package registry: it stands beside them where `--helm-secrets` names a
checkout, else the least that any wrapper around sops does: one `sops decrypt` for each file, in a loop of the shell,
then helm. The getter is one process for each file, because Helm starts it so; the wrapper of ksecrets is one for all.

The shape of a file counts for more than its size. *services* has 26,000 short values in small mappings, 38 bytes for
each; *flat* is one mapping of 22,700 tokens, where sops pays for the length of the mapping; *certificates* has 3,000
values, a third of them of 800 bytes, where a third of the time of ksecrets is starting up.

Peak memory is the largest resident size that the system reports for the process.

The machine line says which Python ran and whether the loops were compiled
([ADR 17](adr/0017-compiled-loops.md)). A Python that was compiled without `--enable-optimizations` takes a sixth more
for small files, and a tenth to a fifth more for large ones.
"""


def main() -> int:
    """Returns the exit code: 0 when all was measured (a missed goal is shown, no failure), 1 when a step failed."""
    parser = argparse.ArgumentParser(prog="./dev bench", description="ksecrets and sops side by side")
    parser.add_argument("--ksecrets", required=True, help="the installed program to measure")
    parser.add_argument("--quick", action="store_true", help="a few pairs; print only")
    parser.add_argument("--pairs", type=int, help="rounds for small things; large ones get a part (default 30)")
    parser.add_argument("--only", choices=list(ROWS), action="append", help="only these rows; print only")
    parser.add_argument("--update", action="store_true", help="with --only: into a section of the page")
    parser.add_argument("--helm-secrets", metavar="FOLDER", help="a checkout of helm-secrets, for the rows of Helm")
    options = parser.parse_args()

    peers = subprocess.run(
        ["sh", "tests/peers/build.sh", "--where"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    cache = Path(peers.stdout.strip())
    sops = shutil.which(str(cache / "bin/sops")) or shutil.which("sops")
    helms = {name: str(cache / name / "helm") for name in ("helm3", "helm4") if (cache / name / "helm").exists()}
    if sops is None:
        print("bench: there is no sops to compare with; ./dev peers builds it", file=sys.stderr)
        return 1

    with tempfile.TemporaryDirectory(prefix="ksecrets-bench-") as work:
        # ksecrets may be linked: its environment is beside the real file.
        bench = _bench(
            Path(work), os.path.abspath(options.ksecrets), sops, helms, options.pairs or (4 if options.quick else 30)
        )
        if options.helm_secrets is not None:
            bench.helm_secrets = os.path.abspath(options.helm_secrets)
        rows: list[Row] = []
        try:
            for name in options.only or ROWS:
                for row in ROWS[name](bench):
                    rows.append(row)
                    print(_line(row), file=sys.stderr)
        except measure.RunFailed as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        finally:
            os.chdir(_ROOT)
        table = _machine(bench) + "\n\n" + _table(rows)
    print(table)
    if options.update and options.only:
        page = _PAGE.read_text(encoding="utf-8")
        _PAGE.write_text(_with_section(page, f"## {', '.join(options.only)}", table), encoding="utf-8")
    elif not (options.quick or options.only):
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(_HEAD + table + _TAIL, encoding="utf-8")
    return 0


def _with_section(page: str, heading: str, table: str) -> str:
    """The page with a section of this heading and table: in the place of the one that it has, or at its end."""
    section = f"{heading}\n\n{table}"
    start = page.find(f"{heading}\n")
    if start < 0:
        return f"{page.rstrip()}\n\n{section}"
    end = page.find("\n## ", start)
    return page[:start] + section + ("" if end < 0 else page[end:])


def _bench(work: Path, ksecrets: str, sops: str, helms: dict[str, str], pairs: int) -> Bench:
    """A home with one age identity where sops and ksecrets both look, and a PATH with just what is measured."""
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    keys = work / "home/.config/sops/age/keys.txt"
    keys.parent.mkdir(parents=True)
    keys.touch(mode=0o600)
    keys.write_text(f"# public key: {identity.to_public()}\n{identity}\n")
    programs = work / "bin"
    programs.mkdir()
    for name, program in (("ksecrets", ksecrets), ("sops", sops)):
        (programs / name).symlink_to(program)
    (work / "home/.gitconfig").write_text("[user]\n\tname = bench\n\temail = bench@example.org\n[gc]\n\tauto = 0\n")
    env = {
        "HOME": str(work / "home"),
        "XDG_CONFIG_HOME": str(work / "home/.config"),
        "XDG_CACHE_HOME": str(work / "home/.cache"),
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "SOPS_DISABLE_VERSION_CHECK": "1",
    }
    return Bench(work, ksecrets, sops, helms, str(identity.to_public()), pairs, env)


def _machine(bench: Bench) -> str:
    def first_line(*argv: str) -> str:
        done = subprocess.run(argv, env=bench.env, capture_output=True, text=True)
        return (done.stdout.splitlines() or ["?"])[0]

    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), cpu)
    except OSError:
        pass
    helms = [first_line(program, "version", "--template", "helm {{.Version}}") for program in bench.helms.values()]
    parts = [
        datetime.date.today().isoformat(),
        f"{cpu}, {os.cpu_count()} cores",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"CPython {platform.python_version()}{' of the system' if sys.base_prefix == '/usr' else ''}",
        f"{first_line(bench.ksecrets, '--version')} ({_how_built(bench.ksecrets)})",
        first_line(bench.sops, "--version"),
        *helms,
    ]
    return "Machine: " + "; ".join(parts) + "."


def _how_built(ksecrets: str) -> str:
    """Whether this installed ksecrets has its loops compiled, as the interpreter beside it says."""
    python = Path(ksecrets).resolve().parent / "python"
    find = "import importlib.util as i; print(i.find_spec('ksecrets.text.yaml').origin)"
    found = subprocess.run([str(python), "-I", "-c", find], capture_output=True, text=True, check=True)
    return "pure Python" if found.stdout.strip().endswith(".py") else "compiled loops"


def _line(row: Row) -> str:
    return f"{row.work}: sops {row.theirs}, ksecrets {row.ours}, {row.ratio:.2f}"


def _table(rows: list[Row]) -> str:
    lines = ["| work | sops | ksecrets | ratio | goal | pairs |", "|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        goal = "" if row.goal is None else f"{row.goal:.2f}" + ("" if row.ratio <= row.goal else " **missed**")
        lines.append(f"| {row.work} | {row.theirs} | {row.ours} | {row.ratio:.2f} | {goal} | {row.pairs} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
