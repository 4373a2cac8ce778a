"""Errors become messages and exit codes, and none of them shows a secret."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ksecrets import errors
from ksecrets.cli import bug, main, streams
from tests.conftest import ROOT, Cli

CANARY = "s3cret-canary"


def raising(problem: BaseException) -> int:
    def work() -> None:
        raise problem

    return main.guarded(work)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (errors.KsecretsError("no"), 1),
        (errors.UsageError("no"), 2),
        (errors.NoIdentity("no"), 4),
        (errors.Tampered("no"), 5),
        (errors.CheckFailed("no"), 6),
        (BrokenPipeError(), 141),
        (KeyboardInterrupt(), 130),
        (RuntimeError(CANARY), 3),
    ],
)
def test_exit_codes(problem: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "give_up_output", lambda: None)
    assert raising(problem) == code


def test_success() -> None:
    assert main.guarded(lambda: None) == 0
    assert main.guarded(lambda: 6) == 6


def test_an_error_is_printed_as_it_is(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    problem = errors.NoIdentity("no identity opens it", file="a.yaml", details=["readers: alice"], hint="get a key")
    assert raising(problem) == 4
    assert capsysbinary.readouterr() == (
        b"",
        b"error: a.yaml: no identity opens it\n  readers: alice\nhint: get a key\n",
    )


def test_silence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "give_up_output", lambda: None)
    raising(BrokenPipeError())
    raising(KeyboardInterrupt())
    assert capsys.readouterr() == ("", "")


class Strange(Exception):
    def __str__(self) -> str:
        return CANARY

    __repr__ = __str__


def failing(secret: str) -> None:
    try:
        int(secret)
    except ValueError as error:
        error.add_note(CANARY)
        raise Strange(secret) from error


@pytest.mark.parametrize("traceback", ["", "1"])
def test_a_bug_shows_where_and_never_what(
    traceback: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(bug.VARIABLE, traceback)
    assert main.guarded(lambda: failing(CANARY)) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert CANARY not in err
    assert err.startswith("bug: ")
    assert "Strange in ksecrets/cli/main.py:" in err  # the deepest line of ours
    assert ("test_main.py" in err and "ValueError" in err) is bool(traceback)
    assert (bug.VARIABLE in err) is not traceback


def test_the_hook_shows_no_secret(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from ksecrets.cli.main import main\nmain(['decrypt', 'none'])\n"
        f"raise ValueError({CANARY!r})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert CANARY not in done.stderr
    assert "bug: ValueError" in done.stderr


# -- as a process ------------------------------------------------------------------------------------------------------


def test_a_closed_pipe_is_quiet(cli: Cli) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(
            [*cli.program, "config", "schema"], stdout=stdout, stderr=subprocess.PIPE, preexec_fn=_default_pipe
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_an_error(cli: Cli) -> None:
    with open("/dev/full", "wb") as stdout:
        done = subprocess.run([*cli.program, "--version"], stdout=stdout, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"error: standard output cannot be written: no space left on device\n"


def test_closed_streams_are_no_bug(cli: Cli) -> None:
    line = shlex.join(cli.program)
    done = subprocess.run(["sh", "-c", f"exec {line} --version >&-"], capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"error: standard output is closed\n")
    done = subprocess.run(["sh", "-c", f"exec {line} decrypt - <&-"], capture_output=True)
    assert (done.returncode, done.stderr) == (2, b"error: standard input is closed\n")
    done = subprocess.run(["sh", "-c", f"exec {line} decrypt none 2>&-"], capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")


def test_interrupted(cli: Cli) -> None:
    with subprocess.Popen(
        [*cli.program, "decrypt", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        _until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")


def _default_pipe() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _until_it_reads(pid: int) -> None:
    # Waiting in a read of a pipe, and the command line is parsed: the call is read (0) of descriptor 0 on Linux.
    import time

    for _ in range(1000):
        try:
            if Path(f"/proc/{pid}/wchan").read_text().startswith(("pipe_read", "anon_pipe_read")):
                return
            if "0x0 " in Path(f"/proc/{pid}/syscall").read_text().split(" ", 1)[1][:4]:
                return
        except (OSError, IndexError):
            pass
        time.sleep(0.005)
