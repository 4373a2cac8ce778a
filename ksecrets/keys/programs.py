"""Programs of the user's that hold keys: where they may stand."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def find_program(name: str, environ: Mapping[str, str], *, hint: str) -> str:
    """The absolute path of a program in the PATH of `environ`.

    Raises ConfigError where there is none, with `hint`, and where it stands in a relative folder of the PATH: that is
    the working folder, in which a repository puts what it likes.
    """
    suffixes = environ.get("PATHEXT", ".EXE").split(os.pathsep) if os.name == "nt" else [""]
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        for suffix in suffixes:
            path = os.path.join(folder or ".", name + suffix)
            if not os.access(path, os.X_OK) or os.path.isdir(path):
                continue
            if os.path.isabs(folder):
                return path
            raise ConfigError(
                f"{name} stands in a relative folder of the PATH, where a repository could have put it",
                hint="name only absolute folders in PATH",
            )
    raise ConfigError(f"there is no {name} on the PATH", hint=hint)
