"""recovery: a key that lies in a safe for the day on which all others are lost, and the proof that it opens all."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError, NotEncrypted, UsageError
from ksecrets.keys.age import keygen as generator
from ksecrets.keys.identities import VARIABLES
from ksecrets.operations.decrypt import decrypt
from ksecrets.operations.people.rewrap import Change, carry_out, plan
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Session
from ksecrets.rules import FILE, edit, members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.operations.rewrap.run import Progress


class Tested:
    """What a recovery key opens. opened: number of files, with MAC and seal. failed: (path, error) of all others.
    plaintext: files of environments that are not encrypted at all."""

    __slots__ = ("failed", "opened", "plaintext")

    def __init__(self) -> None:
        self.opened = 0
        self.failed: list[tuple[str, KsecretsError]] = []
        self.plaintext: list[str] = []


def recovery_add(
    name: str | None = None,
    *,
    passphrase: str,
    deliver: Callable[[str], None],
    pq: bool = False,
    path: str = ".",
    progress: Progress | None = None,
    session: Session | None = None,
) -> Change:
    """Make an age key that reads every environment, hand it out once, and re-wrap all files.

    name: in the configuration; by default the first of `recovery-1`, `recovery-2`... that is free. passphrase: what the
    key is encrypted under (as `age -p` does). deliver: gets the armored age file, before anything is written; it is
    kept nowhere. pq: it is post-quantum. Then the configuration is written (`defaults.readers`), then the files, as
    `grant` does it. progress: called with the numbers of files done and of all.

    Raises NoIdentity where a file cannot be opened, RuleViolation where files would get other new readers; then no key
    was handed out and nothing was written. What an interruption leaves, `grant NAME` finishes.
    """
    session = session or Session()
    found = scope(session, path)
    if not passphrase:
        raise UsageError("a recovery key needs a passphrase")
    if name is None:
        numbers = (f"recovery-{number}" for number in range(1, len(found.config.recipients) + 2))
        name = next(each for each in numbers if each not in found.config.recipients)
    if name in found.config.recipients or name in found.config.groups:
        raise ConfigError(f"{name} is in the configuration already", file=FILE, hint="choose another name")
    import pyrage

    identity = generator.generate(pq=pq)
    text = edit.add_recipient(found.source.text, name, {"age": identity.public}, "recovery")
    text = members.add_default_reader(text, name)
    made = plan(found, text, name, list(found.config.environments), session, adds=True)
    for _, error in made.closed:
        raise error
    try:
        locked = pyrage.passphrase.encrypt(identity.text.encode("ascii"), passphrase, armored=True)
    except UnicodeEncodeError:
        raise UsageError("the passphrase is not UTF-8 text") from None
    deliver(bytes(locked).decode("ascii"))
    return carry_out(made, session, progress)


def recovery_test(identity: str, *, text: str | None = None, path: str = ".", session: Session | None = None) -> Tested:
    """Open every file of every environment with the key in a file, and with no other; nothing is written or shown.

    identity: the path of an age identity file, `text` its content where it was read already. A passphrase is asked for,
    or got from KSECRETS_PASSPHRASE_CMD. Raises KsecretsError where there is no such file.
    """
    session = session or Session()
    if text is None and not os.path.exists(identity):
        raise KsecretsError("no such file", file=identity)
    kept = {key: value for key, value in session.environ.items() if key not in _OTHERS}
    key = {"KSECRETS_AGE_KEY_FILE": os.path.abspath(identity)} if text is None else {"KSECRETS_AGE_KEY": text}
    alone = Session({**kept, **key, "KSECRETS_KEYRING": "0"})
    result = Tested()
    for secret in scope(alone, path).files():
        if secret.metadata is None:
            result.plaintext.append(secret.path)
            continue
        try:
            decrypt(secret.path, session=alone)
        except NotEncrypted:
            result.plaintext.append(secret.path)
        except KsecretsError as error:
            result.failed.append((secret.path, error.at(secret.path)))
        else:
            result.opened += 1
    return result


# Every other place where a key could come from: variables, and the folders that are found through them.
_OTHERS = frozenset(VARIABLES - {"KSECRETS_PASSPHRASE_CMD"}) | {"HOME", "XDG_CONFIG_HOME", "AppData", "APPDATA"}
