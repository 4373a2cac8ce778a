"""ksecrets/gitting/setup.py: .gitattributes and the diff driver, judged by real git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.repository import setup
from ksecrets.repository.repository import Repository
from ksecrets.rules.globs import Glob

if TYPE_CHECKING:
    from tests.conftest import Repo

OURS = "-text diff=ksecrets merge=ksecrets"
SECTION = f"{setup.BEGIN}\n/dev/*.yaml {OURS}\n/prod/*.yaml {OURS}\n{setup.END}\n"
GLOBS = ["dev/*.yaml", "prod/*.yaml"]


@pytest.fixture
def git(repo: Repo) -> Repository:
    return Repository(str(repo.path))


# -- the section of .gitattributes -------------------------------------------------------------------------------------


def test_the_whole_of_a_new_file() -> None:
    assert setup.attributes("", GLOBS) == SECTION


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("* text=auto\n", "* text=auto\n" + SECTION),
        ("* text=auto", "* text=auto\n" + SECTION),
        ("a  b \n\n\n# \x0bé\u2028x\n", "a  b \n\n\n# \x0bé\u2028x\n" + SECTION),
        ("one\n" + SECTION + "two", "one\n" + SECTION + "two"),
        (f"one\n{setup.BEGIN}\nold\n\nolder\n{setup.END}\n\ntwo\n", "one\n" + SECTION + "\ntwo\n"),
        (f"# begin ksecrets, of an earlier version\n{setup.END}", SECTION),
        ("a\r\nb\r\n", "a\r\nb\r\n" + SECTION.replace("\n", "\r\n")),
        ("a\r\n" + SECTION.replace("\n", "\r\n") + "b", "a\r\n" + SECTION.replace("\n", "\r\n") + "b"),
        ("\ufeffa\n", "\ufeffa\n" + SECTION),
    ],
)
def test_every_other_byte_stays_and_a_second_time_changes_nothing(before: str, after: str) -> None:
    assert setup.attributes(before, GLOBS) == after
    assert setup.attributes(after, GLOBS) == after


def test_without_patterns_the_section_goes() -> None:
    assert setup.attributes("a\n" + SECTION + "b\n", []) == "a\nb\n"
    assert setup.attributes("a", []) == "a"


def test_a_pattern_stands_there_once() -> None:
    assert setup.attributes("", ["dev/*.yaml", "/dev/*.yaml", "prod/*.yaml", "dev/*.yaml"]) == SECTION


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"a\n{setup.BEGIN}\nx\n", 2),
        (f"a\n\n{setup.END}\n", 3),
        (f"{setup.END}\n{setup.BEGIN}\n", 1),
        (f"\n{SECTION}{SECTION}", 2),
    ],
)
def test_broken_marks_are_refused(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        setup.attributes(text, GLOBS)
    assert str(caught.value).startswith(f".gitattributes:{line}: ")


PATTERNS = [
    "services/*/dev/secrets*.yaml",
    "secrets.yaml",
    "*.yaml",
    "**/*.k8s.yaml",
    "root/**",
    "a/**/b.yaml",
    "/env/x.yaml",
    "with space/*.yaml",
    'with "quote".yaml',
    "tab\there.yaml",
    "#hash.yaml",
    "!bang.yaml",
    "[attr]x.yaml",
    "[ab]/s?crets.yaml",
    r"literal\*.yaml",
    r"both \*.yaml",
    "é/*.yaml",
    "-text.yaml",
]
PATHS = [
    "services/pay/dev/secrets.yaml",
    "services/pay/dev/secrets.db.yaml",
    "services/pay/dev/sub/secrets.yaml",
    "services/a/b/dev/secrets.yaml",
    "secrets.yaml",
    "sub/secrets.yaml",
    "x.k8s.yaml",
    "deep/er/x.k8s.yaml",
    "root/a",
    "root/a/b",
    "a/b.yaml",
    "a/x/y/b.yaml",
    "env/x.yaml",
    "sub/env/x.yaml",
    "with space/a.yaml",
    'with "quote".yaml',
    "tab\there.yaml",
    "#hash.yaml",
    "!bang.yaml",
    "[attr]x.yaml",
    "ax.yaml",
    "tx.yaml",
    "a/secrets.yaml",
    "c/secrets.yaml",
    "literal*.yaml",
    "literalx.yaml",
    "both *.yaml",
    "both x.yaml",
    "é/a.yaml",
    "-text.yaml",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_git_reads_a_pattern_as_the_rules_do(repo: Repo, pattern: str) -> None:
    repo.write(".gitattributes", setup.attributes("* text\n", [pattern]))
    out = subprocess.run(
        ["git", "check-attr", "-z", "--stdin", "text", "diff"],
        input="\0".join(PATHS).encode(),
        capture_output=True,
        check=True,
        cwd=repo.path,
    )
    assert out.stderr == b""
    fields = out.stdout.decode().split("\0")
    found = {(fields[at], fields[at + 1]): fields[at + 2] for at in range(0, len(fields) - 2, 3)}
    glob = Glob(pattern.lstrip("/"))
    expected = {path: glob.matches(path) for path in PATHS}
    assert any(expected.values())
    for path, matches in expected.items():
        assert found[path, "text"] == ("unset" if matches else "set"), path
        assert found[path, "diff"] == ("ksecrets" if matches else "unspecified"), path


@pytest.mark.parametrize("pattern", ["a\nb", "a\rb", "a\0b"])
def test_a_pattern_cannot_add_a_line(pattern: str) -> None:
    with pytest.raises(ConfigError, match="line break"):
        setup.attribute_pattern(pattern)


# -- set_up ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def start_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ksecrets/__main__.py in a folder that needs every kind of quoting; it shows how it was started."""
    folder = tmp_path / 'it\'s a "$HOME" `x` \\ é;#%'
    folder.mkdir()
    start = folder / "__main__.py"
    start.write_text(
        "import sys\n"
        "print('started', sys.flags.isolated, sys.argv[1:-1], any(p in ('', '.') for p in sys.path))\n"
        "print(open(sys.argv[-1]).read().upper(), end='')\n"
    )
    monkeypatch.setattr(setup, "command", lambda: [os.path.abspath(sys.executable), "-I", "-S", str(start)])
    return start


