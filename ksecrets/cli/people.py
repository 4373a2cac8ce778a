"""request, grant, revoke, exposure, access: who reads what, and what the terminal says of it."""

from __future__ import annotations

import ksecrets
from ksecrets.cli import streams
from ksecrets.cli.progress import Progress
from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ksecrets.operations.people.grant import Granting
    from ksecrets.operations.people.rewrap import Change


def request(env: str, name: str | None, age: str | None, ssh_key: str | None, machine: bool) -> int | None:
    """The command `request`."""
    session = ksecrets.Session()
    keys = streams.read_stdin() if ssh_key == "-" else None
    try:
        done = ksecrets.request(
            env, name=name, age=age, ssh_key=ssh_key, ssh_text=keys, machine=machine, session=session
        )
    finally:
        streams.notes(session)
    state = "asks for" if done.written else "has asked for"
    streams.status(f"config  {done.name} {state} {done.environment}; nothing is opened yet")
    streams.status(f"key     {done.fingerprint}")
    streams.status(
        f"next    commit .ksecrets.yaml, and tell whoever runs `ksecrets grant {done.name}` this fingerprint"
    )
    return None


def grant(name: str, envs: Sequence[str], fingerprint: str | None, beside: str | None, yes: bool) -> int | None:
    """The command `grant`."""
    session = ksecrets.Session()

    def confirm(asked: Granting) -> bool:
        streams.notes(session)
        streams.message(f"{asked.name} ({asked.kind}) {_short(asked.recipient)}")
        streams.message(f"is to read {', '.join(asked.environments)}: {files(asked.files)}")
        if yes:
            streams.message(f"{asked.name} {asked.fingerprint}")
            return True
        return streams.asked(f"{asked.name} {asked.fingerprint} confirmed out of band? [y/N] ")

    done = run(
        session,
        lambda shown: ksecrets.grant(
            name, envs, confirm=confirm, fingerprint=fingerprint, beside=beside, progress=shown, session=session
        ),
    )
    if not (done.configured or done.files or done.failed or done.left):
        streams.status(f"{name} reads {', '.join(done.environments)} already, and every file says so")
    else:
        streams.status(f"{files(len(done.files))} re-wrapped, 0 values changed")
    return rest(done)


def revoke(name: str, envs: Sequence[str], yes: bool) -> int | None:
    """The command `revoke`."""
    session = ksecrets.Session()

    def confirm(change: Change, count: int) -> bool:
        streams.notes(session)
        where = ", ".join(envs) or "every environment, and the configuration"
        streams.message(f"{name} is taken out of {where}: {files(count)} to get a new data key")
        return yes or streams.asked("go on? [y/N] ")

    done = run(session, lambda shown: ksecrets.revoke(name, envs, confirm=confirm, progress=shown, session=session))
    if not (done.configured or done.files or done.failed or done.closed or done.left):
        streams.status(f"{name} reads nothing there, by configuration and by files")
        return None
    if done.files:
        streams.status(f"{files(len(done.files))} got a new data key ({done.new_keys})")
    code = rest(done)
    streams.message(f"next    {name} knows what was there: ksecrets exposure {name}")
    return code


def exposure(name: str, json: bool) -> int | None:
    """The command `exposure`: the checklist goes to standard output, as Markdown."""
    from ksecrets.cli.report import as_json
    from ksecrets.operations.people.exposure import render

    session = ksecrets.Session()
    try:
        found = ksecrets.exposure(name, session=session)
    finally:
        streams.notes(session)
    streams.write(as_json(found.to_json()) if json else render(found))
    return None


def access(json: bool, html: str | None) -> int | None:
    """The command `access`."""
    from ksecrets.cli.report import as_json
    from ksecrets.operations.people.accesspage import page
    from ksecrets.operations.people.accesstable import table

    session = ksecrets.Session()
    try:
        found = ksecrets.access(session=session)
    finally:
        streams.notes(session)
    if html is not None:
        import os
        import time

        from ksecrets.storage import atomic

        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        text = page(found, title=os.path.basename(os.path.realpath(".")), made=made)
        if html == "-":
            streams.write(text)
        else:
            for note in atomic.write(html, text):
                streams.message(f"note: {html}: {note}")
            streams.status(f"wrote {html}")
    if json:
        streams.write(as_json(found.to_json()))
    elif html is None:
        streams.write(table(found))
    return None


def run(session: ksecrets.Session, work: Callable[[Callable[[int, int], None] | None], Change]) -> Change:
    """A change of readers, with a bar while it goes on, and the remarks that it made."""
    try:
        with Progress() as shown:
            done = work(shown)
    finally:
        # A data key is new because it was asked for, and for each file: that is said once, with the count.
        session.notes[:] = [note for note in session.notes if not note.endswith(": the file gets a new data key")]
        streams.notes(session)
    if done.configured:
        streams.status("config  changed .ksecrets.yaml")
    return done


def rest(done: Change) -> int | None:
    """What is left to do, by whom."""
    for path in done.plaintext:
        streams.message(f"{streams.coloured('note:', streams.YELLOW, None)} {path}: is plaintext, and stays so")
    for _, problem in done.failed:
        streams.error(problem)
    if done.left:
        streams.message(f"{files(done.left)} left; `ksecrets check` names them, and the same command goes on")
    if done.failed:
        streams.message(f"{files(len(done.failed))} failed; `ksecrets check` names them, and the same command goes on")
    if done.closed:
        streams.error(
            KsecretsError(
                f"no identity at hand opens {files(len(done.closed))}: the change is prepared, not done",
                details=[*done.closed[:20], *(["..."] if len(done.closed) > 20 else [])],
                hint="`ksecrets check` stays red until somebody with access runs: ksecrets updatekeys "
                + (" ".join(done.closed) if len(done.closed) <= 3 else "FILE..."),
            )
        )
    return done.exit_code or None


def files(count: int) -> str:
    """A number of files, in words."""
    return "1 file" if count == 1 else f"{count} files"


def _short(recipient: str) -> str:
    return recipient if len(recipient) <= 72 else f"{recipient[:40]}...{recipient[-24:]}"
