"""resolve: finish a merge of an encrypted file, with a person where both sides changed the same value."""

from __future__ import annotations

from ksecrets.errors import AlreadyEncrypted, KsecretsError, RuleViolation, SyntaxRefused
from ksecrets.operations.merging.merge import finish, open_versions
from ksecrets.operations.merging.plaintext import conflicts, side, with_markers
from ksecrets.operations.merging.versions import find
from ksecrets.operations.reading import read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MARKERS = ("<<<<<<< ", "||||||| ", ">>>>>>> ")


def resolve(path: str, editor: Callable[[str, str | None], str], *, session: Session | None = None) -> Encrypted:
    """Merge a file that git left in conflict, write it, and tell git that it is done.

    editor: as for `edit`; called only where a conflict is left, with the plaintext and conflict markers in it, and
    again as long as markers stand there or the text is refused. The readers are those of the configuration, which must
    be merged already. Whether our driver, git or nobody has tried before makes no difference.

    Raises what reading and writing raise; then nothing was written.
    """
    session = session or Session()
    reading = read(path, None, session)
    place = reading.place
    repository = session.repository(place)
    if repository is None or place.relative is None:
        raise KsecretsError("is not in a git repository", file=path)
    try:
        texts = find(repository, place.relative, reading.text)
    except KsecretsError as error:
        error.file = path
        raise
    versions = open_versions(path, texts.base, texts.ours, texts.theirs, session)
    problem = None
    plaintext = side(versions.segments, "ours")
    asked = conflicts(versions.segments) > 0
    if asked:
        plaintext = editor(with_markers(versions.segments), None)
    while True:
        line = marker_line(plaintext) if asked else None
        try:
            if line is not None:
                raise SyntaxRefused("a conflict marker is left", file=path, line=line)
            result = finish(versions, plaintext, session)
            break
        except (AlreadyEncrypted, RuleViolation, SyntaxRefused) as error:
            if not asked:
                raise
            problem = str(error)
        plaintext = editor(plaintext, problem)
    result.changed = result.text != reading.text
    store(result, session, reading.source)
    if texts.staged:
        repository.add(place.relative)
    return result


def marker_line(text: str) -> int | None:
    """The line, counted from 1, of the first conflict marker that is left, or None."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_MARKERS) or line.rstrip("\r") == "=======":
            return number
    return None
