"""The guard as a hook of this clone, beside the user's own: a hook that is there is kept, and runs behind ours.

Git runs one file a hook. Where there is one already, it gets the name ``pre-commit.user``, untouched, and our file of
a few lines starts the guard, then that one with the same arguments. Running it again changes nothing.

Hooks are looked for where git looks (``git rev-parse --git-path hooks``): worktrees share them, ``core.hooksPath``
counts. Two places are not written to: a folder inside the working tree, whose files go to everybody with paths of this
machine; and one that other repositories share. There the line to add is said.
"""

from __future__ import annotations

import os
import stat

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.repository.process import failed
from ksecrets.start import command
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.repository.repository import Repository

HOOKS = ("pre-commit", "pre-merge-commit")
_MARK = "# written by `ksecrets git setup --hooks`"
_USER = ".user"
_LINE = "ksecrets guard || exit $?"


def install(repo: Repository) -> list[str]:
    """Install the guard; a line for each thing that changed, for the terminal.

    Raises ConfigError where the hooks are not this clone's own, or both names of a hook are taken, and KsecretsError
    where something cannot be written. Nothing of the user's is overwritten.
    """
    folder = _folder(repo)
    changed = []
    for name in HOOKS:
        path = os.path.join(folder, name)
        text = hook(name)
        if os.path.lexists(path) and not _is_ours(path):
            kept = path + _USER
            if os.path.lexists(kept):
                raise ConfigError(
                    f"there is a hook of yours, and {name + _USER} as well: which one is to run behind the guard?",
                    file=path,
                    hint=f"remove one of them, or add this line to yours: {_LINE}",
                )
            _rename(path, kept)
            changed.append(f"kept your {name} hook: it runs behind the guard, as {name + _USER}")
        if os.path.lexists(path) and atomic.read(path).text == text and os.access(path, os.X_OK):
            continue
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise atomic.explained(error, folder, "cannot be made") from None
        if os.path.lexists(path):
            atomic.replace(path, text)
            os.chmod(path, 0o755)
        else:
            atomic.create(path, text, mode=0o777)
        changed.append(f"installed the guard as {name} hook")
    return changed


def hook(name: str) -> str:
    """The text of a hook. It fails where ksecrets is gone: no guard must not look like a guard that found nothing."""
    import shlex

    words = [word.replace("\\", "/") if os.name == "nt" else word for word in command()]
    python, start = shlex.quote(words[0]), shlex.quote(words[-1])
    run = " ".join([python, *words[1:-1], start])
    return (
        "#!/bin/sh\n"
        f"{_MARK}; a hook of yours is {name + _USER}\n"
        f"if ! test -x {python} || ! test -f {start}; then\n"
        "  echo 'the guard of ksecrets is gone from this machine; run `ksecrets git setup --hooks` again,' >&2\n"
        f"  echo 'or remove .git/hooks/{name}' >&2\n"
        "  exit 1\n"
        "fi\n"
        f"{run} guard || exit $?\n"
        f'user="$(dirname -- "$0")/{name + _USER}"\n'
        'if test -x "$user"; then exec "$user" "$@"; fi\n'
    )


def _folder(repo: Repository) -> str:
    """The absolute path of the folder of this clone's hooks."""
    out = _asked(repo, "rev-parse", "--git-path", "hooks")
    folder = os.path.normpath(os.path.join(repo.top, out))
    scoped = _asked(repo, "config", "--show-scope", "--get", "core.hooksPath", unset="")
    scope = scoped.split("\t")[0]
    add = f"add this line to its {HOOKS[0]}: {_LINE}"
    if scope in ("global", "system"):
        raise ConfigError("core.hooksPath is a folder that all your repositories share", file=folder, hint=add)
    real, top = os.path.realpath(folder), os.path.realpath(repo.top)
    own = os.path.realpath(repo.common_dir())
    inside = real.startswith(top + os.sep) and not real.startswith(own + os.sep)
    if inside:
        raise ConfigError("core.hooksPath leads into the working tree, which goes to everybody", file=folder, hint=add)
    return folder


def _asked(repo: Repository, *words: str, unset: str | None = None) -> str:
    process = repo.start(*words)
    out, err = process.communicate()
    if process.returncode == 1 and unset is not None:
        return unset
    if process.returncode != 0:
        raise failed(words[0], err)
    return os.fsdecode(out).rstrip("\n")


def _is_ours(path: str) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return _MARK.encode() in file.read(4096)
    except OSError as error:
        raise atomic.explained(error, path, "cannot be read") from None


def _rename(path: str, new: str) -> None:
    try:
        os.rename(path, new)
    except OSError as error:
        raise KsecretsError(f"cannot be renamed: {os.strerror(error.errno or 0).lower()}", file=path) from None