def test_set_up_says_what_it_did_and_is_idempotent(git: Repository, repo: Repo, start_file: Path) -> None:
    assert not setup.is_set_up(git)
    assert setup.set_up(git, GLOBS) == [
        "wrote .gitattributes (2 patterns)",
        "set the diff and merge drivers of this clone",
    ]
    assert (repo / ".gitattributes").read_text() == SECTION
    assert setup.is_set_up(git)
    assert git.config_get("diff.ksecrets.cachetextconv") == "false"
    before = (repo / ".gitattributes").stat().st_ino, (repo / ".git" / "config").stat().st_mtime_ns
    assert setup.set_up(git, GLOBS) == []
    assert ((repo / ".gitattributes").stat().st_ino, (repo / ".git" / "config").stat().st_mtime_ns) == before
    assert setup.set_up(git, ["dev/*.yaml"]) == ["changed .gitattributes (1 pattern)"]
    git.config_set("diff.ksecrets.cachetextconv", "true")
    assert not setup.is_set_up(git)
    assert setup.set_up(git, ["dev/*.yaml"]) == ["set the diff and merge drivers of this clone"]


def test_a_linked_gitattributes_is_refused(git: Repository, repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept\n")
    (repo / ".gitattributes").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigError, match="symbolic link"):
        setup.write_attributes(git, GLOBS)
    assert (tmp_path / "outside").read_text() == "kept\n"


def test_without_patterns_no_file_is_made(git: Repository, repo: Repo) -> None:
    assert setup.write_attributes(git, []) == []
    assert not (repo / ".gitattributes").exists()


def test_a_program_that_is_not_on_a_disk_cannot_be_set_up(
    git: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ksecrets.start.__file__", str(tmp_path / "absent/start.py"))
    with pytest.raises(KsecretsError, match="not on a disk"):
        setup.set_driver(git)


def test_git_diff_and_log_go_through_the_driver(git: Repository, repo: Repo, start_file: Path) -> None:
    repo.write("dev/a b.yaml", "one\n")
    setup.set_up(git, GLOBS)
    repo.commit()
    # What a hostile branch could bring along, to be imported in place of Python's own.
    repo.write("sitecustomize.py", "raise SystemExit('hijacked')\n")
    repo.write("dev/a b.yaml", "two\n")
    environment = {"PYTHONPATH": str(repo.path), "PYTHONSTARTUP": "x"}
    diff = repo.git("diff", env=environment)
    assert "-ONE\n+TWO\n" in diff
    assert " started 1 ['git', 'textconv'] False\n" in diff
    repo.commit()
    assert "-ONE\n+TWO\n" in repo.git("log", "-p", "-1", env=environment)
    assert (
        "-ONE\n+TWO\n"
        in subprocess.run(["git", "show", "HEAD"], cwd=repo / "dev", capture_output=True, text=True, check=True).stdout
    )
    assert repo.git("notes", "list") == ""
    assert repo.git("for-each-ref", "refs/notes") == ""


def test_worktrees_share_the_driver(git: Repository, repo: Repo, start_file: Path, tmp_path: Path) -> None:
    repo.write("dev/a.yaml", "one\n")
    setup.set_up(git, GLOBS)
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repository(str(tmp_path / "side"))
    assert setup.is_set_up(side)
    (tmp_path / "side" / "dev" / "a.yaml").write_text("two\n")
    out = subprocess.run(["git", "diff"], cwd=side.top, capture_output=True, text=True, check=True).stdout
    assert "-ONE\n+TWO\n" in out


@pytest.mark.parametrize("gone", ["start file", "python"])
def test_a_driver_that_is_gone_does_not_abort_the_diff(
    git: Repository, repo: Repo, start_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    python = tmp_path / "old venv" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    repo.write("-a.yaml", "one\n")
    setup.set_up(git, ["*.yaml"])
    repo.commit()
    repo.write("-a.yaml", "two\n")
    assert "+TWO\n" in repo.git("diff")
    (start_file if gone == "start file" else python).unlink()
    done = subprocess.run(["git", "diff"], cwd=repo.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "-one\n+two\n" in done.stdout
    assert "run its init again" in done.stderr


def test_line_ends_are_left_alone_where_git_would_change_them(git: Repository, repo: Repo, start_file: Path) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.write(".gitattributes", "* text=auto\n")
    repo.write("dev/a.yaml", "one\r\n")
    repo.write("other.txt", "one\r\n")
    setup.set_up(git, GLOBS)
    repo.commit()
    assert git.head_blob("dev/a.yaml") == b"one\r\n"
    assert git.head_blob("other.txt") == b"one\n"  # the counter-test: git does change what is not ours


def test_the_interpreter_of_a_venv_stays_its_own(
    git: Repository, start_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "venv-python"
    os.symlink(sys.executable, link)
    monkeypatch.setattr(sys, "executable", str(link))
    setup.set_driver(git)
    assert str(link) in str(git.config_get("diff.ksecrets.textconv"))
