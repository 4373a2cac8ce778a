"""A session without any identity."""

from __future__ import annotations

from ksecrets.errors import NoIdentity
from ksecrets.operations.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.session import Place
    from ksecrets.values.cipher import DataKey


class Keyless(Session):
    """Opens nothing, whatever identities the environment holds: the file may be a stranger's."""

    __slots__ = ()

    def key_for(self, place: Place) -> Callable[[Metadata], DataKey]:
        """A function that always raises NoIdentity."""

        def none(metadata: Metadata) -> DataKey:
            raise NoIdentity("no identity is used for this")

        return none
