"""One process of git: where git is found, what it inherits, and what its failures say.

git sets GIT_DIR, GIT_WORK_TREE, GIT_PREFIX and more for what it starts (hooks, textconv, aliases), and
they may speak of another repository: a superproject, another worktree. They are dropped; git finds the
repository from its working folder, and only there. GIT_INDEX_FILE is kept where it lies in that
repository's own git folder: that is how a hook sees what `git commit FILE` will commit. The user's
GIT_CONFIG_* settings are kept; identities and passwords for keys are not.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import Popen

_OPTIONS = ("--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false")
_KEPT_PREFIXES = (
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_EXEC_PATH",
    "GIT_CONFIG_",
    "GIT_ALLOW_PROTOCOL",
    "GIT_SSH",
    "GIT_SSL_",
    "GIT_PROXY_",
    "GIT_HTTP_",
)
_SECRET_PREFIXES = ("KSECRETS_", "SOPS_")
_found: str | None = None


def start(words: Sequence[str], top: str, inherited: Mapping[str, str]) -> Popen[bytes]:
    """git with these words, in the folder `top`, with pipes to its standard streams; never a shell.

    Raises KsecretsError where git is missing or cannot be started.
    """
    import subprocess

    # check-ignore takes paths literally in any case, and refuses the option.
    literal = () if words[0] == "check-ignore" else ("--literal-pathspecs",)
    argv = [git(), *_OPTIONS, *literal, *words]
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(argv, cwd=top, env=dict(inherited), stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise KsecretsError(f"git cannot be started: {os.strerror(error.errno or 0).lower()}") from None


def environment(given: Mapping[str, str], top: str, git_dir: str) -> dict[str, str]:
    """`given` without what would lead git away from the repository at `top`, and without secrets.

    top and git_dir: absolute paths of its top folder and its git folder.
    """
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(_SECRET_PREFIXES) and (not name.startswith("GIT_") or name.startswith(_KEPT_PREFIXES))
    }
    index = given.get("GIT_INDEX_FILE")
    if index and os.path.dirname(os.path.realpath(index)) == os.path.realpath(git_dir):
        kept["GIT_INDEX_FILE"] = os.path.realpath(index)
    kept["GIT_CEILING_DIRECTORIES"] = os.path.dirname(top)  # a broken repository must not become the one above it
    kept["GIT_TERMINAL_PROMPT"] = "0"
    kept["LC_ALL"] = "C.UTF-8"  # some answers are known by their words only
    return kept


def git() -> str:
    """The absolute path of git, looked up once.

    Entries of PATH that depend on the working folder do not count: a repository could bring its own git.
    """
    global _found
    if _found is None:
        names = ("git.exe", "git.cmd") if os.name == "nt" else ("git",)
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            for name in names if os.path.isabs(folder) else ():
                path = os.path.join(folder, name)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    _found = path
                    return path
        raise KsecretsError("git is not installed", hint="install git, or put its folder on the PATH")
    return _found


def failed(command: str, err: bytes) -> KsecretsError:
    """The error for a `git COMMAND` that printed `err`: git's own words, at most a few lines."""
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    first = lines[0] if lines else "no message"
    for prefix in ("fatal: ", "error: "):
        first = first.removeprefix(prefix)
    return KsecretsError(f"git {command} failed: {first}", details=lines[1:6])
