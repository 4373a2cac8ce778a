"""Bulk gives the answers of Repository."""

from __future__ import annotations

from ksecrets.repository.bulk import Bulk, first_seen_kids
from ksecrets.repository.repository import Repository
from tests.conftest import Repo

KID, OTHER = "abcdefghijklmnopqrst_-", "-bcdefghijklmnopqrst_1"


def test_who_holds_a_data_key(repo: Repo) -> None:
    repo.write(".gitignore", "ignored\n")
    repo.write("a.yaml", f"sops:\n    ksecrets:\n        kid: {KID}\n")
    repo.write("b\nc d.yaml", f'{{"sops": {{"ksecrets": {{"kid": "{KID}"}}}}}}\n')
    repo.write("ü.yaml", f"kid: '{OTHER}'\r\n")
    repo.write("ignored", f"kid: {KID}\n")
    bulk, plain = Bulk(str(repo.path)), Repository(str(repo.path))
    assert bulk.files_with(KID) == plain.files_with(KID) == ["a.yaml", "b\nc d.yaml"]
    assert bulk.files_with(OTHER) == plain.files_with(OTHER) == ["ü.yaml"]
    assert bulk.files_with("x" * 22) == []
    assert bulk.files_with("ksecrets") == plain.files_with("ksecrets")


def test_blobs_before_and_after_a_rest(repo: Repo) -> None:
    repo.write("a", "1")
    repo.commit()
    bulk = Bulk(str(repo.path))
    assert bulk.blob("HEAD:a") == b"1"
    bulk.rest()
    assert bulk.blob("HEAD:a") == b"1"
    assert bulk.blob("HEAD:no\nfile") is None
    repo.write("a", "2")
    assert bulk.blob(":a") == b"1"
    repo.git("add", "a")
    assert bulk.blob(":a") == b"2"
    bulk.rest()


def test_when_a_data_key_was_first_seen(repo: Repo) -> None:
    assert first_seen_kids(Repository(str(repo.path))) == {}
    for at, text in ((1000, f"kid: {KID}\n"), (2000, f"kid: {KID}\nmore: 1\n"), (3000, f"kid: {OTHER}\n")):
        repo.write("a.yaml", text)
        repo.git("add", "--all")
        repo.git("commit", "--quiet", "-m", "x", env={"GIT_COMMITTER_DATE": f"@{at} +0000"})
    assert first_seen_kids(Repository(str(repo.path))) == {KID: 1000, OTHER: 3000}
