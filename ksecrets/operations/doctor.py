"""doctor: what keeps this machine and this clone from working, each with the command that repairs it.

It looks and changes nothing, asks for no passphrase, and shows no key. Of the files themselves `check` speaks.
"""

from __future__ import annotations

import os
import time

from ksecrets.errors import KsecretsError
from ksecrets.keys.identities import Identities
from ksecrets.operations.people.scope import scope
from ksecrets.operations.permissions import of_keys, of_repository
from ksecrets.operations.session import Session
from ksecrets.operations.trouble import CODES, Trouble
from ksecrets.repository import filtering
from ksecrets.repository.setup import attributes, is_set_up
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.findings import Severity
    from ksecrets.operations.people.scope import Scope, Secret

_SLACK = 300  # seconds: two clocks of which nobody would say that one is wrong
_SETTLED = 60  # seconds: a younger temporary file may belong to a process that is at work


def doctor(*, path: str = ".", session: Session | None = None) -> list[Trouble]:
    """What is wrong on this machine and in the repository around `path`; an empty list where all is well."""
    session = session or Session()
    found: Scope | None = None
    troubles: list[Trouble] = []
    secrets: list[Secret] = []
    try:
        found = scope(session, path)
        secrets = [secret for secret in found.files() if secret.metadata is not None]
    except KsecretsError as error:
        where = f"{error.file}: " if error.file else ""
        troubles.append(Trouble("config", "error", where + error.message, error.hint or "ksecrets check"))
    troubles += of_keys(session)
    troubles += _identities(session, found, secrets)
    if found is not None:
        troubles += of_repository(found, secrets)
        troubles += _clock(found, secrets)
        troubles += _git(found)
        troubles += _left_behind(found)
    return troubles


def _identities(session: Session, found: Scope | None, secrets: list[Secret]) -> list[Trouble]:
    identities = Identities.from_environment({**session.environ, "KSECRETS_PROMPT": "never"})
    mine = list(identities)
    troubles = [
        Trouble("identity", "warning", problem.message, problem.hint or "correct it, or take the variable away")
        for problem in identities.problems
    ]
    if not mine:
        fix = "ksecrets keygen; ksecrets request ENV"
        return [*troubles, Trouble("no-identity", "error", "no private key was found", fix)]
    if found is None or not secrets:
        return troubles
    readers = {
        identity(stanza.service, stanza.fields)
        for secret in secrets
        for stanza in (secret.metadata.stanzas if secret.metadata is not None else ())
    }
    useful = [each for each in mine if each.public is None or identity("age", {"recipient": each.public}) in readers]
    environments = ", ".join(found.config.environments)
    for each in mine:
        if each in useful or each.public is None:
            continue
        name = found.config.name_of("age", {"recipient": each.public})
        who = f" ({name})" if name is not None else ""
        text = f"the key of {each.where}{who} opens none of the {len(secrets)} files here"
        # Somebody may well have keys for several repositories; with none that fits, nothing works.
        severity: Severity = "warning" if useful or each.public.startswith("ssh-") else "error"
        troubles.append(Trouble("opens-nothing", severity, text, f"ksecrets request ENV (one of {environments})"))
    return troubles


def _clock(found: Scope, secrets: list[Secret]) -> list[Trouble]:
    """What was written later than now: by a clock that was ahead, or this one is behind.

    A write never sets `lastmodified` back, and `rotate-after` and `check` count from it. That this clock is ahead
    cannot be seen without asking somebody else.
    """
    from datetime import datetime

    seen: list[tuple[float, str]] = []
    for secret in secrets:
        if secret.metadata is not None:
            seen.append((datetime.fromisoformat(secret.metadata.lastmodified).timestamp(), secret.path))
    if found.repository is not None:
        time_of_head = found.repository.time_of_head()
        seen += [(time_of_head, "the commit at HEAD")] if time_of_head is not None else []
    now = time.time()
    latest, what = max(seen, default=(now, ""))
    if latest <= now + _SLACK:
        return []
    then, here = (time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(each)) for each in (latest, now))
    text = f"{what} was written at {then}, and the clock of this machine says {here}: one of two clocks is wrong"
    return [Trouble("clock", "warning", text, "timedatectl set-ntp true, here or where that was written")]


def _git(found: Scope) -> list[Trouble]:
    repository = found.repository
    if repository is None:
        text = "this is not a git repository: no history, and no record of data keys"
        return [Trouble("git", "warning", text, "git init; ksecrets git setup")]
    troubles = []
    if not is_set_up(repository):
        text = "git of this clone does not show and merge encrypted files through this ksecrets"
        troubles.append(Trouble("drivers", "error", text, "ksecrets git setup"))
    globs = [glob.pattern for environment in found.config.environments.values() for glob in environment.globs]
    if filtering.is_on(repository) and not filtering.is_whole(repository, globs):
        text = "plaintext working copies are on, and not all files are encrypted when git stores them"
        troubles.append(Trouble("filter", "error", text, "ksecrets git setup"))
    file = os.path.join(repository.top, ".gitattributes")
    try:
        before = atomic.read(file).text if os.path.lexists(file) else ""
        missing = attributes(before, globs) != before
    except KsecretsError as error:
        troubles.append(Trouble("attributes", "error", f".gitattributes: {error.message}", error.hint or "see above"))
    else:
        if missing:
            text = ".gitattributes does not say what the configuration says: git may change line ends, or show tokens"
            troubles.append(Trouble("attributes", "error", text, "ksecrets git setup; git add .gitattributes"))
    return troubles


def _left_behind(found: Scope) -> list[Trouble]:
    if found.repository is None:
        return []
    from shlex import quote

    troubles = []
    now = time.time()
    for relative in found.repository.ls_files(untracked=True):
        name = relative.rpartition("/")[2]
        if not (name.startswith(".ksecrets-") and name.endswith(".tmp")):
            continue
        path = os.path.relpath(os.path.join(found.root, *relative.split("/")))
        try:
            age = now - os.lstat(path).st_mtime
        except OSError:
            continue
        if age > _SETTLED:
            text = f"{path} was left behind by a write that was killed; it is part of no file"
            troubles.append(Trouble("left-behind", "warning", text, f"rm -- {quote(path)}"))
    return troubles


__all__ = ["CODES", "Trouble", "doctor"]
