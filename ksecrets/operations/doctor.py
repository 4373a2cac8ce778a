"""doctor: what keeps this machine and this clone from working, each with the command that repairs it.

It looks and changes nothing, asks for no passphrase, and shows no key. Of the files themselves `check` speaks.
"""

from __future__ import annotations

import os
import time

from ksecrets.errors import KsecretsError
from ksecrets.keys.identities import PREFIXES, Identities, keys_path
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Session
from ksecrets.repository import filtering
from ksecrets.repository.setup import attributes, is_set_up
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.operations.people.scope import Scope, Secret

    Severity = Literal["error", "warning"]

CODES = {
    "config": "there is no configuration, or it cannot be read",
    "no-identity": "no private key was found",
    "identity": "a place where a private key should be has none that can be used",
    "key-mode": "a file with private keys can be read by others",
    "opens-nothing": "a private key opens no file here",
    "git": "this is not a git repository",
    "drivers": "git of this clone does not show or merge encrypted files",
    "attributes": ".gitattributes does not name the encrypted files",
    "filter": "plaintext working copies are half set up",
    "left-behind": "a temporary file of a write that was killed",
    "helm-plugin": "another Helm plugin stands in the way",
    "helm-variable": "a variable of helm-secrets changes nothing here",
}
"""Every code and what it means; they are stable."""

_SETTLED = 60  # seconds: a younger temporary file may belong to a process that is at work


class Trouble:
    """One thing that does not work. code: one of `CODES`. fix: the command that repairs it, or what else to do."""

    __slots__ = ("code", "fix", "message", "severity")

    def __init__(self, code: str, severity: Severity, message: str, fix: str) -> None:
        self.code = code
        self.severity: Severity = severity
        self.message = message
        self.fix = fix

    def to_json(self) -> dict[str, str]:
        """As data for `json`."""
        return {"code": self.code, "severity": self.severity, "message": self.message, "fix": self.fix}

    def __repr__(self) -> str:
        return f"<Trouble {self.code}>"


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
    troubles += _modes(session)
    troubles += _identities(session, found, secrets)
    if found is not None:
        troubles += _git(found)
        troubles += _left_behind(found)
    return troubles


def _modes(session: Session) -> list[Trouble]:
    if os.name != "posix":
        return []
    from shlex import quote

    environ = session.environ
    home = environ.get("HOME", "")
    names = [prefix + name for prefix in PREFIXES for name in ("AGE_KEY_FILE", "AGE_SSH_PRIVATE_KEY_FILE")]
    files = [environ.get(name, "") for name in names]
    files = [home + file[1:] if home and file.startswith("~/") else file for file in files]
    files.append(keys_path(environ) or "")
    if home:
        files += [os.path.join(home, ".ssh", name) for name in ("id_ed25519", "id_rsa")]
    troubles = []
    for file in dict.fromkeys(file for file in files if file):
        try:
            status = os.stat(file)
        except OSError:
            continue
        mode = status.st_mode & 0o777
        if status.st_mode & 0o170000 == 0o100000 and mode & 0o077:
            text = f"{file} holds private keys, and others can read it (mode {mode:04o})"
            troubles.append(Trouble("key-mode", "error", text, f"chmod 600 {quote(file)}"))
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
