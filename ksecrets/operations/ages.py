"""How long a data key has been in use."""

from __future__ import annotations

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.session import Place, Session

_DAY = 86_400  # seconds


class Ages:
    """How old data keys are, at least: git is asked once for a whole repository.

    What is known is what the history of HEAD says (the first commit with the key's name) and what the file itself says
    (it was changed under the key); a shallow clone knows less. A file without our block tells the name of no key.
    """

    __slots__ = ("_first", "_now", "_session")

    def __init__(self, session: Session) -> None:
        import time

        self._session = session
        self._now = time.time()
        self._first: dict[str, dict[str, int]] = {}

    def prepare(self, path: str) -> None:
        """Ask git now, before the work is spread over processes."""
        try:
            place = self._session.place(path)
        except KsecretsError:
            return  # said when it is this file's turn
        repository = self._session.repository(place)
        if repository is not None and repository.top not in self._first:
            from ksecrets.repository.bulk import first_seen_kids

            self._first[repository.top] = first_seen_kids(repository)

    def of(self, place: Place, kid: str | None, lastmodified: str) -> int:
        """Full days, at least 0. kid: the name of the data key, where the file tells it. lastmodified: of the file."""
        from datetime import datetime

        known = [datetime.fromisoformat(lastmodified).timestamp()]
        repository = self._session.repository(place)
        if kid is not None and repository is not None:
            first = self._first.get(repository.top, {})
            known += [first[kid]] if kid in first else []
        return max(0, int((self._now - min(known)) / _DAY))
