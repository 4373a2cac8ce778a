"""updatekeys: make the readers of files those of the rules."""

from __future__ import annotations

from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, seal_file, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.rewrap.result import TreeReport
    from ksecrets.operations.rewrap.run import Progress


def updatekeys(path: str, *, input_type: str | None = None, session: Session | None = None) -> Encrypted:
    """Re-wrap the data key of one file for the readers that the rules name, and write it.

    A new reader gets the data key that is there; where a reader was taken out, or the data key is not known to be ours,
    the file gets a new one and every value a new token. Needs an identity that opens the file. input_type: its format,
    where it is not the one that its name says.

    Raises as reading and writing do; then nothing was written.
    """
    session = session or Session()
    reading = read(path, None, session, input_type)
    opened = open_file(reading, session, keep_tokens=True)
    result = seal_file(reading.place, opened.plaintext, session, previous=opened, same_readers=False)
    return store(result, session, reading.source)


def updatekeys_all(
    paths: Sequence[str] = (),
    *,
    env: str | None = None,
    changed_since: str | None = None,
    input_type: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    session: Session | None = None,
) -> TreeReport:
    """`updatekeys` for files and what is below folders; without paths for the repository around the working folder.

    env, changed_since: only the files of an environment; only those that differ from a revision. input_type: the format
    of files that are named, where it is not the one that their names say. dry_run: say what would change, from
    metadata, and write nothing. progress: called with the numbers of files done and of all.

    Files that are in order are not opened, so no key is needed for them. Each file is written atomically; one that
    fails does not stop the others, and is in the report. Uses several processes on Linux.

    Raises KsecretsError where a path does not exist or the configuration cannot be used.
    """
    from ksecrets.operations.rewrap.run import run
    from ksecrets.operations.rewrap.selection import refuse_type_of_trees, select

    session = session or Session()
    selected = select(paths, session, env=env, changed_since=changed_since)
    refuse_type_of_trees(input_type, selected)
    return run(
        selected,
        session,
        refine=lambda *_: None,
        write=lambda path: updatekeys(path, input_type=input_type, session=session),
        input_type=input_type,
        dry_run=dry_run,
        progress=progress,
    )
