"""How content gets to the program that takes our place, through memory and through named pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.helm.handover import Handover
from tests.conftest import ROOT

BIG = "x" * 300_000  # more than a pipe holds

# Gives two contents, and becomes a shell that gets their paths as $1 and $2.
PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
mode, script = sys.argv[2:]
from ksecrets.helm.handover import Handover
if mode == "pipes":
    del os.memfd_create
with Handover() as handover:
    one, two = handover.give(b"one\\n"), handover.give(sys.stdin.buffer.read())
    sys.exit(handover.become(["sh", "-c", script, "sh", one, two], os.environ))
"""


def run(mode: str, script: str, content: str = BIG, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    # -X utf8 and -I as Helm's launcher has them; stdin is the second content.
    return subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(ROOT), mode, script],
        input=content,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(params=["memory", "pipes"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param == "memory" and not hasattr(os, "memfd_create"):
        pytest.skip("this system has no memfd_create")
    return str(request.param)


def test_every_reader_gets_all_of_it(mode: str) -> None:
    """In any order, again, and in a child of the program; the content is bigger than a pipe."""
    done = run(mode, 'cat "$2" | wc -c; cat "$1" "$1"; sh -c \'cat "$0" | wc -c\' "$2"; cat "$1"')
    assert done.stdout.split() == [str(len(BIG)), "one", "one", str(len(BIG)), "one"]
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_reader_that_stops_early_does_not_spoil_the_next(mode: str) -> None:
    done = run(mode, 'head -c 10 "$2"; echo; cat "$2" | wc -c')
    assert done.stdout.split() == ["x" * 10, str(len(BIG))]


def test_empty_content(mode: str) -> None:
    assert run(mode, 'cat "$2" | wc -c', content="").stdout.strip() == "0"


def test_the_exit_code_and_the_process_are_the_programs(mode: str) -> None:
    assert run(mode, "exit 37").returncode == 37
    assert run(mode, "kill -TERM $$").returncode == -15
    # Python ignores SIGPIPE; a program that takes its place should not.
    assert run(mode, "kill -PIPE $$; echo still here").returncode == -13


def test_pipes_are_gone_at_the_end() -> None:
    done = run("pipes", 'dirname "$1"; test -p "$1" && stat -c %a "$1" "$(dirname "$1")"')
    folder, *modes = done.stdout.split()
    assert modes == ["600", "700"]
    for _ in range(100):
        if not os.path.exists(folder):
            return
        time.sleep(0.05)
    pytest.fail(f"{folder} is still there")


def test_nothing_is_left_when_it_fails_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with Handover() as handover:
        path = handover.give(b"one")
        assert os.path.exists(path)
    assert not os.path.exists(os.path.dirname(path))


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with Handover() as handover, pytest.raises(KsecretsError) as caught:
        handover.become([str(tmp_path / "helm")], os.environ)
    assert "No such file" in str(caught.value)
    assert "HELM_BIN" in str(caught.value)
    with Handover() as handover, pytest.raises(KsecretsError, match="Permission denied"):
        handover.become([str(tmp_path)], os.environ)


def test_what_we_start_before_does_not_inherit_the_content() -> None:
    with Handover() as handover:
        path = handover.give(b"one")
        if not path.startswith("/proc/"):
            pytest.skip("this system has no memfd_create")
        assert not os.get_inheritable(int(os.path.basename(path)))
        assert Path(path).read_bytes() == b"one"
    assert not os.path.exists(path)
