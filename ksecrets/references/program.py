"""Programs of the user that know more services: vals, and how one is run."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ksecrets.references.expression import Reference
    from ksecrets.references.resolve import References

_SECONDS = 120


def ask_vals(references: References, reference: Reference) -> object:
    """A reference to a service that we do not know, by the user's own vals."""
    argv = [references.vals, "get", f"ref+{reference.text}"]
    environ = references.session.child_environment()
    out = run(argv, environ, f"a reference to {reference.service}", "install vals (github.com/helmfile/vals)")
    try:
        return out.decode()
    except UnicodeDecodeError:
        pass
    raise KsecretsError(f"what a reference to {reference.service} gives is not UTF-8 text")


def run(argv: Sequence[str], environ: Mapping[str, str], what: str, hint: str) -> bytes:
    """The standard output of a program; its standard error is the user's to see.

    Raises KsecretsError where it is not there, is found in a relative folder of the PATH (which is the repository's),
    fails, or takes too long.
    """
    import shutil
    import subprocess

    name = argv[0]
    program = shutil.which(name, path=environ.get("PATH"))
    if program is None or (os.path.dirname(name) == "" and not os.path.isabs(program)):
        raise KsecretsError(f"{what} needs {name}, which is not on the PATH", hint=hint)
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise KsecretsError(f"{what}: {name} does not answer in {_SECONDS} s") from None
    except OSError as error:
        raise KsecretsError(f"{what}: cannot start {name}: {error.strerror}", hint=hint) from None
    if done.returncode:
        raise KsecretsError(f"{what}: {os.path.basename(name)} failed (exit {done.returncode})")
    return done.stdout
