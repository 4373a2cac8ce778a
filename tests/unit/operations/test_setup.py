"""keygen, init, env add, git setup: from an empty repository to files that can be encrypted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import ksecrets
from ksecrets.errors import ConfigError, KsecretsError, UsageError
from tests.conftest import Repo
from tests.team import DEV, PLAIN, Team, person


def session(**settings: str) -> ksecrets.Session:
    return ksecrets.Session({"HOME": os.environ["HOME"], "KSECRETS_KEYRING": "0", **settings})


def said(done: object, label: str) -> list[str]:
    return [text for name, text in done.lines if name == label]  # type: ignore[attr-defined]


def test_a_first_day(repo: Repo, clean_home: Path) -> None:
    done = ksecrets.init(session=session())
    keys = clean_home / ".config/sops/age/keys.txt"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert said(done, "key") == [f"created ~/.config/sops/age/keys.txt (0600): {done.public}"]
    assert said(done, "config") == ["wrote .ksecrets.yaml (dev: test)"]
    assert said(done, "warn") == ["dev has one reader: lose this key, lose the secrets"]
    assert said(done, "next") == ["git add .ksecrets.yaml .gitattributes; ksecrets encrypt -i env/dev/secrets.yaml"]
    assert "diff=ksecrets" in (repo / ".gitattributes").read_text()
    repo.write("env/dev/secrets.yaml", PLAIN)
    ksecrets.encrypt("env/dev/secrets.yaml", write=True, session=session())
    assert ksecrets.decrypt("env/dev/secrets.yaml", session=session()).text == PLAIN


def test_init_again_changes_nothing(repo: Repo, clean_home: Path) -> None:
    first = ksecrets.init(session=session())
    files = [repo / ".ksecrets.yaml", repo / ".gitattributes", clean_home / ".config/sops/age/keys.txt"]
    before = [file.read_bytes() for file in files]
    again = ksecrets.init(session=session())
    assert [file.read_bytes() for file in files] == before
    assert said(again, "key") == [f"found {first.public}"]
    assert said(again, "config") == ["kept .ksecrets.yaml (dev)"]
    assert said(again, "git") == ["is set up for this clone"]


def test_init_from_a_folder_below(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "a/b").mkdir(parents=True)
    monkeypatch.chdir(repo / "a/b")
    ksecrets.init(session=session())
    assert (repo / ".ksecrets.yaml").exists()
    assert not (repo / "a/b/.ksecrets.yaml").exists()


def test_init_of_somebody_who_is_no_reader(team: Team) -> None:
    done = ksecrets.init(session=session(KSECRETS_AGE_KEY=person("eve").secret))
    expected = f"none of your identities is a recipient in .ksecrets.yaml: ask a reader to add {person('eve').public}"
    assert said(done, "warn") == [expected]
    assert done.public == person("eve").public


def test_init_beside_a_sops_yaml_says_so(repo: Repo) -> None:
    repo.write(".sops.yaml", "creation_rules: []\n")
    done = ksecrets.init(session=session())
    assert any("takes the place of .sops.yaml" in text for text in said(done, "warn"))


def test_init_outside_of_git_makes_no_key(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="not a git repository"):
        ksecrets.init(session=session())
    assert not (clean_home / ".config/sops").exists()


@pytest.mark.parametrize("setting", [{"name": "a b"}, {"env": "a b"}, {"files": ["/abs"]}])
def test_init_with_a_bad_name_writes_no_configuration(repo: Repo, setting: dict[str, object]) -> None:
    with pytest.raises(KsecretsError):
        ksecrets.init(session=session(), **setting)  # type: ignore[arg-type]
    assert not (repo / ".ksecrets.yaml").exists()


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        ("**/dev/secrets*.yaml", "env/dev/secrets.yaml"),
        ("services/*/dev/secrets*.yaml", "services/app/dev/secrets.yaml"),
        ("a?.yaml", "ax.yaml"),
        ("*.secret.*", "app.secret.yaml"),
        ("k8s/**/*.enc.yaml", "k8s/env/app.enc.yaml"),
        ("a[xy].yaml", "FILE"),
    ],
)
def test_the_next_step_is_a_file_that_the_rules_name(repo: Repo, pattern: str, example: str) -> None:
    done = ksecrets.init(files=[pattern], session=session())
    assert said(done, "next")[0].endswith(f"encrypt -i {example}")


def test_an_environment_with_a_machine(repo: Repo) -> None:
    ksecrets.init(session=session())
    given: list[str] = []
    done = ksecrets.env_add("prod", machine="prod-ci", deliver=given.append, session=session())
    assert len(given) == 1
    assert "AGE-SECRET-KEY-1" in given[0]
    config = (repo / ".ksecrets.yaml").read_text()
    assert "AGE-SECRET-KEY" not in config
    assert not any("AGE-SECRET-KEY" in text for _, text in done.lines)
    assert done.public is not None
    assert done.public in config
    repo.write("env/prod/secrets.yaml", PLAIN)
    encrypted = ksecrets.encrypt("env/prod/secrets.yaml", write=True, session=session())
    assert encrypted.readers == ["test", "prod-ci"]
    machine = ksecrets.Session({"KSECRETS_AGE_KEY": given[0], "HOME": "/nonexistent"})
    assert ksecrets.decrypt("env/prod/secrets.yaml", session=machine).text == PLAIN


def test_env_add_again_changes_nothing_and_gives_no_key(repo: Repo) -> None:
    ksecrets.init(session=session())
    ksecrets.env_add("prod", machine="prod-ci", deliver=lambda _: None, session=session())
    before = (repo / ".ksecrets.yaml").read_bytes()
    given: list[str] = []
    done = ksecrets.env_add("prod", machine="prod-ci", deliver=given.append, session=session())
    assert given == []
    assert (repo / ".ksecrets.yaml").read_bytes() == before
    assert said(done, "config") == ["kept .ksecrets.yaml (prod is there)"]


def test_a_key_that_cannot_be_delivered_is_in_no_configuration(repo: Repo) -> None:
    ksecrets.init(session=session())
    before = (repo / ".ksecrets.yaml").read_bytes()

    def full(_: str) -> None:
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"):
        ksecrets.env_add("prod", machine="prod-ci", deliver=full, session=session())
    with pytest.raises(UsageError, match="nowhere to give"):
        ksecrets.env_add("prod", machine="prod-ci", session=session())
    assert (repo / ".ksecrets.yaml").read_bytes() == before


def test_env_add_of_a_bad_name_gives_no_key_away(repo: Repo) -> None:
    ksecrets.init(session=session())
    given: list[str] = []
    for name, machine in (("a b", "ci"), ("prod", "a b")):
        with pytest.raises(KsecretsError):
            ksecrets.env_add(name, machine=machine, deliver=given.append, session=session())
    assert given == []


def test_env_add_for_readers_by_name(team: Team) -> None:
    ksecrets.env_add("stage", readers=["bob", "ci"], files=["stage/*.yaml"], session=session())
    team.repo.write("stage/a.yaml", PLAIN)
    assert ksecrets.encrypt("stage/a.yaml", session=team.session()).readers == ["bob", "ci"]
    with pytest.raises(KsecretsError, match="eve"):
        ksecrets.env_add("more", readers=["eve"], session=session())
    with pytest.raises(ConfigError, match="none of your identities"):
        ksecrets.env_add("more", session=session())


def test_env_add_before_init(repo: Repo) -> None:
    with pytest.raises(ConfigError, match=r"there is no \.ksecrets\.yaml yet"):
        ksecrets.env_add("prod", session=session())
    with pytest.raises(ConfigError, match=r"there is no \.ksecrets\.yaml here"):
        ksecrets.git_setup(session=session())


def test_git_setup_of_a_fresh_clone(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team.repo.commit()
    team.repo.git("clone", "--quiet", str(team.repo.path), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert "set the diff and merge drivers of this clone" in said(ksecrets.git_setup(session=session()), "git")
    assert said(ksecrets.git_setup(session=session()), "git") == ["is set up for this clone"]


def test_keygen(tmp_path: Path, clean_home: Path) -> None:
    done = ksecrets.keygen(str(tmp_path / "k.txt"), session=session())
    assert stat.S_IMODE((tmp_path / "k.txt").stat().st_mode) == 0o600
    assert done.public is not None
    assert done.public in done.lines[0][1]
    assert "AGE-SECRET-KEY" not in str(done.lines)
    with pytest.raises(KsecretsError, match="exists"):
        ksecrets.keygen(str(tmp_path / "k.txt"), session=session())
    with pytest.raises(UsageError):
        ksecrets.keygen(str(tmp_path / "l.txt"), keyring=True, session=session())
    with pytest.raises(ConfigError, match="no folder for keys"):
        ksecrets.keygen(session=ksecrets.Session({}))


def test_few_readers_are_said_where_readers_are_chosen(team: Team, repo: Repo) -> None:
    """When an environment is made, and when a file is new; not with every value that is set."""
    team.rules(more_dev="min-readers: 3")
    alice = team.session("alice")
    team.write(DEV)
    ksecrets.encrypt(DEV, write=True, session=alice)
    assert alice.notes == []
    ksecrets.set(DEV, "db.password", "new", session=alice)
    assert alice.notes == []
    repo.write("x/dev/secrets.yaml", "a: 1\n")
    ksecrets.encrypt("x/dev/secrets.yaml", write=True, session=alice)
    assert alice.notes == ["dev has 2 readers, min-readers asks for 3"]
    text = (repo / ".ksecrets.yaml").read_text().replace("environments:", "defaults: {min-readers: 3}\nenvironments:")
    repo.write(".ksecrets.yaml", text)
    done = ksecrets.env_add("test", readers=["bob", "ci"], session=alice)
    assert ("warn", "test has 2 readers, min-readers asks for 3") in done.lines
