"""edit: the plaintext of one file, through an editor, and back."""

from __future__ import annotations

import os

from ksecrets.errors import SyntaxRefused
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, policy_for, seal_file, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NEW = "# {path}: every value that is saved here is encrypted\n"


def edit(path: str, editor: Callable[[str, str | None], str], *, session: Session | None = None) -> Encrypted:
    """Edit one encrypted file; a file that does not exist yet is begun.

    editor: gets the plaintext, and the message of what was wrong with it the last time (None at first); gives the new
    plaintext, or raises to give up. It is called again as long as its text is refused (not YAML, or on the list of
    refusals), so no text is lost.

    Where nothing changed, nothing is written (`changed` is False). Raises what reading and writing raise, before the
    editor opens where that can be known.
    """
    session = session or Session()
    if os.path.lexists(path):
        reading = read(path, None, session)
        place, source = reading.place, reading.source
        previous = open_file(reading, session, keep_tokens=True)
        policy_for(place, previous, (), session)
        before = previous.plaintext
    else:
        place, source, previous = session.place(path), None, None
        policy_for(place, None, (), session)
        before = _NEW.format(path=path)
    plaintext = editor(before, None)
    while True:
        if plaintext == before:
            return _unchanged(path, previous.text if previous is not None else "", place.environment)
        try:
            result = seal_file(place, plaintext, session, previous=previous)
        except SyntaxRefused as error:
            plaintext = editor(plaintext, str(error))
            continue
        return store(result, session, source)


def _unchanged(path: str, text: str, environment: str | None) -> Encrypted:
    result = Encrypted(path, text, values=0, readers=(), environment=environment)
    result.changed = False
    return result
