"""exec-env and exec-file as processes: what the command gets, what it leaves, and that it is the command that ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.conftest import Cli, Repo
from tests.trace import CANARY, assert_no_disk, assert_nowhere, traced

FILE = "env/dev/secrets.yaml"
TEXT = f"# how\nPASSWORD: {CANARY}\nMODE: 0644\n"

linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as another user")


@pytest.fixture
def own_temporary(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return [tmp_path / "tmp", clean_home]


@pytest.fixture
def shop(repo: Repo, cli: Cli, own_temporary: list[Path]) -> Repo:
    cli("init").ok()
    (repo / "env/dev").mkdir(parents=True)
    encrypted = cli("encrypt", "-", "--filename-override", FILE, input=TEXT.encode()).ok()
    repo.write(FILE, encrypted.out)
    own_temporary.append(repo.path)
    assert_nowhere(*own_temporary)
    return repo


def gone(folder: str) -> bool:
    for _ in range(100):
        if not os.path.lexists(folder):
            return True
        time.sleep(0.05)
    return False


# -- the environment ---------------------------------------------------------------------------------------------------


def test_the_command_gets_the_values_beside_its_environment(shop: Repo, cli: Cli) -> None:
    script = 'printf "%s|%s|%s" "$PASSWORD" "$MODE" "$MINE"'
    assert cli("exec-env", FILE, script, env={"MINE": "x", "MODE": "old"}).ok().stdout == f"{CANARY}|0644|x"
    assert cli("exec-env", "--pristine", FILE, "env", env={"MINE": "x"}).ok().stdout.count("MINE") == 0


def test_words_behind_dashes_go_through_no_shell(shop: Repo, cli: Cli) -> None:
    done = cli("exec-env", FILE, "--", "printf", "%s %s", "$PASSWORD", "a;b")
    assert done.ok().stdout == "$PASSWORD a;b"


def test_standard_streams_are_the_commands(shop: Repo, cli: Cli) -> None:
    done = cli("exec-env", FILE, "cat; echo err >&2", input=b"\0raw\xff")
    assert (done.out, done.err, done.code) == (b"\0raw\xff", b"err\n", 0)


@pytest.mark.parametrize("verb", [["exec-env", FILE], ["exec-file", FILE]])
def test_the_exit_code_and_signals_are_the_commands(shop: Repo, cli: Cli, verb: list[str]) -> None:
    assert cli(verb, "exit 37 # {}").code == 37
    # sops makes 255 of every signal.
    assert cli(verb, "kill -TERM $$ # {}").code == -signal.SIGTERM
    assert cli(verb, "kill -PIPE $$; true {}").code == -signal.SIGPIPE


def test_a_signal_reaches_the_command(shop: Repo, cli: Cli) -> None:
    """The command is our process: what a supervisor signals is what it started."""
    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    with subprocess.Popen([*cli.program, "exec-env", FILE, script], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.terminate()
        assert running.stdout.read() == "bye\n"
    assert running.returncode == 5


def test_identities_stay_behind(shop: Repo, cli: Cli, clean_home: Path) -> None:
    key = (clean_home / ".config/sops/age/keys.txt").read_text()
    done = cli("exec-env", FILE, "env", env={"SOPS_AGE_KEY": key, "KSECRETS_AGE_KEY_CMD": "true"}).ok()
    assert "AGE-SECRET-KEY" not in done.stdout
    assert "AGE_KEY_CMD" not in done.stdout


def test_nothing_runs_where_the_file_cannot_be_trusted(shop: Repo, cli: Cli) -> None:
    shop.write(FILE, (shop / FILE).read_text().replace("PASSWORD:", "PASSWORT:"))
    for verb in ("exec-env", "exec-file"):
        done = cli(verb, FILE, "echo ran {}")
        assert (done.code, done.stdout) == (5, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exec-env", FILE], "the command is missing"),
        (["exec-env", FILE, "true", "--", "true"], "give the command once"),
        (["exec-env", "-", "true"], "standard input is the command's"),
        (["exec-file", FILE, "true"], "has no {}"),
        (["exec-file", "--filename", "../x", FILE, "cat {}"], "is a name, not a path"),
        (["exec-env", "--user", "no-such-user", FILE, "true"], "no user is called no-such-user"),
        (["exec-env", FILE, "--", "/no/such/program"], "cannot start /no/such/program"),
    ],
)
def test_what_makes_no_sense_is_said(shop: Repo, cli: Cli, words: list[str], said: str) -> None:
    done = cli(*words)
    assert done.code in (1, 2)
    assert said in done.stderr
    assert CANARY not in done.stdout + done.stderr


# -- the file ----------------------------------------------------------------------------------------------------------


@linux
def test_the_file_can_be_read_again_and_again(shop: Repo, cli: Cli) -> None:
    """sops's pipe gives its content once."""
    done = cli("exec-file", FILE, "cat {} {}; test -f {} && wc -c < {}")
    assert done.ok().stdout == TEXT * 2 + f"{len(TEXT)}\n"


