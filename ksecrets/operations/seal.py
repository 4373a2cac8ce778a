"""seal: put a seal on a file that lost it, after somebody has looked at what was done to it.

A file that is sealed in git and not here was written by sops, or by somebody who took the seal off and then changed
what sops's MAC does not see. No write goes on from there by itself (docs/threat-model.md); this is the way back.
"""

from __future__ import annotations

from ksecrets.operations.diffview import render
from ksecrets.operations.known import identities_of, lost_seal
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, seal_file, store
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.files.open import Opened
    from ksecrets.operations.session import Place


def seal(
    path: str, *, confirm: Callable[[str], bool], input_type: str | None = None, session: Session | None = None
) -> Encrypted:
    """Seal one encrypted file as it is now, for the readers of the rules, and write it.

    confirm: gets what changed since the last sealed version that git has, as text without values; says whether that is
    right. Without such a version it gets a line that says so. Where it says no, and for a file that is sealed already,
    nothing is written (`changed` is False). input_type: the format, where it is not the one that the name says.

    Raises what reading and writing raise; Tampered, too, where sops's own MAC does not hold.
    """
    session = session or Session()
    reading = read(path, None, session, input_type)
    place = reading.place
    opened = open_file(reading, session, keep_tokens=True, unsealed=True)
    if opened.sealed or not confirm(_difference(place, opened, session) + _readers(place, opened)):
        result = Encrypted(path, reading.text, values=opened.values, readers=(), environment=place.environment)
        result.changed = False
        return result
    result = seal_file(place, opened.plaintext, session, previous=opened, same_readers=False, confirmed=True)
    return store(result, session, reading.source)


def _difference(place: Place, opened: Opened, session: Session) -> str:
    """What changed since the last sealed version, without values."""
    ref = lost_seal(place, session)
    repository = session.repository(place)
    raw = repository.blob(f"{ref}:{place.relative}") if ref is not None and repository is not None else None
    if raw is None:
        return f"{place.path}: git has no sealed version of it to compare with; {opened.values} values get a seal\n"
    from ksecrets.operations.diff import Side, compare_sides

    before = Side(str(ref), raw.decode("utf-8"), True)
    after = Side("here", opened.text, True)
    return render([compare_sides(place, before, after, session)], redact=True)


def _readers(place: Place, opened: Opened) -> str:
    """A line where sealing changes the readers, too."""
    if place.policy is None:
        return ""
    wanted = {identity(reader.service, reader.fields) for reader in place.policy.recipients}
    if wanted == identities_of(opened.metadata):
        return ""
    return f"  ! readers will be {', '.join(place.names(place.policy.recipients))}, as the rules say\n"
