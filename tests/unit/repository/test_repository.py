"""ksecrets/gitting/repository.py against real git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.repository import process as git_module
from ksecrets.repository.repository import EMPTY, INDEX, WORKTREE, Repository, top_level

if TYPE_CHECKING:
    from tests.conftest import Repo


@pytest.fixture
def git(repo: Repo) -> Repository:
    return Repository(str(repo.path))


# -- top_level, git_dir, relative --------------------------------------------------------------------------------------


def test_top_level_of_files_folders_and_what_is_not_there(repo: Repo, tmp_path: Path) -> None:
    repo.write("a/b/c.yaml", "x")
    top = os.path.realpath(repo.path)
    for name in ("", "a", "a/b", "a/b/c.yaml", "a/b/not-yet.yaml", "no/such/folder", ".git"):
        assert top_level(str(repo / name)) == top, name
    assert top_level("a/b/c.yaml") == top  # from the working folder
    assert top_level(str(tmp_path)) is None


def test_top_level_follows_folders_but_not_a_link_to_a_file(repo: Repo, tmp_path: Path) -> None:
    top = os.path.realpath(repo.path)
    (tmp_path / "away").symlink_to(repo.path)
    (tmp_path / "outside.yaml").write_text("x")
    (repo / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    repo.write("in.yaml", "x")
    (tmp_path / "to-in.yaml").symlink_to(repo / "in.yaml")
    assert top_level(str(tmp_path / "away")) == top
    assert top_level(str(tmp_path / "away" / "in.yaml")) == top
    assert top_level(str(repo / "link.yaml")) == top
    assert top_level(str(tmp_path / "to-in.yaml")) is None


def test_a_folder_that_is_only_called_git_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert top_level(str(tmp_path)) is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / ".git").write_text("something else")
    assert top_level(str(tmp_path / "b")) is None


def test_worktrees_and_submodules_have_their_own_top(repo: Repo, tmp_path: Path) -> None:
    repo.write("f", "x")
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository(str(tmp_path / "side"))
    assert top_level(str(tmp_path / "side" / "f")) == side.top
    assert side.git_dir() == os.path.realpath(repo / ".git" / "worktrees" / "side")
    assert side.common_dir() == os.path.realpath(repo / ".git")
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "side"), "sub"],
        cwd=repo.path,
        check=True,
    )
    sub = Repository(str(repo / "sub"))
    assert top_level(str(repo / "sub" / "f")) == sub.top
    assert sub.git_dir() == sub.common_dir() == os.path.realpath(repo / ".git" / "modules" / "sub")
    # git itself agrees.
    for each in (side, sub, Repository(str(repo.path))):
        for question, answer in (("--absolute-git-dir", each.git_dir()), ("--show-toplevel", each.top)):
            said = subprocess.run(
                ["git", "-C", each.top, "rev-parse", question], capture_output=True, text=True, check=True
            )
            assert said.stdout.strip() == answer


def test_relative_paths(git: Repository, repo: Repo, tmp_path: Path) -> None:
    repo.write("a/b.yaml", "x")
    (tmp_path / "away").symlink_to(repo.path)
    assert git.relative(str(repo / "a" / "b.yaml")) == "a/b.yaml"
    assert git.relative("a/../a/./new.yaml") == "a/new.yaml"
    assert git.relative(str(tmp_path / "away" / "a" / "b.yaml")) == "a/b.yaml"
    assert git.relative(str(tmp_path / "away")) == "."
    (repo / "link.yaml").symlink_to(tmp_path / "outside")
    assert git.relative("link.yaml") == "link.yaml"
    (repo / "..odd").mkdir()
    assert git.relative("..odd/x") == "..odd/x"
    for outside in (tmp_path, tmp_path / "x", "../x", "/"):
        with pytest.raises(KsecretsError, match="is outside the repository"):
            git.relative(str(outside))


# -- revisions and blobs -----------------------------------------------------------------------------------------------


def test_resolve(git: Repository, repo: Repo) -> None:
    first = repo.commit("one")
    second = repo.commit("two")
    repo.git("tag", "-a", "v1", "-m", "x", first)
    assert git.resolve("HEAD") == second
    assert git.resolve("HEAD~1") == git.resolve("v1") == git.resolve(first[:10]) == first
    assert git.merge_base("HEAD", "v1") == first


@pytest.mark.parametrize(
    "revision",
    ["", "nope", "-h", "--all", "--output=x", "HEAD..HEAD", "HEAD:f", "^HEAD", "a b", "x\ny", "x\0y", "HEAD "],
)
def test_a_bad_revision_is_a_clear_error(git: Repository, repo: Repo, revision: str) -> None:
    repo.write("f", "x")
    repo.commit()
    for call in (lambda: git.resolve(revision), lambda: git.changed(revision, WORKTREE)):
        with pytest.raises(KsecretsError) as caught:
            call()
        assert caught.value.message == f"{revision!r} is no commit of this repository"


@pytest.mark.parametrize("batched", [False, True])
def test_blobs(git: Repository, repo: Repo, batched: bool) -> None:
    content = b"a: 1\r\n\x00\xff\n missing\n"
    names = ["a b.yaml", "-x.yaml", "0:f", "é.yaml", ":(glob)x", "new\nline", 'q"uote', "dir/f missing"]
    for name in names:
        repo.write(name, content + os.fsencode(name))
    repo.write("empty", b"")
    repo.git("config", "core.autocrlf", "false")
    commit = repo.commit()
    repo.write("a b.yaml", b"staged")
    repo.git("add", "a b.yaml")
    repo.write("a b.yaml", b"worktree")
    with git.batch() as batch:
        get = batch.blob if batched else git.blob
        for name in names:
            assert get(f"HEAD:{name}") == get(f"{commit}:{name}") == content + os.fsencode(name), name
        assert get("HEAD:empty") == b""
        assert get(":0:a b.yaml") == b"staged"
        blob_id = repo.git("rev-parse", "HEAD:empty").strip()
        assert get(blob_id) == b""
        # What is there but no blob, what is not there, what is no question at all.
        for spec in (
            "HEAD",
            "HEAD:dir",
            "HEAD:absent",
            "nope:f",
            "",
            "-h",
            "--all",
            "0" * 40,
            "a\0b",
            "HEAD:no\nsuch",
            "a b c",
        ):
            assert get(spec) is None, spec
        assert get("HEAD:empty") == b""  # and it goes on after each of them
    assert git.index_blob("a b.yaml") == b"staged"
    assert git.head_blob("a b.yaml") == content + b"a b.yaml"
    assert git.index_blob("0:f") == content + b"0:f"
    assert git.index_blob("absent") is None


def test_a_batch_of_many_and_large_blobs_in_one_process(
    git: Repository, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(300):
        repo.write(f"f{at}", str(at) * (1 if at else 1_000_000))
    repo.commit()
    started = []
    start = Repository.start
    monkeypatch.setattr(Repository, "start", lambda self, *words: started.append(words) or start(self, *words))
    with git.batch() as batch:
        for at in range(300):
            assert batch.blob(f"HEAD:f{at}") == (str(at) * (1 if at else 1_000_000)).encode()
    assert started == [("cat-file", "--batch")]


def test_a_batch_whose_process_dies_says_so(git: Repository, repo: Repo) -> None:
    repo.write("f", "x")
    repo.commit()
    with git.batch() as batch:
        assert batch.blob("HEAD:f") == b"x"
        assert batch._process is not None
        batch._process.kill()
        batch._process.wait()
        with pytest.raises(KsecretsError, match="git cat-file failed"):
            batch.blob("HEAD:f")
        assert batch.blob("HEAD:f") == b"x"


def test_a_repository_without_a_commit(git: Repository, repo: Repo) -> None:
    repo.write("f", "x")
    repo.git("add", "f")
    assert not git.has_commit()
    assert git.head_blob("f") is None
    assert git.index_blob("f") == b"x"
    assert git.trusted_ref() is None
    assert git.ls_files() == ["f"]
    with pytest.raises(KsecretsError, match="this repository has no commit yet"):
        git.changed("HEAD", WORKTREE)
    ((status, old, new, old_id, new_id),) = git.changed(EMPTY, INDEX)
    assert (status, old, new, old_id) == ("A", None, "f", None)
    assert new_id is not None
    assert git.blob(new_id) == b"x"


# -- lists -------------------------------------------------------------------------------------------------------------


def short(changes: list[tuple[str, str | None, str | None, str | None, str | None]]) -> list[tuple[object, ...]]:
    """The changes, with whether there is an id in place of the id."""
    return [(status, old, new, bool(old_id), bool(new_id)) for status, old, new, old_id, new_id in changes]


def test_changed_between_all_that_can_be_compared(git: Repository, repo: Repo) -> None:
    long = "".join(f"line {at}\n" for at in range(50))
    repo.write("kept", "k")
    repo.write("edited", "1")
    repo.write("gone", "g")
    repo.write("old name", long)
    first = repo.commit("one")
    repo.write("edited", "2")
    repo.write("fresh é\n", "f")
    (repo / "gone").unlink()
    (repo / "old name").rename(repo / "new name")
    second = repo.commit("two")
    expected = [
        ("M", "edited", "edited", True, True),
        ("A", None, "fresh é\n", False, True),
        ("D", "gone", None, True, False),
        ("R", "old name", "new name", True, True),
    ]
    by_new = sorted(expected, key=lambda each: str(each[2] or each[1]))
    assert sorted(short(git.changed(first, second)), key=lambda each: str(each[2] or each[1])) == by_new
    assert git.changed(second, second) == git.changed("HEAD", INDEX) == git.changed(INDEX, WORKTREE) == []
    ((_, _, _, old_id, new_id),) = git.changed(first, "HEAD", ["edited"])
    assert (git.blob(str(old_id)), git.blob(str(new_id))) == (b"1", b"2")

    repo.write("edited", "3")
    assert short(git.changed(INDEX, WORKTREE)) == [("M", "edited", "edited", True, False)]
    assert git.changed("HEAD", INDEX) == []
    repo.git("add", "edited")
    repo.write("edited", "4")
    assert short(git.changed("HEAD", INDEX)) == [("M", "edited", "edited", True, True)]
    assert short(git.changed("HEAD", WORKTREE)) == [("M", "edited", "edited", True, False)]
    (repo / "kept").unlink()
    assert ("D", "kept", None, True, False) in short(git.changed(INDEX, WORKTREE))
    assert len(git.changed(EMPTY, first)) == 4


def test_a_touched_file_has_not_changed_and_nothing_is_locked(git: Repository, repo: Repo) -> None:
    repo.write("f", "x")
    repo.commit()
    os.utime(repo / "f", (1, 1))
    before = (repo / ".git" / "index").read_bytes()
    (repo / ".git" / "index.lock").write_bytes(b"")
    assert git.changed(INDEX, WORKTREE) == git.changed("HEAD", WORKTREE) == []
    assert (repo / ".git" / "index").read_bytes() == before


def test_changed_knows_regular_files_only(git: Repository, repo: Repo) -> None:
    repo.write("becomes-link", "x")
    repo.write("becomes-executable", "x")
    (repo / "link").symlink_to("one")
    (repo / "becomes-file").symlink_to("one")
    first = repo.commit()
    (repo / "becomes-link").unlink()
    (repo / "becomes-link").symlink_to("/etc/passwd")
    (repo / "becomes-file").unlink()
    repo.write("becomes-file", "x")
    (repo / "link").unlink()
    (repo / "link").symlink_to("two")
    (repo / "becomes-executable").chmod(0o755)
    repo.commit()
    assert short(git.changed(first, "HEAD")) == [
        ("M", "becomes-executable", "becomes-executable", True, True),
        ("A", None, "becomes-file", False, True),
        ("D", "becomes-link", None, True, False),
    ]


def test_changed_while_a_merge_conflicts(git: Repository, repo: Repo) -> None:
    repo.write("f", "base\n")
    repo.commit()
    repo.git("switch", "-q", "-c", "side")
    repo.write("f", "side\n")
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.write("f", "main\n")
    repo.commit()
    repo.git("merge", "side", check=False)
    assert ("U", "f", "f", None, None) in git.changed(INDEX, WORKTREE)
    assert git.index_blob("f") is None
    assert git.blob(":3:f") == b"side\n"
    assert git.ls_files() == ["f"]


@pytest.mark.parametrize("many", [False, True])
def test_paths_are_names_and_folders_not_patterns(
    git: Repository, repo: Repo, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    names = ["*.yaml", "a.yaml", "dir/x", "dir/y", "dirt", ":(top)z", "-n", "!n"]
    for name in names:
        repo.write(name, "x")
    first = repo.commit()
    for name in names:
        repo.write(name, "y")
    if many:
        monkeypatch.setattr("ksecrets.repository.repository._MANY", 0)
    for paths, expected in (
        (["*.yaml"], ["*.yaml"]),
        (["dir"], ["dir/x", "dir/y"]),
        (["dir/"], ["dir/x", "dir/y"]),
        ([":(top)z", "-n", "!n"], ["!n", "-n", ":(top)z"]),
        (["absent"], []),
        (["."], sorted(names)),
    ):
        assert git.ls_files(paths) == expected
        assert [new for _, _, new, _, _ in git.changed(first, WORKTREE, paths)] == expected
        assert [name for name, _ in git.tree_files("HEAD", paths)] == expected


def test_a_path_outside_is_a_clear_error(git: Repository, repo: Repo) -> None:
    repo.commit()
    for call in (lambda: git.ls_files(["../x"]), lambda: git.changed("HEAD", WORKTREE, ["/etc"])):
        with pytest.raises(KsecretsError, match="outside repository"):
            call()


def test_untracked_and_ignored_files(git: Repository, repo: Repo) -> None:
    repo.write("tracked", "x")
    repo.write("kept.log", "x")
    repo.commit()
    repo.write(".gitignore", "*.log\n/private/\n")
    repo.write("new é", "x")
    repo.write("a.log", "x")
    assert git.ls_files() == ["kept.log", "tracked"]
    assert git.ls_files(untracked=True) == [".gitignore", "kept.log", "new é", "tracked"]
    assert git.is_ignored("a.log")
    assert git.is_ignored("private/x")
    assert not git.is_ignored("new é")
    assert not git.is_ignored("kept.log")  # tracked files are not ignored
    assert not git.is_ignored("*.txt")
    assert git.is_ignored(":(top)x.log")
    assert not git.is_ignored(":!new")
    with pytest.raises(KsecretsError, match="outside repository"):
        git.is_ignored("../x")


def test_tree_files_of_a_commit(git: Repository, repo: Repo) -> None:
    repo.write("d/é\n", "x")
    (repo / "link").symlink_to("d")
    repo.commit()
    ((name, blob_id),) = git.tree_files("HEAD")
    assert (name, git.blob(blob_id)) == ("d/é\n", b"x")


def test_files_with_a_text(git: Repository, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git.files_with("-kid.1") == []
    repo.write("a/tracked.yaml", "x: -kid.1\n")
    repo.write("other.yaml", "x: -kidx1\n")
    repo.write(".gitignore", "ignored.yaml\n")
    repo.commit()
    repo.write("new file.yaml", "-kid.1")
    repo.write("ignored.yaml", "-kid.1")
    (repo / "b").mkdir()
    monkeypatch.chdir(repo / "b")
    assert git.files_with("-kid.1") == ["a/tracked.yaml", "new file.yaml"]


# -- trusted_ref -------------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(repo: Repo, tmp_path: Path) -> Repository:
    """A clone of `repo`, which has one commit on main."""
    repo.commit()
    subprocess.run(["git", "clone", "-q", str(repo.path), str(tmp_path / "clone")], check=True)
    return Repository(str(tmp_path / "clone"))


def run(git: Repository, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=git.top, check=True, capture_output=True, text=True).stdout


def test_trusted_ref_is_head_where_there_is_no_remote(git: Repository, repo: Repo) -> None:
    repo.commit()
    assert git.trusted_ref() == "HEAD"


def test_trusted_ref_is_the_remotes_default_branch_not_what_is_checked_out(clone: Repository) -> None:
    run(clone, "switch", "-q", "-c", "hostile")
    run(clone, "commit", "-q", "--allow-empty", "-m", "x")
    assert clone.trusted_ref() == "refs/remotes/origin/main"
    assert clone.resolve("refs/remotes/origin/main") != clone.resolve("HEAD")


def test_trusted_ref_follows_the_remotes_head_to_a_branch_of_another_name(clone: Repository) -> None:
    run(clone, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    run(clone, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert clone.trusted_ref() == "refs/remotes/origin/trunk"
    run(clone, "update-ref", "-d", "refs/remotes/origin/trunk")  # a dangling HEAD
    assert clone.trusted_ref() == "refs/remotes/origin/main"


def test_trusted_ref_where_the_remote_has_no_head(clone: Repository) -> None:
    run(clone, "remote", "set-head", "origin", "--delete")
    assert clone.trusted_ref() == "refs/remotes/origin/main"
    run(clone, "update-ref", "refs/remotes/origin/master", "HEAD")
    run(clone, "update-ref", "-d", "refs/remotes/origin/main")
    assert clone.trusted_ref() == "refs/remotes/origin/master"
    run(clone, "update-ref", "-d", "refs/remotes/origin/master")
    assert clone.trusted_ref() is None


def test_trusted_ref_before_the_first_push(git: Repository, repo: Repo) -> None:
    repo.commit()
    repo.git("remote", "add", "origin", "https://example.invalid/x.git")
    # A local branch of the same short name is no substitute.
    repo.git("branch", "origin/main")
    assert git.trusted_ref() is None


def test_trusted_ref_of_several_remotes(clone: Repository) -> None:
    run(clone, "remote", "rename", "origin", "fork")
    assert clone.trusted_ref() == "refs/remotes/fork/main"
    run(clone, "remote", "add", "upstream", "https://example.invalid/x.git")
    run(clone, "update-ref", "refs/remotes/upstream/main", "HEAD")
    assert clone.trusted_ref() is None
    run(clone, "config", "checkout.defaultRemote", "upstream")
    assert clone.trusted_ref() == "refs/remotes/upstream/main"


def test_trusted_ref_can_be_configured(clone: Repository) -> None:
    run(clone, "update-ref", "refs/remotes/origin/release", "HEAD")
    run(clone, "config", "ksecrets.trustedRef", "origin/release")
    assert clone.trusted_ref() == "refs/remotes/origin/release"
    run(clone, "config", "ksecrets.trustedRef", "HEAD")
    assert clone.trusted_ref() in ("HEAD", "refs/heads/main")
    for bad in ("origin/absent", "--all"):
        run(clone, "config", "ksecrets.trustedRef", bad)
        with pytest.raises(KsecretsError, match=r"ksecrets\.trustedRef is '.*', which does not exist here") as caught:
            clone.trusted_ref()
        assert caught.value.hint is not None


# -- configuration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["x", "", "-x", "a b", "a;b #c", '"q"', "c:\\d", "é\n2", " lead "])
def test_configuration_of_this_clone(git: Repository, value: str) -> None:
    assert git.config_get("diff.ksecrets.textconv") is None
    git.config_set("diff.ksecrets.textconv", value)
    assert git.config_get("diff.ksecrets.textconv") == value
    git.config_set("diff.ksecrets.textconv", "other")
    assert git.config_get("diff.ksecrets.textconv") == "other"
    git.config_unset("diff.ksecrets.textconv")
    git.config_unset("diff.ksecrets.textconv")
    assert git.config_get("diff.ksecrets.textconv") is None


def test_the_users_own_configuration_is_not_this_clones(git: Repository, repo: Repo) -> None:
    repo.git("config", "--global", "diff.ksecrets.textconv", "mine")
    assert git.config_get("diff.ksecrets.textconv") is None
    with pytest.raises(KsecretsError, match="git config failed"):
        git.config_set("no-section", "x")


# -- surroundings ------------------------------------------------------------------------------------------------------


def test_the_surroundings_do_not_lead_to_another_repository(
    git: Repository, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("f", "mine")
    repo.commit()
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_NAMESPACE": "x",
        "GIT_PREFIX": "sub/",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_GLOB_PATHSPECS": "1",
        "GIT_TRACE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(other)
    assert git.head_blob("f") == git.index_blob("f") == b"mine"
    assert git.ls_files() == ["f"]
    assert git.changed("HEAD", WORKTREE) == []
    assert git.trusted_ref() == "HEAD"


def test_a_hook_sees_the_index_of_its_commit(repo: Repo) -> None:
    repo.write("a", "1")
    repo.write("b", "1")
    repo.commit()
    repo.write("a", "2")
    repo.write("b", "2")
    repo.git("add", "b")
    root = Path(__file__).resolve().parents[3]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from ksecrets.repository.repository import INDEX, Repository\n"
        f"git = Repository({str(repo.path)!r})\n"
        "print(git.index_blob('a'), git.index_blob('b'), [c[1] for c in git.changed('HEAD', INDEX)], file=sys.stderr)\n"
    )
    (repo / ".git" / "hooks").mkdir(exist_ok=True)
    hook = repo / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{program.replace(chr(39), chr(34))}' 2> seen\n")
    hook.chmod(0o755)
    repo.git("commit", "-q", "-m", "only a", "a")
    assert (repo / "seen").read_text() == "b'2' b'1' ['a']\n"


def test_git_does_not_inherit_identities(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "PATH": "/bin",
        "KSECRETS_AGE_KEY": "AGE-SECRET-KEY-1",
        "SOPS_AGE_KEY": "AGE-SECRET-KEY-1",
        "GIT_DIR": "/x/.git",
        "GIT_CONFIG": "/x",
        "GIT_CONFIG_GLOBAL": "/home/me/.gitconfig",
        "GIT_CONFIG_COUNT": "0",
        "GIT_EXEC_PATH": "/usr/lib/git",
    }
    kept = git_module.environment(given, "/repo/top", "/repo/top/.git")
    assert kept == {
        "PATH": "/bin",
        "GIT_CONFIG_GLOBAL": "/home/me/.gitconfig",
        "GIT_CONFIG_COUNT": "0",
        "GIT_EXEC_PATH": "/usr/lib/git",
        "GIT_CEILING_DIRECTORIES": "/repo",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


def test_a_broken_repository_is_not_the_one_above_it(repo: Repo) -> None:
    repo.write("f", "outer")
    repo.commit()
    (repo / "inner" / ".git").mkdir(parents=True)
    (repo / "inner" / ".git" / "HEAD").write_text("garbage")
    inner = Repository(str(repo / "inner"))
    with pytest.raises(KsecretsError, match="not a git repository"):
        inner.ls_files()
    shutil.rmtree(repo / "inner" / ".git")
    with pytest.raises(KsecretsError, match="not a git repository"):
        inner.blob("HEAD:f")


def test_nothing_that_the_repository_configures_is_started(git: Repository, repo: Repo, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho \"$@\" >> '{witness}'\ncat\n")
    trap.chmod(0o755)
    repo.write(".gitattributes", "*.yaml diff=x\n")
    repo.write("a.yaml", "1\n")
    first = repo.commit()
    repo.write("a.yaml", "2\n")
    repo.commit()
    repo.write("a.yaml", "3\n")
    for name in ("core.fsmonitor", "core.pager", "pager.diff", "diff.external", "diff.x.textconv", "diff.x.command"):
        repo.git("config", name, str(trap))
    witness.unlink(missing_ok=True)
    git.changed(first, "HEAD")
    git.changed("HEAD", WORKTREE)
    git.changed(INDEX, WORKTREE)
    git.ls_files(untracked=True)
    git.tree_files("HEAD")
    git.head_blob("a.yaml")
    git.is_ignored("x")
    git.trusted_ref()
    assert not witness.exists()
    repo.git("status")  # the trap does work
    assert witness.exists()


def test_git_is_not_taken_from_the_working_folder(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("git", "#!/bin/sh\n")
    (repo / "git").chmod(0o755)
    monkeypatch.setattr(git_module, "_found", None)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))
    assert git_module.git() == shutil.which("git", path=os.environ["PATH"].split(os.pathsep, 2)[2])
    monkeypatch.setattr(git_module, "_found", None)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(KsecretsError, match="git is not installed"):
        git_module.git()


def test_a_refusal_of_git_is_told(git: Repository, repo: Repo) -> None:
    (repo / ".git" / "config").write_text("[broken\n")
    with pytest.raises(KsecretsError, match="bad config"):
        git.ls_files()


def test_top_level_needs_no_dear_imports() -> None:
    root = Path(__file__).resolve().parents[3]
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "import ksecrets.repository.repository as r; r.top_level('.'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert not {"re", "typing", "enum", "subprocess", "shutil", "contextlib"} & set(done.stdout.split())
