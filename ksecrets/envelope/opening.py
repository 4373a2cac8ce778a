"""How far the data keys of files are open: what is at hand opens first, then services on a network are asked, side by
side, for just as much as is missing.

A file has one key group, any of whose readers opens it, or several, of which `shamir_threshold` together do. Within a
group services are asked one after the other and only as far as needed, as each question is a line in somebody's audit
log: first the one that opened another file of this run, then in the order of the file, last what said no before. Groups
do not wait for each other, and no file for another.
"""

from __future__ import annotations

from ksecrets.envelope.recipient import DATA_KEY_LENGTH, SHARE_LENGTH
from ksecrets.errors import KsecretsError, Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.envelope.recipient import Identity, Stanza

    Found = tuple[bytes, Identity]


class Opening:
    """The data key of one file, as far as it is open.

    needed: how many groups open it. opened: the secret of a group and the identity that gave it, by the group's
    number. failures: why a reader who should have opened a group did not. Its repr shows nothing of it.
    """

    __slots__ = ("_groups", "_last", "_length", "_questions", "failures", "needed", "opened")

    def __init__(self, metadata: Metadata) -> None:
        self._groups = metadata.groups
        shared = len(metadata.groups) > 1
        self.needed = max(metadata.shamir_threshold or len(metadata.groups), 2) if shared else 1
        self._length = SHARE_LENGTH if shared else DATA_KEY_LENGTH
        self.opened: dict[int, Found] = {}
        self.failures: list[KsecretsError] = []
        self._questions: list[tuple[int, Iterable[Identity]]] = []
        self._last: Identity | None = None

    @property
    def complete(self) -> bool:
        """Whether enough is open for the data key."""
        return len(self.opened) >= self.needed

    @property
    def possible(self) -> int:
        """How many groups are open, or may be when all that is left to ask has answered."""
        return len(self.opened) + len(self._questions)

    def result(self) -> Found:
        """The data key (32 bytes, proven by nothing but the file's MAC), and the identity that opened the last group.

        Only where it is complete. Raises Tampered where the shares do not fit together.
        """
        assert self._last is not None
        shares = [secret for secret, _ in self.opened.values()]
        if len(self._groups) == 1:
            return shares[0], self._last
        from ksecrets.envelope.groups import combine

        return combine(shares), self._last

    def at_hand(self, identities: Iterable[Identity]) -> bool:
        """Try identities that cost nothing, group by group, until there are enough; whether there are."""
        for number, stanzas in enumerate(self._groups):
            if not self.complete and number not in self.opened:
                self.take(number, _open(stanzas, fitting(identities, stanzas), self._length))
        return self.complete

    def prepare(self, remote: Iterable[Identity]) -> bool:
        """Note who is to be asked for the groups that are missing; whether they may be enough. Contacts nobody."""
        for number, stanzas in enumerate(self._groups):
            found = [] if number in self.opened else list(fitting(remote, stanzas))
            if found:
                self._questions.append((number, found))
        return self.possible >= self.needed

    def due(self) -> list[Question]:
        """The questions to be asked now: as many as groups are missing, none where asking can no longer help."""
        missing = self.needed - len(self.opened)
        if missing <= 0 or self.possible < self.needed:
            return []
        now, self._questions = self._questions[:missing], self._questions[missing:]
        return [Question(self, number, self._groups[number], identities, self._length) for number, identities in now]

    def take(self, number: int, came: tuple[Found | None, list[KsecretsError]]) -> None:
        """What came of a group."""
        found, failures = came
        self.failures += failures
        if found is not None:
            self.opened[number] = found
            self._last = found[1]

    def __repr__(self) -> str:
        return f"<Opening {len(self.opened)} of {self.needed}>"


class Question:
    """One group of one file, to be asked for with these identities, one after the other."""

    __slots__ = ("_identities", "_length", "_stanzas", "number", "opening")

    def __init__(
        self, opening: Opening, number: int, stanzas: Sequence[Stanza], identities: Iterable[Identity], length: int
    ) -> None:
        self.opening = opening
        self.number = number
        self._stanzas = stanzas
        self._identities = identities
        self._length = length

    def ask(self) -> tuple[Found | None, list[KsecretsError]]:
        """The secret and who gave it, or None; and why others failed. In any thread."""
        order = sorted(self._identities, key=lambda identity: getattr(identity, "rank", 0))
        return _open(self._stanzas, order, self._length)


def ask_all(openings: Sequence[Opening]) -> None:
    """Ask for what is missing of all these files (after `prepare`), side by side; what fails is in their `failures`.

    Where a group's readers failed, those of another group are asked next. Other exceptions than KsecretsError are
    bugs, and are raised.
    """
    from ksecrets.envelope.parallel import each

    while questions := [question for opening in openings for question in opening.due()]:
        for question, came in zip(questions, each(Question.ask, questions), strict=True):
            if isinstance(came, Exception):
                raise came
            question.opening.take(question.number, came)


def fitting(identities: Iterable[Identity], stanzas: Sequence[Stanza]) -> Iterator[Identity]:
    """Those that may open one of these stanzas, where the source can tell (`for_stanzas`); else all."""
    choose = getattr(identities, "for_stanzas", None)
    return iter(identities) if choose is None else choose(stanzas)


def _open(
    stanzas: Sequence[Stanza], identities: Iterable[Identity], length: int
) -> tuple[Found | None, list[KsecretsError]]:
    failures: list[KsecretsError] = []
    for identity in identities:
        try:
            secret = identity.unwrap(stanzas)
        except KsecretsError as error:
            failures.append(error)
            continue
        if secret is None:
            continue
        if len(secret) != length:
            failures.append(Tampered(f"the wrapped data key has {len(secret)} bytes instead of {length}"))
            continue
        return (secret, identity), failures
    return None, failures
