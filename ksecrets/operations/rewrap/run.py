"""The work over many files: each for itself, atomically; what fails is reported and stops nobody.

Two passes. The first reads metadata and finds what there is to do; it needs no key, so files of an environment that
one cannot open do not matter as long as they are in order. The second opens and writes. A run that was cut short has
written whole files only, and the next one finds just the rest to do.
"""

from __future__ import annotations

from ksecrets.envelope.parallel import LIMIT
from ksecrets.errors import ConfigError, KsecretsError, NotEncrypted
from ksecrets.files.open import read_metadata
from ksecrets.operations.ahead import open_ahead
from ksecrets.operations.reading import check_environment, conflict_line, read, refuse_vanished_rules
from ksecrets.operations.rewrap.outlook import outlook
from ksecrets.operations.rewrap.result import FileResult, TreeReport
from ksecrets.operations.rewrap.workers import WORTH_IT, processes, spread
from ksecrets.storage.together import Staging, Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.rewrap.selection import Selected
    from ksecrets.operations.session import Place, Session
    from ksecrets.operations.writing import Encrypted
    from ksecrets.repository.bulk import Bulk

    Progress: TypeAlias = Callable[[int, int], None]
    """Called with the number of files that are done and that of all; in this process."""
    Refine: TypeAlias = Callable[[FileResult, Place, Metadata], None]
    """Has the last word on what the first pass says of a file."""

_NEW_KEY = "the file gets a new data key"
_WRITERS = 16
_AT_ONCE = 32  # files that a process writes before it asks the disk to have them
_FIRST = 4  # files of the second pass that are done before any fork, until one has found its identity


