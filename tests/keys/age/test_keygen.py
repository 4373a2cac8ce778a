"""New identities, and the places where they are kept."""

from __future__ import annotations

import os
import stat
import sys
import types
from pathlib import Path

import pytest

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.keys import keyring
from ksecrets.keys.age import keygen
from ksecrets.keys.age.sources import read_identities
from ksecrets.keys.identities import Identities


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_format_is_that_of_age_keygen() -> None:
    new = keygen.generate()
    created, public, secret = new.text.splitlines()
    assert created.startswith("# created: 20")
    assert created.endswith("Z")
    assert public == f"# public key: {new.public}"
    assert secret == new.secret
    ((identity,), problems) = read_identities(new.text.encode(), "x")
    assert (identity.public, problems) == (new.public, [])
    assert new.secret not in repr(new)
    assert keygen.generate().secret != new.secret


def test_a_new_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    os.umask(os.umask(0o022))
    path = tmp_path / "a/b/keys.txt"
    new = keygen.generate()
    keygen.write_new(str(path), new)
    assert path.read_text() == new.text
    assert [mode(path), mode(path.parent), mode(tmp_path / "a")] == [0o600, 0o700, 0o700]
    with pytest.raises(ConfigError, match="exists"):
        keygen.write_new(str(path), keygen.generate())
    assert path.read_text() == new.text


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="exists"):
        keygen.write_new(str(tmp_path / "link"), keygen.generate())
    assert not (tmp_path / "elsewhere").exists()


def test_adding_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "sops/age/keys.txt"
    one, two, three = (keygen.generate() for _ in range(3))
    keygen.add_to(str(path), one)
    assert mode(path) == 0o600
    path.write_text(path.read_text().rstrip("\n"))
    path.chmod(0o644)
    keygen.add_to(str(path), two)
    keygen.add_to(str(path), three)
    assert path.read_text() == one.text + two.text + three.text
    assert mode(path) == 0o600


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(keygen.os, "fsync", fsync)


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = keygen.generate()
    keygen.write_new(str(tmp_path / "old"), old)
    full_disk(monkeypatch)
    with pytest.raises(KsecretsError, match="no space left"):
        keygen.write_new(str(tmp_path / "new"), keygen.generate())
    with pytest.raises(KsecretsError, match="no space left"):
        keygen.add_to(str(tmp_path / "old"), keygen.generate())
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "old").read_text() == old.text


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in (keygen.write_new, keygen.add_to):
        with pytest.raises(KsecretsError, match="cannot be made"):
            make(str(tmp_path / "file/keys.txt"), keygen.generate())


class Backend:
    """A keyring backend of paper."""

    def __init__(self, *, keeps: bool = True, fails: bool = False) -> None:
        self.content: dict[tuple[str, str], str] = {}
        self.keeps = keeps
        self.fails = fails

    def set_password(self, service: str, user: str, password: str) -> None:
        if self.fails:
            raise RuntimeError(f"cannot keep {password}")
        if self.keeps:
            self.content[service, user] = password

    def get_password(self, service: str, user: str) -> str | None:
        if self.fails:
            raise RuntimeError("locked")
        return self.content.get((service, user))


def use(monkeypatch: pytest.MonkeyPatch, backend: object) -> None:
    library = types.ModuleType("keyring")
    library.get_keyring = lambda: backend  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", library)


def test_a_key_in_the_keyring_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    use(monkeypatch, backend)
    environ = {"HOME": str(tmp_path)}
    new = keygen.generate()
    keygen.keep_in_keyring(new, environ)
    assert backend.content == {("ksecrets", new.public): new.secret}
    assert [identity.public for identity in Identities.from_environment(environ)] == [new.public]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or new.secret not in path.read_text()


def test_a_keyring_that_forgets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Backend(keeps=False))
    with pytest.raises(ConfigError, match="does not keep"):
        keygen.keep_in_keyring(keygen.generate(), {"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_keyring_that_refuses_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Backend(fails=True))
    with pytest.raises(ConfigError, match=r"refused \(RuntimeError\)") as caught:
        keyring.store("age1x", "hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="refused"):
        keyring.load("age1x")


def test_no_keyring_on_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fail(Backend):
        __module__ = "keyring.backends.fail"

    use(monkeypatch, Fail())
    with pytest.raises(ConfigError, match="cannot be reached"):
        keyring.load("age1x")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="extra `keyring`") as caught:
        keyring.store("age1x", "y")
    assert caught.value.hint == "pip install 'ksecrets[keyring]'"
