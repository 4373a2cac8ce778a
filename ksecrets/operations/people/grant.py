"""grant: let somebody read environments, after two people compared a fingerprint."""

from __future__ import annotations

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.operations.people.fingerprint import fingerprint, same
from ksecrets.operations.people.rewrap import Change, carry_out, plan
from ksecrets.operations.people.scope import Scope, scope
from ksecrets.operations.session import Session
from ksecrets.rules import FILE, members
from ksecrets.rules.config import parse
from ksecrets.rules.reading import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ksecrets.operations.rewrap.run import Progress


class Granting:
    """What is to be confirmed: whose key (name, kind, recipient as it is written, fingerprint), for which environments,
    and how many files will be re-wrapped."""

    __slots__ = ("environments", "files", "fingerprint", "kind", "name", "recipient")

    name: str
    kind: str
    recipient: str
    fingerprint: str
    environments: list[str]
    files: int


def grant(
    name: str,
    environments: Sequence[str] = (),
    *,
    confirm: Callable[[Granting], bool] | None = None,
    fingerprint: str | None = None,
    beside: str | None = None,
    path: str = ".",
    progress: Progress | None = None,
    session: Session | None = None,
) -> Change:
    """Move somebody from `pending` to the readers of these environments, and re-wrap all their files. Resumable.

    environments: by default what they asked for; for a recipient, those that they read by the configuration already
    (which finishes what was interrupted). fingerprint: what the key must have, as its owner said it; else `confirm` is
    asked. beside: in an environment with shares, whose group they go into. The configuration is written first, then the
    files; values and data keys stay as they are (other shares make a new data key). progress: called with the numbers
    of files done and of all.

    Raises ConfigError for unknown names, NoIdentity where a file cannot be opened, RuleViolation where the files would
    get other new readers too, KsecretsError where the fingerprint differs or is not confirmed. Nothing was
    written then.
    """
    session = session or Session()
    found = scope(session, path)
    wanted = list(dict.fromkeys(environments)) or _wanted(found, name)
    text = members.grant(found.source.text, name, wanted, beside=beside)
    made = plan(found, text, name, wanted, session, adds=True)
    if made.nothing:
        return made.change
    for _, error in made.closed:
        raise error
    reader = parse(text).recipients[name]
    asked = Granting()
    asked.name, asked.kind, asked.environments, asked.files = name, reader.kind, wanted, len(made.work)
    asked.recipient = " ".join(reader.fields.values())
    asked.fingerprint = _fingerprint(reader)
    if fingerprint is not None:
        if not same(fingerprint, asked.fingerprint):
            raise KsecretsError(
                f"the key of {name} has another fingerprint, so nothing was written",
                file=FILE,
                details=[f"given: {fingerprint.strip()}", f"key:   {asked.fingerprint}"],
                hint="somebody changed the request, or the fingerprint is that of another key",
            )
    elif confirm is None or not confirm(asked):
        raise KsecretsError(
            "not confirmed; nothing was written",
            hint=f"compare {asked.fingerprint} with {name}, then --yes or --fingerprint",
        )
    return carry_out(made, session, progress)


_fingerprint = fingerprint  # the parameter of `grant` has its name


def _wanted(found: Scope, name: str) -> list[str]:
    config = found.config
    waiting = config.pending.get(name)
    if waiting is not None and waiting.wants:
        return list(waiting.wants)
    if waiting is None and name not in config.recipients:
        hint = nearest(name, (*config.pending, *config.recipients)) or f"ksecrets request ENV --name {name}"
        raise ConfigError(f"{name} is neither waiting nor a recipient", file=FILE, hint=hint)
    read = [each for each, known in config.environments.items() if any(reader.name == name for reader in known.readers)]
    if not read:
        raise ConfigError(f"{name} did not ask for an environment", file=FILE, hint=f"ksecrets grant {name} ENV")
    return read
