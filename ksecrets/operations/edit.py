"""edit: the plaintext of one file, through an editor, and back."""

from __future__ import annotations

import os

from ksecrets.errors import AlreadyEncrypted, KsecretsError, RuleViolation, SyntaxRefused, UsageError
from ksecrets.operations.asked import Asked
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, policy_for, prepare, seal_file, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def edit(
    path: str,
    editor: Callable[[str, str | None], str],
    *,
    asked: Asked | None = None,
    input_type: str | None = None,
    session: Session | None = None,
) -> Encrypted:
    """Edit one encrypted file; a file that does not exist yet is begun.

    editor: gets the plaintext, and the message of what was wrong with it the last time (None at first); gives the new
    plaintext, or raises to give up. It is called again as long as its text is refused (not its format, on the list of
    refusals, against the rules), so no text is lost.

    asked: readers and selector of a new file, where no rule names them. input_type: the format, where it is not the one
    that the name of the file says.

    Where nothing changed, nothing is written (`changed` is False). Raises what reading and writing raise, before the
    editor opens where that can be known.
    """
    session = session or Session()
    asked = asked or Asked(environ=session.environ)
    if os.path.lexists(path):
        reading = read(path, None, session, input_type)
        place, source = reading.place, reading.source
        asked = asked.without_variables()
        previous = open_file(reading, session, keep_tokens=True)
        prepare(place, previous, session, asked)
        before = previous.plaintext
        if not before.isascii() and any("\udc80" <= char <= "\udcff" for char in before):
            raise UsageError("a binary file that is no text cannot be edited", file=path, hint="decrypt it to a file")
    else:
        place, source, previous = session.place(path), None, None
        place.type = input_type
        policy_for(place, None, asked, session)
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise KsecretsError("no such folder", file=path)
        before = place.format().blank(path)
    plaintext = editor(before, None)
    while plaintext != before:
        try:
            result = seal_file(place, plaintext, session, previous=previous, asked=asked)
        except (AlreadyEncrypted, RuleViolation, SyntaxRefused) as error:
            plaintext = editor(plaintext, str(error))
            continue
        return store(result, session, source)
    result = Encrypted(
        path, previous.text if previous is not None else "", values=0, readers=(), environment=place.environment
    )
    result.changed = False
    return result
