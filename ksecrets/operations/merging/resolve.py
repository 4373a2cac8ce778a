"""resolve: finish a merge of an encrypted file, with a person where both sides changed the same value."""

from __future__ import annotations

from ksecrets.errors import AlreadyEncrypted, KsecretsError, RuleViolation, SyntaxRefused, Tampered
from ksecrets.files.open import open_text
from ksecrets.operations.merging.atoms import Version
from ksecrets.operations.merging.merge import finish, open_versions
from ksecrets.operations.merging.plaintext import conflicts, side, with_markers
from ksecrets.operations.merging.versions import find
from ksecrets.operations.reading import read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, store
from ksecrets.repository import filtering
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.operations.merging.merge import Versions

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
    if texts.pending:
        _compare(reading.text, versions, path)
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
        if filtering.in_use(repository):
            # The working tree is plaintext here: git stores the same bytes for it again.
            atomic.replace(path, plaintext, expected=atomic.read(path))
            repository.add(place.relative)
    return result


def _compare(text: str, versions: Versions, path: str) -> None:
    """Refuse where the merge without a key says something else than the merge with it: somebody has changed it since.

    It is only compared: what comes out is made of the versions that were merged, each of them verified.
    """
    if conflicts(versions.segments):
        return  # then it is for a person to say what is right
    try:
        opened = open_text(text, data_key_for=lambda _: versions.ours.data_key, ignore_mac=True)
        same = Version(opened.plaintext).values == Version(side(versions.segments, "ours")).values
    except (SyntaxRefused, Tampered):
        same = False
    if not same:
        raise Tampered(
            "was changed after it was merged without a key",
            file=path,
            hint="merge again from a version that opens, and make the change with `ksecrets edit`",
        )


def marker_line(text: str) -> int | None:
    """The line, counted from 1, of the first conflict marker that is left, or None."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_MARKERS) or line.rstrip("\r") == "=======":
            return number
    return None