def run(
    selected: Sequence[Selected],
    session: Session,
    *,
    refine: Refine,
    write: Callable[[str], Encrypted],
    input_type: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> TreeReport:
    """Look at all files, then `write` those that are `planned` after `refine`. input_type: the format of all of them.

    A KeyboardInterrupt ends the run between two files: `interrupted` in the report. Other errors than KsecretsError are
    bugs, and are raised.
    """
    report = TreeReport(dry_run=dry_run)
    earlier, session.notes[:] = list(session.notes), []
    found: list[FileResult | None] = [None] * len(selected)
    session.hold_places(True)
    repositories = _in_bulk(selected, session)
    together = Together()
    done = 0

    def came(index: int, result: FileResult) -> None:
        nonlocal done
        found[index] = result
        if result.status == "changed":
            together.wrote(result.path)
        if result.status != "planned" or dry_run:
            done += 1
        if progress is not None:
            progress(done, len(selected))

    def look(file: Selected) -> FileResult:
        return _noted(_look(file, session, refine, input_type, whole=dry_run), session)

    def work(index: int) -> FileResult:
        planned = found[index]
        assert planned is not None
        return _noted(_write(planned, session, write), session)

    try:
        for index, result in _each(selected, look, repositories, processes()):
            came(index, result)
        planned = [index for index, result in enumerate(found) if result is not None and result.status == "planned"]
        if dry_run:
            planned.clear()
        open_ahead([selected[index].path for index in planned], session)
        with together:
            # Here, before any fork: an identity under a passphrase is then asked for once.
            for _ in range(min(_FIRST, len(planned))):
                index = planned.pop(0)
                result = work(index)
                came(index, result)
                if result.status == "changed":
                    break
            writers = _writers(session)
            if writers == 1 or len(planned) < WORTH_IT or session.asks_services:
                for at, result in _each(planned, work, repositories, writers):
                    came(planned[at], result)
            else:
                step = min(_AT_ONCE, len(planned) // (2 * writers) + 1)
                shares = [planned[at : at + step] for at in range(0, len(planned), step)]
                for repository in repositories:
                    repository.rest()
                for _, results in spread(shares, lambda share: _staged(share, work), writers):
                    for index, result in results:
                        came(index, result)
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        for repository in repositories:
            repository.rest()
        session.hold_places(False)
        session.notes[:] = earlier + together.notes
    for each in found:
        if each is None or (each.status == "planned" and not dry_run):
            report.left += 1
            continue
        report.files.append(each)
        for note in each.notes:
            session.note(note)
    return report


def _staged(share: Sequence[int], work: Callable[[int], FileResult]) -> list[tuple[int, FileResult]]:
    """`work` for some files whose new versions get their names together."""
    with Staging() as staging:
        results = [(index, work(index)) for index in share]
    return [
        (index, _failed(result.path, staging.failed[result.path], result) if result.path in staging.failed else result)
        for index, result in results
    ]


def _in_bulk(selected: Sequence[Selected], session: Session) -> list[Bulk]:
    """From here on the repositories of these files are asked about many of them at once."""
    made: dict[str | None, Bulk] = {}
    for file in selected if len(selected) > 1 else ():
        try:
            place = session.place(file.path)
        except KsecretsError:
            continue  # said when it is this file's turn
        repository = session.in_bulk(place) if place.top not in made else None
        if repository is not None:
            repository.prepare()
            made[repository.top] = repository
    return list(made.values())


def _writers(session: Session) -> int:
    """How many processes write: twice as many as compute, as each waits for the disk and for git a good part of the
    time; where key services wrap, as many as these may be asked at a time."""
    count = processes()
    if session.asks_services and count > 1:
        return LIMIT
    return min(2 * count, _WRITERS) if count > 1 else 1


def _each(
    items: Sequence[Any], work: Callable[[Any], FileResult], repositories: Sequence[Bulk], count: int
) -> Iterator[tuple[int, FileResult]]:
    if count > 1 and len(items) >= WORTH_IT:
        for repository in repositories:
            repository.rest()
        yield from spread(items, work, count)
        return
    for index, item in enumerate(items):
        yield index, work(item)


def _noted(result: FileResult, session: Session) -> FileResult:
    """The result with the remarks that came up; what it says itself of a new data key need not stand there twice."""
    notes = [note for note in session.notes if not (result.new_key and _NEW_KEY in note)]
    result.notes += [note for note in notes if note not in result.notes]
    session.notes.clear()
    return result


def _look(file: Selected, session: Session, refine: Refine, input_type: str | None, *, whole: bool) -> FileResult:
    """The first pass over one file."""
    try:
        reading = read(file.path, None, session, input_type)
        place = reading.place
        try:
            metadata = read_metadata(reading.text, place.format(reading.text))
        except NotEncrypted:
            if file.named:
                raise
            return FileResult(file.path, "plaintext", place.environment)
        except KsecretsError:
            if conflict_line(reading.text) is not None:
                raise ConfigError("holds conflict markers of git", hint="finish the merge first") from None
            raise
        check_environment(metadata, place, session)
        policy = place.policy
        if policy is None or policy.environment is None:
            refuse_vanished_rules(place, session)
        if policy is None or not policy.recipients:
            raise ConfigError(
                "no rule says who reads this file" if policy is None else f"{policy.source} names no readers",
                hint="add its path to an environment's `files`",
            )
        seen = outlook(place, policy, metadata, session, whole=whole)
        result = FileResult(file.path, "planned" if seen.needed else "unchanged", place.environment)
        result.readers, result.added, result.removed = seen.readers, seen.added, seen.removed
        result.new_key, result.reason, result.other = seen.new_key is not None, seen.new_key, seen.other
        refine(result, place, metadata)
    except KsecretsError as error:
        return _failed(file.path, error)
    return result


def _write(planned: FileResult, session: Session, write: Callable[[str], Encrypted]) -> FileResult:
    """The second pass over one file."""
    try:
        done = write(planned.path)
    except KsecretsError as error:
        return _failed(planned.path, error, planned)
    result = FileResult(planned.path, "changed" if done.changed else "unchanged", done.environment)
    result.readers, result.added, result.removed = done.readers, planned.added, planned.removed
    result.other, result.notes, result.values = planned.other, planned.notes, done.values
    result.new_key = done.new_key
    if done.new_key:
        result.reason = planned.reason or _reason(session)
    return result


def _reason(session: Session) -> str | None:
    """Why a file got a new data key, from the remark that the write left."""
    for note in session.notes:
        _, found, reason = note.partition(f"{_NEW_KEY}: ")
        if found:
            return reason
    return None


def _failed(path: str, error: KsecretsError, planned: FileResult | None = None) -> FileResult:
    result = FileResult(path, "failed", planned.environment if planned is not None else None)
    # Without the traceback and what it holds on to: the result may go to another process.
    result.error = error.at(path)
    result.error.__traceback__ = result.error.__context__ = None
    return result
