"""init, env add, keygen, git setup, helm install-plugin: what is done once; and completion, config schema."""

from __future__ import annotations

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ksecrets.operations.setup import Done

_WARN, _NEXT = "warn", "next"


def init(name: str | None, env: str | None, files: Sequence[str], keyring: bool, pq: bool) -> int | None:
    """The command `init`."""
    return _run(
        lambda session: ksecrets.init(name=name, env=env or "dev", files=files, keyring=keyring, pq=pq, session=session)
    )


def env_add(name: str, machine: str | None, pq: bool, files: Sequence[str], reader: Sequence[str]) -> int | None:
    """The command `env add`. A machine's private key goes to standard output before anything is written."""
    return _run(
        lambda session: ksecrets.env_add(
            name, machine=machine, pq=pq, deliver=streams.write, files=files, readers=reader, session=session
        )
    )


def keygen(output: str | None, keyring: bool, pq: bool) -> int | None:
    """The command `keygen`."""
    return _run(lambda session: ksecrets.keygen(output, keyring=keyring, pq=pq, session=session))


def git_setup(hooks: bool, filter: bool, no_filter: bool) -> int | None:
    """The command `git setup`."""
    if filter and no_filter:
        raise UsageError("either --filter or --no-filter")
    wanted = True if filter else False if no_filter else None
    return _run(lambda session: ksecrets.git_setup(hooks=hooks, filter=wanted, session=session))


def helm_install(force: bool, helm: str | None) -> int | None:
    """The command `helm install-plugin`."""
    from ksecrets.helm.install import install

    for line in install(helm, force=force):
        streams.status(line)
    return None


def helm_uninstall(helm: str | None) -> int | None:
    """The command `helm uninstall-plugin`."""
    from ksecrets.helm.install import uninstall

    for line in uninstall(helm):
        streams.status(line)
    return None


def completion(shell: str) -> int | None:
    """The command `completion`."""
    from click.shell_completion import get_completion_class

    from ksecrets.cli import clickapp

    kind = get_completion_class(shell)
    if kind is None or shell not in ("bash", "zsh", "fish"):
        raise UsageError(f"no completion is known for {shell}", hint="one of bash, zsh, fish")
    streams.write(kind(clickapp.application(), {}, clickapp.PROGRAM, "_KSECRETS_COMPLETE").source())
    return None


def schema() -> int | None:
    """The command `config schema`."""
    from importlib.resources import files

    streams.write((files("ksecrets") / "rules" / "schema.json").read_bytes())
    return None


def _run(work: Callable[[ksecrets.Session], Done]) -> int | None:
    session = ksecrets.Session()
    try:
        done = work(session)
    finally:
        streams.notes(session)
    for label, text in done.lines:
        line = f"{label:<7} {text}"
        if label == _WARN:
            streams.message(line)
        else:
            streams.status(line)
    return None
