"""updatekeys: make the readers of one file those of the rules."""

from __future__ import annotations

from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, seal_file, store


def updatekeys(path: str, *, session: Session | None = None) -> Encrypted:
    """Re-wrap the data key of one file for the readers that the rules name, and write it.

    A new reader gets the data key that is there; where a reader was taken out, or the data key is not known to be ours,
    the file gets a new one and every value a new token. Needs an identity that opens the file.

    Raises as reading and writing do; then nothing was written.
    """
    session = session or Session()
    reading = read(path, None, session)
    opened = open_file(reading, session, keep_tokens=True)
    result = seal_file(reading.place, opened.plaintext, session, previous=opened, same_readers=False)
    return store(result, session, reading.source)
