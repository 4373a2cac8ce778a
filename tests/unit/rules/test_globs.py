"""Patterns against real git: `git ls-files ':(glob)...'` is what says which paths match."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksecrets.errors import ConfigError
from ksecrets.rules.globs import Glob

PATHS = [
    "a", "b.yaml", "x/b.yaml", "a.b/c", "ab/c", "A/x", "x/y/z/b.yaml", "x/y/b.yaml", "x/yy/z", "x/*/z", "x/[a]/q",
    "x/-/q", "x/a-b/q", "x/]/q", "x/\\/q", "x/b.yaml.d/b.yaml", "env/prod/secrets.yaml", "env/dev/secrets.k8s.yaml",
    "services/pay/prod-eu/secrets.yaml", "services/pay/sub/prod-eu/secrets-db.yaml", "\u00e9/\u00e9\u00e9.yaml",
    ".hidden/.x.yaml", "sp ace/t ab", "x/^/q", "x/!/q", "a:b/[:x]/q", "0/1/2/3/4", "aaaa/aaaa/aaaab",
]  # fmt: skip
PATTERNS = [
    "a", "*", "**", "?", "**/*", "*/**", "**/**", "**/b.yaml", "x/**/b.yaml", "x/**", "x/***/z", "x/**b.yaml",
    "x/b**", "**a", "x**/z", "*.yaml", "**/*.yaml", "x/*/z", "x/\\*/z", "x/[a]/q", "x/\\[a\\]/q", "x/[!a]/q",
    "x/[^a]/q", "x/[]]/q", "x/[]a]/q", "x/[a-z]/q", "x/[z-a]/q", "x/[-a]/q", "x/[a-]/q", "x/[\\]]/q", "x/[\\\\]/q",
    "x/[[:alpha:]]/q", "x/[[:punct:]]/q", "x/[[:x]/q", "a:b/[[:]:x]/q", "x/[!/]/q", "x[/]y/z", "x?y/b.yaml",
    "services/*/prod-eu/secrets*.yaml", "services/**/secrets*.yaml", "env/{dev,prod}/secrets.yaml", "??/*",
    "????.yaml", "*/????.yaml", "[[:upper:]]/*", "**/z/**", "**/x/**", "x/y**/z", "**\\/b.yaml", "x/**\\/b.yaml",
    ".hidden/*", "*/.x.yaml", "*hidden/*", "**/**/**/**/b.yaml", "sp*/t*", "[0-9]/**", "**/[0-3]/**", "x/[^]/q",
    "x/[!^]/q", "x/[a-a-z]/q", "[a-\\b].yaml", "x/[[-b]a]/q", "a*a*a*a*/a*a*/a*a*a*b", "x/[[:digit:][:punct:]]/q",
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("globs")
    subprocess.run(["git", "init", "-q", top], check=True)
    index = "".join(f"100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\t{path}\0" for path in PATHS)
    subprocess.run(["git", "update-index", "-z", "--index-info"], input=index.encode(), cwd=top, check=True)
    return top


def git_says(repository: Path, pattern: str) -> set[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", f":(top,glob){pattern}"],
        cwd=repository,
        capture_output=True,
        check=True,
        env={**os.environ, "GIT_LITERAL_PATHSPECS": "0"},
    )
    return {name.decode() for name in done.stdout.split(b"\0") if name}


def we_say(pattern: str) -> set[str]:
    try:
        glob = Glob(pattern)
    except ConfigError:
        return set()
    return {path for path in PATHS if glob.matches(path)}


def literally(pattern: str) -> set[str]:
    """What a pathspec takes besides globbing: the path of that very name, and everything below such a folder."""
    folder = pattern.rstrip("/") + "/"
    return {path for path in PATHS if path == pattern or path.startswith(folder)}


def git_version() -> tuple[int, ...]:
    said = subprocess.run(["git", "--version"], capture_output=True, check=True, text=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])


# Before 2.41 git compared two unrelated pointers here, and took `a**` for `a/**` or not as memory happened to lie.
GIT_IS_UNSURE = re.compile(r"[^/*]\*\*+(/|\\/|$)") if git_version() < (2, 41) else re.compile("(?!)")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_table_agrees_with_git(repository: Path, pattern: str) -> None:
    if not GIT_IS_UNSURE.search(pattern):
        assert we_say(pattern) | literally(pattern) == git_says(repository, pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("x/b**", "x/bcd", True),
        ("x/b**", "x/b/c", False),
        ("x**/z", "xa/z", True),
        ("x**/z", "x/y/z", False),
        ("x//z", "x/z", False),
        ("x/**/", "x/y", False),
    ],
)
def test_what_git_does_not_answer_clearly(pattern: str, path: str, fits: bool) -> None:
    assert Glob(pattern).matches(path) is fits


def test_table_matches_something() -> None:
    matching = [pattern for pattern in PATTERNS if we_say(pattern)]
    assert len(matching) > 40


pieces = st.sampled_from(
    ["*", "**", "***", "?", "/", "**/", "/**", "a", "b", "x", "y", ".", "yaml", "[a-z]", "[!a]", "[", "]", "\\",
     "-", "[^/]", "[]-]", "[[:alpha:]"]
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=8).map("".join))
def test_generated_patterns_agree_with_git(repository: Path, pattern: str) -> None:
    if "//" in pattern or pattern.startswith("/") or pattern.endswith("/") or set(pattern.split("/")) & {".", ".."}:
        return  # git tidies these before it matches
    if GIT_IS_UNSURE.search(pattern):
        return
    assert we_say(pattern) | literally(pattern) == git_says(repository, pattern)


@pytest.mark.parametrize("pattern", ["[a", "x/[", "x\\", "[[:nope:]]", "[!", "[a-", "[\\"])
def test_patterns_that_never_match_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="matches nothing"):
        Glob(pattern)


def test_no_pattern_is_slow() -> None:
    glob = Glob("**/" * 40 + "*a*a*a*a*a*a*a*b")
    path = "a/" * 200 + "a" * 2000
    start = time.perf_counter()
    assert not glob.matches(path)
    assert glob.matches(path + "b")
    assert time.perf_counter() - start < 2


def test_undecodable_names_do_not_break_it() -> None:
    assert Glob("*/x").matches("\udcff/x")
