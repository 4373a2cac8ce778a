"""What is said of a path at which there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ksecrets.storage.missing import missing


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "env" / "dev").mkdir(parents=True)
    (tmp_path / "env" / "dev" / "secrets.yaml").write_text("a: b\n")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("env/dev/secret.yaml", "did you mean env/dev/secrets.yaml?"),
        ("env/dve/secrets.yaml", "did you mean env/dev/secrets.yaml?"),
        ("envs/dev/other.yaml", "did you mean env?"),
        ("", "name a file"),
    ],
)
def test_the_nearest_name_is_named(path: str, hint: str) -> None:
    assert missing(path).hint == hint


def test_where_nothing_is_near_the_folder_is_named(tmp_path: Path) -> None:
    error = missing("nothing-like-it")
    assert (error.message, error.file, error.hint) == ("no such file", "nothing-like-it", f"paths begin in {tmp_path}")
    absolute = str(tmp_path / "env" / "dev" / "secret.yaml")
    assert missing(absolute).hint == f"did you mean {tmp_path}/env/dev/secrets.yaml?"
    assert missing("/nothing-like-it/at-all").hint is None


def test_a_link_says_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone.yaml")
    error = missing("link")
    assert (error.message, error.hint) == ("a symbolic link to nothing", "it leads to gone.yaml")
