"""Identities in the keyring of the system: a real Secret Service (gnome-keyring) on a D-Bus of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import keyring
import pytest

from ksecrets.errors import ConfigError
from ksecrets.keys import keyring as ours
from tests.conftest import Cli, Repo, _find_peer

# Without folders of services nothing is started behind our back: the daemon is the one that the test starts.
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class SecretService:
    """A message bus and the daemon on it, unlocked with a password; its files are in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.daemons = [_find_peer("dbus-daemon"), _find_peer("gnome-keyring-daemon")]
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        hidden = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND")
        self.environ = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environ |= {"XDG_DATA_HOME": str(folder / "data"), "XDG_RUNTIME_DIR": str(folder)}

    def start(self) -> None:
        config = self.folder / "bus.conf"
        config.write_text(_BUS.format(path=self.folder / "bus"))
        self._run(self.daemons[0], f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1")
        printed = self.running[0].stdout
        assert printed is not None
        self.environ["DBUS_SESSION_BUS_ADDRESS"] = printed.readline().decode().strip()
        daemon = self._run(self.daemons[1], "--foreground", "--unlock", "--components=secrets")
        assert daemon.stdin is not None
        daemon.stdin.write(b"a password")
        daemon.stdin.close()
        # the daemon has a name on the bus before it has unlocked its collection
        look = "import secretstorage as s; print(s.get_collection_by_alias(s.dbus_init(), 'default').is_locked())"
        until = time.monotonic() + 60
        while True:
            done = subprocess.run([sys.executable, "-c", look], env=self.environ, capture_output=True, check=False)
            if done.stdout.strip() == b"False":
                return
            assert time.monotonic() < until, f"gnome-keyring-daemon does not come up: {done.stderr.decode()}"
            time.sleep(0.1)

    def _run(self, *argv: str) -> subprocess.Popen[bytes]:
        silent = subprocess.DEVNULL
        pipe = subprocess.PIPE
        self.running.append(subprocess.Popen(argv, env=self.environ, stdin=pipe, stdout=pipe, stderr=silent))
        return self.running[-1]

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(20)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


@pytest.fixture
def service() -> Iterator[SecretService]:
    with tempfile.TemporaryDirectory(prefix="kr") as folder:  # short: the path of a socket is in it
        found = SecretService(Path(folder))
        try:
            found.start()
            yield found
        finally:
            found.stop()


@pytest.fixture
def session(service: SecretService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """This process and what it starts see the service. What a child must be given in its environment."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    chosen = {name: service.environ[name] for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    from keyring.backends.SecretService import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    yield chosen
    keyring.set_keyring(before)


def test_a_key_is_kept_and_found(session: Mapping[str, str]) -> None:
    assert ours.load("age1one") is None
    ours.store("age1one", "SECRET-1")
    ours.store("age1two", "SECRET-2")
    assert (ours.load("age1one"), ours.load("age1two")) == ("SECRET-1", "SECRET-2")


def test_a_day_without_a_key_file(session: Mapping[str, str], cli: Cli, repo: Repo, clean_home: Path) -> None:
    """init --keyring, encrypt, read and change in processes of their own: no file ever holds the identity."""
    cli("init", "--keyring", env=session).ok()
    file = repo.write("dev/secrets.yaml", "a: hunter2\n")
    cli("encrypt", "-i", file, env=session).ok()
    assert cli("get", file, "a", env=session).ok().stdout == "hunter2"
    cli("set", file, "a", input="correct horse\n", env=session).ok()
    assert cli("decrypt", file, env=session).ok().stdout == "a: correct horse\n"
    for folder in (clean_home, repo.path):
        for path in folder.rglob("*"):
            assert not path.is_file() or b"AGE-SECRET-KEY" not in path.read_bytes(), path


def test_gits_drivers_leave_the_keyring_alone_unless_asked(
    session: Mapping[str, str], cli: Cli, repo: Repo, clean_home: Path
) -> None:
    """A locked keyring shows a window; `git log -p` must not show a hundred of them."""
    cli("init", "--keyring", env=session).ok()
    file = repo.write("dev/secrets.yaml", "a: hunter2\n")
    cli("encrypt", "-i", file, env=session).ok()
    assert "hunter2" not in cli("git", "textconv", file, env=session).stdout
    assert "hunter2" in cli("git", "textconv", file, env={**session, "KSECRETS_KEYRING": "1"}).stdout


def test_a_locked_keyring_says_so_at_once(session: Mapping[str, str], cli: Cli, repo: Repo) -> None:
    """Nobody is there to type its password: an error within bounds, and the name of what refused."""
    cli("init", "--keyring", env=session).ok()
    file = repo.write("dev/secrets.yaml", "a: hunter2\n")
    cli("encrypt", "-i", file, env=session).ok()
    import secretstorage

    with secretstorage.dbus_init() as bus:
        collection = secretstorage.get_default_collection(bus)
        collection.lock()
        assert collection.is_locked()
        with pytest.raises(ConfigError, match=r"keyring of this system refused \(KeyringLocked\)") as caught:
            ours.load("age1one")
        assert caught.value.hint == "is it unlocked?"
        began = time.monotonic()
        done = cli("get", file, "a", env=session)
        assert time.monotonic() - began < 20
    assert done.code == 4
    assert "keyring: the keyring of this system refused (KeyringLocked)" in done.stderr
    assert "hunter2" not in done.stdout


def test_without_a_bus(session: Mapping[str, str], cli: Cli, repo: Repo) -> None:
    done = cli("keygen", "--keyring", env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})
    assert done.code == 1
    assert "keyring" in done.stderr
    assert "AGE-SECRET-KEY" not in done.stderr + done.stdout