@pytest.mark.parametrize(
    "options", [[], ["--filename", "app.yaml"], ["--no-fifo"], ["--no-fifo", "--filename", "a.yaml"]]
)
def test_every_way_gives_every_byte_and_leaves_nothing(shop: Repo, cli: Cli, options: list[str]) -> None:
    done = cli("exec-file", *options, FILE, "--", "sh", "-c", 'echo "$1"; cat "$1"; cat "$1" >&2', "sh", "{}").ok()
    path, _, text = done.stdout.partition("\n")
    assert (text, done.stderr) == (TEXT, TEXT)
    if "--filename" in options:
        assert os.path.basename(path) == options[-1]
    assert path.startswith("/proc/self/fd/") or gone(os.path.dirname(path))


def test_a_regular_file_is_private_and_in_memory(shop: Repo, cli: Cli) -> None:
    done = cli("exec-file", "--no-fifo", FILE, 'stat -c "%F %a" {}; stat -c %a "$(dirname {})"; stat -f -c %T {}').ok()
    kind, mode_of_folder, system = done.stdout.splitlines()
    assert (kind, mode_of_folder) == ("regular file 600", "700")
    if shutil.which("stat") and os.path.isdir("/dev/shm"):
        assert system == "tmpfs"


@pytest.mark.parametrize("options", [["--filename", "x"], ["--no-fifo"]])
def test_nothing_is_left_where_the_command_is_killed(shop: Repo, cli: Cli, options: list[str]) -> None:
    argv = [*cli.program, "exec-file", *options, FILE, "echo {}; exec sleep 60"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        path = running.stdout.readline().strip()
        assert os.path.lexists(path)
        running.kill()
    assert gone(os.path.dirname(path))


@pytest.mark.parametrize(
    "words",
    [
        ["exec-env", FILE, 'test -n "$PASSWORD"'],
        ["exec-file", FILE, "grep -q PASSWORD {}"],
        ["exec-file", "--filename", "x.yaml", FILE, "grep -q PASSWORD {}"],
    ],
    ids=["environment", "memory", "pipe"],
)
def test_no_plaintext_touches_a_disk(
    shop: Repo, cli: Cli, strace: str, tmp_path: Path, own_temporary: list[Path], words: list[str]
) -> None:
    """By the kernel: no call but the start of the command (exec-env) and memory or pipes ever held the canary."""
    _, seen = traced(strace, tmp_path, [*cli.program, *words])
    started = [call for call, _ in seen if call == "execve"]
    assert bool(started) == (words[0] == "exec-env")
    # A named pipe is shown by its name, which --filename chose; what is written to it is on no disk.
    pipe = [each for each in seen if each[1].endswith("/x.yaml")]
    assert bool(pipe) == ("x.yaml" in words)
    assert_no_disk([each for each in seen if each[0] != "execve" and each not in pipe])
    assert_nowhere(*own_temporary)


@pytest.mark.parametrize("verb", ["exec-env", "exec-file"])
@root
def test_as_another_user(shop: Repo, cli: Cli, verb: str) -> None:
    for options in ([], ["--filename", "x"], ["--no-fifo"]) if verb == "exec-file" else ([],):
        script = 'id -un; id -G; echo "$HOME $USER"' + ("; cat {} {}" if verb == "exec-file" else '; echo "$MODE"')
        done = cli(verb, "--user", "nobody", *options, str(shop / FILE), script, cwd="/").ok()
        name, groups, who, *rest = done.stdout.splitlines()
        assert (name, "0" in groups.split()) == ("nobody", False)
        assert who.endswith(" nobody")
        assert "\n".join(rest) == ("0644" if verb == "exec-env" else (TEXT * 2).rstrip("\n"))


def test_types(shop: Repo, cli: Cli) -> None:
    """A file whose name says nothing, handed over in another format."""
    public = next(line for line in (shop / FILE).read_text().splitlines() if "recipient:" in line).split()[-1]
    shop.write("plain", '{"A": "one", "B": 2}\n')
    shop.write("secret", cli("encrypt", "--input-type", "json", "--age", public, "plain").ok().out)
    assert cli("filestatus", "--input-type", "json", "secret").ok().stdout == '{"encrypted":true}\n'
    assert cli("exec-env", "--input-type", "json", "secret", 'echo "$A$B"').ok().stdout == "one2\n"
    out = cli("exec-file", "--input-type", "json", "--output-type", "dotenv", "secret", "cat {}").ok().stdout
    assert out == "A=one\nB=2\n"
