"""From one configuration to another, with the files: the change that `grant` and `revoke` share.

The configuration is written first, as one atomic step, then each file. A kill in between leaves a configuration that
says what is meant, and files that do not agree with it yet: `check` names each of them, nothing is written to them
meanwhile, and the same command (or `updatekeys`) finishes the work. The other way round, files would be open to
somebody whom no configuration names. The files are the work of `updatekeys` over a tree (operations/rewrap): in several
processes, and an interrupt ends it between two files.
"""

from __future__ import annotations

from ksecrets.errors import EXIT_INTERRUPTED, KsecretsError, NoIdentity, RuleViolation
from ksecrets.operations.known import identities_of
from ksecrets.operations.reading import check_environment
from ksecrets.operations.updatekeys import updatekeys_all
from ksecrets.operations.writing import same_groups
from ksecrets.rules import FILE
from ksecrets.rules.config import parse
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ksecrets.operations.people.scope import Scope, Secret
    from ksecrets.operations.rewrap.run import Progress
    from ksecrets.operations.session import Place, Session
    from ksecrets.rules.policy import Reader


class Change:
    """What a change of readers did.

    name: whose. environments: which. configured: the configuration was written. files: paths that were re-wrapped,
    in order. new_keys: how many of them got a new data key. closed: paths that no identity at hand opens; the change is
    prepared, and somebody else finishes it. failed: (path, error) of files that could not be written. left: how many an
    interrupt left as they were. plaintext: files of the environments that are not encrypted at all.
    """

    __slots__ = ("closed", "configured", "environments", "failed", "files", "left", "name", "new_keys", "plaintext")

    def __init__(self, name: str, environments: Collection[str]) -> None:
        self.name = name
        self.environments = list(environments)
        self.configured = False
        self.files: list[str] = []
        self.new_keys = 0
        self.closed: list[str] = []
        self.failed: list[tuple[str, KsecretsError]] = []
        self.left = 0
        self.plaintext: list[str] = []

    @property
    def exit_code(self) -> int:
        """0 where everything is done, that of an interrupt, or that of the first thing that is not done."""
        if self.left:
            return EXIT_INTERRUPTED
        if self.failed:
            return self.failed[0][1].exit_code
        return NoIdentity("").exit_code if self.closed else 0


class Plan:
    """What is to be done, looked at before anything is written.

    text: the new configuration. work: the files whose readers are to change. closed: those among them that no
    identity at hand opens, with the error of the first.
    """

    __slots__ = ("change", "closed", "scope", "text", "work")

    def __init__(self, scope: Scope, text: str, name: str, environments: Collection[str]) -> None:
        self.scope = scope
        self.text = text
        self.work: list[Secret] = []
        self.closed: list[tuple[Secret, KsecretsError]] = []
        self.change = Change(name, environments)

    @property
    def nothing(self) -> bool:
        """Whether configuration and files are as they should be already."""
        return self.text == self.scope.source.text and not self.work


def plan(scope: Scope, text: str, name: str, environments: Collection[str], session: Session, *, adds: bool) -> Plan:
    """Look at every file of the environments under the new configuration; nothing is written.

    adds: `name` may be added to files; nobody else ever is. Whoever stands in the configuration and not in the files
    was put there by somebody else, perhaps in this very branch, and this command's user said nothing about them.

    Raises RuleViolation where a file would get another new reader, Tampered for a file of another environment, and
    ConfigError for a configuration that does not hold.
    """
    made = Plan(scope, text, name, environments)
    config = parse(text, FILE)
    own = _key(config.recipients.get(name)) if adds else None
    strangers: dict[str, list[str]] = {}
    places: list[Place] = []
    for secret in scope.files(environments):
        policy = config.policy(secret.relative)
        if policy is None:
            continue
        if secret.metadata is None:
            made.change.plaintext.append(secret.path)
            continue
        wanted = {_key(reader): reader.name for reader in policy.recipients}
        there = identities_of(secret.metadata)
        if same_groups(secret.metadata, policy):
            continue
        for key in wanted.keys() - there - {own}:
            strangers.setdefault(wanted[key], []).append(secret.path)
        made.work.append(secret)
        places.append(session.place(secret.path))
        try:
            check_environment(secret.metadata, places[-1], session)
        except KsecretsError as error:
            raise error.at(secret.path) from None
    if strangers:
        raise RuleViolation(
            f"the configuration has more new readers than {name}, so nothing was written",
            file=scope.file,
            details=[
                f"{who}: cannot read {files[0]}" + (f" and {len(files) - 1} more" if files[1:] else "")
                for who, files in sorted(strangers.items())
            ],
            hint=f"ksecrets grant {min(strangers)}, or take them out of the configuration",
        )
    session.open_ahead([secret.path for secret in made.work])
    for secret, place in zip(made.work, places, strict=True):
        assert secret.metadata is not None
        try:
            session.key_for(place)(secret.metadata)
        except NoIdentity as error:
            made.closed.append((secret, error.at(secret.path)))
        except KsecretsError as error:
            raise error.at(secret.path) from None
    return made


def carry_out(plan: Plan, session: Session, progress: Progress | None = None) -> Change:
    """Write the configuration, then every file that can be opened; what fails is told, and the others go on.

    progress: called with the numbers of files done and of all.
    """
    change = plan.change
    scope = plan.scope
    if plan.text != scope.source.text:
        for note in atomic.replace(scope.file, plan.text, expected=scope.source):
            session.note(note, scope.file)
        change.configured = True
        session.rules_changed()
    closed = {secret.path for secret, _ in plan.closed}
    change.closed = sorted(closed)
    paths = [secret.path for secret in plan.work if secret.path not in closed]
    if not paths:
        return change
    report = updatekeys_all(paths, progress=progress, session=session)
    for result in report.files:
        if result.error is not None:
            change.failed.append((result.path, result.error))
        elif result.status == "changed":
            change.files.append(result.path)
            change.new_keys += result.new_key
    change.left = report.left
    return change


def _key(reader: Reader | None) -> tuple[object, ...] | None:
    return identity(reader.service, reader.fields) if reader is not None else None
