"""examples/: the chart renders on both Helms, and the demo runs from beginning to end and leaves the tree alone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli

SHOP = ROOT / "examples/shop"


def template(helm: str, environment: str) -> subprocess.CompletedProcess[str]:
    files = [f"-f{SHOP}/env/{environment}/{name}.yaml" for name in ("values", "secrets")]
    return subprocess.run([helm, "template", "shop", str(SHOP), *files], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("environment", "password"), [("dev", "not-so-secret-in-dev"), ("prod", "correct: horse")])
def test_the_chart_renders(helm: str, environment: str, password: str) -> None:
    done = template(helm, environment)
    assert done.returncode == 0, done.stderr
    assert {"kind: Deployment", "kind: Secret", "kind: ConfigMap"} <= set(done.stdout.splitlines())
    assert f'DB_PASSWORD: "{password}' in done.stdout


def test_the_chart_says_which_file_it_misses(helm: str) -> None:
    done = subprocess.run([helm, "template", "shop", str(SHOP)], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "env/*/secrets.yaml" in done.stderr


# What the demo's shell and git may call; nothing else is on its PATH, so no Helm and no Go but the ones given.
PROGRAMS = (
    "awk",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "git",
    "grep",
    "head",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sh",
    "sleep",
    "tr",
    "uname",
)


def files_of_the_examples() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (ROOT / "examples").rglob("*") if path.is_file()}


def demo(cli: Cli, folder: Path, helm: str | None) -> subprocess.CompletedProcess[str]:
    """Runs the demo with this ksecrets and this Helm; in the environment stands what must not disturb it."""
    programs, scratch = folder / "bin", folder / "tmp"
    programs.mkdir()
    scratch.mkdir()
    start = programs / "ksecrets"
    start.write_text("#!/bin/sh\nexec " + shlex.join(cli.program) + ' "$@"\n')
    start.chmod(0o755)
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found is not None, f"{name} is not on the PATH"
        (programs / name).symlink_to(found)
    if helm is not None:
        (programs / "helm").symlink_to(helm)
    env = {
        **os.environ,
        "PATH": str(programs),
        "TMPDIR": str(scratch),
        "KSECRETS_PEERS": str(folder / "no-peers"),
        "SOPS_AGE_KEY": "not a key",
        "HELM_PLUGINS": "/nowhere",
    }
    done = subprocess.run(
        [str(programs / "sh"), str(ROOT / "examples/demo.sh")], env=env, capture_output=True, text=True, timeout=120
    )
    assert not list(scratch.iterdir()), "the temporary folder is still there"
    return done


def test_the_demo_runs_to_the_end(cli: Cli, helm: str, tmp_path: Path) -> None:
    before = files_of_the_examples()
    done = demo(cli, tmp_path, helm)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '  DB_PASSWORD: "a new password"' in done.stdout.splitlines()
    assert files_of_the_examples() == before


def test_the_demo_without_helm_says_where_it_stops(cli: Cli, tmp_path: Path) -> None:
    done = demo(cli, tmp_path, None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the demo ends before 'helm secrets template'" in done.stdout
    assert "$ ksecrets check" in done.stdout


def test_the_demo_fails_at_the_step_that_fails(tmp_path: Path) -> None:
    done = demo(Cli(["sh", "-c", 'test "$1" != check', "ksecrets"]), tmp_path, None)
    assert done.returncode != 0
    assert "demo: " in done.stderr
