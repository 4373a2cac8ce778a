"""The progress bar: on a terminal, in no pipe, never with --quiet, and gone when the command has ended."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

import ksecrets
from tests.conftest import Cli, Repo
from tests.team import PLAIN, Team, person

FILES = [f"app{number}/{env}/secrets.yaml" for number in range(60) for env in ("dev", "prod")]
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"  # the cursor

pytest.importorskip("rich")


@pytest.fixture
def team(repo: Repo) -> Team:
    team = Team(repo)
    session = team.session("alice")
    for path in FILES:
        repo.write(path, PLAIN)
        ksecrets.encrypt(path, write=True, session=session)
    repo.commit()
    team.rules(dev="alice, bob, ci", prod="alice, ci, bob")
    return team


def terminal(cli: Cli, *words: str, until: Callable[[bytes], bool] | None = None) -> tuple[int, bytes]:
    """Run a command of alice's whose stderr is a terminal; what it wrote there. until: then Ctrl-C is pressed."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "KSECRETS_AGE_KEY": person("alice").secret, "KSECRETS_KEYRING": "0", "TERM": "xterm"}
    process = subprocess.Popen(
        [*cli.program, *words], env=environ, stdout=subprocess.DEVNULL, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            new = os.read(ours, 4096)
        except OSError:  # Linux: the other end was closed
            break
        if not new:
            break
        written += new
        if until is not None and until(written):
            os.killpg(process.pid, signal.SIGINT)
            until = None
    os.close(ours)
    return process.wait(timeout=30), written


def is_drawn(written: bytes) -> bool:
    return f"/{len(FILES)}".encode() in written


@pytest.mark.parametrize("command", [("check",), ("updatekeys",), ("rotate",)])
def test_on_a_terminal_and_gone_afterwards(command: tuple[str, ...], team: Team, cli: Cli) -> None:
    if command == ("rotate",):
        terminal(cli, "--quiet", "updatekeys")
    code, written = terminal(cli, *command)
    assert code == (6 if command == ("check",) else 0), written
    assert is_drawn(written) or (command == ("check",) and b"/121" in written)
    assert written.count(HIDE) == written.count(SHOW) >= 1
    assert written.rindex(SHOW) > written.rindex(HIDE)
    assert b"\x1b[2K" in written[written.rindex(b"\xe2\x94\x81") :]  # the line of the bar is wiped


def test_never_with_quiet(team: Team, cli: Cli) -> None:
    code, written = terminal(cli, "--quiet", "updatekeys")
    assert (code, written) == (0, b"")


def test_never_in_a_pipe(team: Team, cli: Cli) -> None:
    done = cli("updatekeys", env={"KSECRETS_AGE_KEY": person("alice").secret, "TERM": "xterm"}).ok()
    assert done.stderr.endswith(f"{len(FILES)} changed\n")
    assert b"\x1b" not in done.err
    assert not is_drawn(done.err)


def test_ctrl_c_leaves_the_terminal_clean(team: Team, cli: Cli) -> None:
    code, written = terminal(cli, "updatekeys", until=is_drawn)
    assert code in (0, 130), written  # 0: it was quicker than the signal
    assert b"Traceback" not in written
    assert written.count(HIDE) == written.count(SHOW) >= 1
    last = written[written.rindex(SHOW) :]
    assert b"\xe2\x94\x81" not in last  # no piece of a bar behind
    if code == 130:
        assert b"left (run it again to go on)" in last
    assert [team.plain(path) for path in FILES] == [PLAIN] * len(FILES)
