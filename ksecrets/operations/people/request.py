"""request: ask to read an environment. Writes a name and a public key down, and opens nothing."""

from __future__ import annotations

from ksecrets import keys
from ksecrets.errors import ConfigError, UsageError
from ksecrets.operations.own import own_recipients, person_name
from ksecrets.operations.people.fingerprint import fingerprint
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Session
from ksecrets.rules import members
from ksecrets.rules.config import parse
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.rules.policy import Kind

_SSH = ("ssh-ed25519", "ssh-rsa")


class Requested:
    """name: of who asks. environment: what for. recipient: their public key. fingerprint: of it, for the telephone.

    written: False where the request stood there already.
    """

    __slots__ = ("environment", "fingerprint", "name", "recipient", "written")

    def __init__(self, name: str, environment: str, recipient: str, fingerprint: str, *, written: bool) -> None:
        self.name = name
        self.environment = environment
        self.recipient = recipient
        self.fingerprint = fingerprint
        self.written = written


def request(
    environment: str,
    *,
    name: str | None = None,
    age: str | None = None,
    ssh_key: str | None = None,
    ssh_text: str | None = None,
    machine: bool = False,
    path: str = ".",
    session: Session | None = None,
) -> Requested:
    """Write `pending: {NAME: {age: ..., wants: [ENV]}}` into the configuration around `path`; comments are kept.

    name: by default from git or the system. age: a recipient; ssh_key: a file of ssh public keys (also what a git host
    shows of somebody's keys), of which the first that age can use is taken, ssh_text: its content where it was read
    already; by default the identity at hand, of which only the public half is looked at. machine: it is a machine's
    key.

    Raises ConfigError where there is no configuration, no key, or the name stands for another one.
    """
    session = session or Session()
    found = scope(session, path)
    if age is not None and ssh_key is not None:
        raise UsageError("one key: --age or --ssh-key")
    if ssh_key is not None:
        recipient = _ssh(ssh_key, atomic.read(ssh_key).text if ssh_text is None else ssh_text)
    elif age is not None:
        recipient = age.strip()
    else:
        own = own_recipients(session)
        if not own:
            raise ConfigError("no identity is at hand", hint="ksecrets keygen, or give --age RECIPIENT")
        recipient = own[0]
    keys.recipient("age", {"recipient": recipient})
    if name is None:
        if found.repository is None:
            raise UsageError("outside of git, a name is needed", hint="--name NAME")
        name = person_name(found.repository, session)
    kind: Kind = "machine" if machine else "person"
    text = members.add_pending(found.source.text, name, recipient, environment, kind)
    written = text != found.source.text
    if written:
        for note in atomic.replace(found.file, text, expected=found.source):
            session.note(note, found.file)
        session.rules_changed()
    reader = parse(text).pending[name].reader
    return Requested(name, environment, recipient, fingerprint(reader), written=written)


def _ssh(file: str, text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    for kind in _SSH:
        for line in lines:
            if line.split(" ", 1)[0] == kind:
                return " ".join(line.split()[:3])  # type, key and the first word of the remark
    if any("PRIVATE KEY" in line for line in lines):
        raise ConfigError("this is a private key; its public half is wanted", file=file, hint=f"--ssh-key {file}.pub")
    raise ConfigError("no ssh-ed25519 or ssh-rsa public key is in it", file=file)
