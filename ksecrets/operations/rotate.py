"""rotate: a new data key, and with it a new token for every value; the plaintext stays to the byte."""

from __future__ import annotations

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.files.open import read_metadata
from ksecrets.operations.ages import Ages
from ksecrets.operations.asked import NOTHING, own_groups
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.rewrap.result import FileResult
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, policy_for, seal_file, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.asked import Change
    from ksecrets.operations.reading import Reading
    from ksecrets.operations.rewrap.result import TreeReport
    from ksecrets.operations.rewrap.run import Progress
    from ksecrets.operations.rewrap.selection import Selected
    from ksecrets.operations.session import Place

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def rotate(
    paths: Sequence[str] = (),
    *,
    env: str | None = None,
    changed_since: str | None = None,
    older_than: str | None = None,
    due: bool = False,
    change: Change | None = None,
    input_type: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    session: Session | None = None,
) -> TreeReport:
    """Give files, and what is below folders, new data keys; without paths the repository around the working folder.

    older_than: only files whose data key is at least so old (`90d`; w, m and y are 7, 30 and 365 days). due: only those
    whose data key is older than `rotate-after` of the rules. How old a data key is, is what git tells (the first commit
    that has it) and what the file does (it was changed under it): a shallow clone knows less. The other arguments and
    the report are those of `updatekeys_all`. Each file carries the proof that its new data key follows the old one.

    change: readers to add and to take out, as sops's `rotate --add-age` and `--rm-age`, of files that are named. Where
    rules name the readers of a file, the change must lead to just these.

    A file whose readers are not those of the rules is refused: that is for `updatekeys`. One that no rule is about
    keeps the readers that its metadata has.
    """
    from ksecrets.operations.rewrap.run import run
    from ksecrets.operations.rewrap.selection import refuse_type_of_trees, select

    session = session or Session()
    if change and (not paths or env is not None or changed_since is not None):
        raise UsageError("readers are added and taken out of files that are named, not of whole trees")
    limit = _days(older_than) if older_than is not None else None
    ages = Ages(session)

    def refine(result: FileResult, place: Place, metadata: Metadata) -> None:
        after = place.policy.rotate_after if due and place.policy is not None else limit
        result.status, result.new_key, result.reason = "planned", True, None
        if after is not None:
            age = ages.of(
                place, metadata.extension.kid if metadata.extension is not None else None, metadata.lastmodified
            )
            result.reason = f"{age} days old"
            result.new_key = age >= after
        elif due:
            result.new_key = False
        if not result.new_key:
            result.status, result.reason = "unchanged", None

    selected = select(paths, session, env=env, changed_since=changed_since)
    refuse_type_of_trees(input_type, selected)
    alone = [file for file in selected if change or _is_without_rule(file, session)]
    ruled = [file for file in selected if file not in alone]
    if limit is not None or due:
        for file in ruled:
            ages.prepare(file.path)
    report = run(
        ruled,
        session,
        refine=refine,
        write=lambda path: rotate_file(path, input_type=input_type, session=session),
        input_type=input_type,
        dry_run=dry_run,
        progress=progress,
    )
    if alone and (limit is not None or due):
        raise UsageError("how old a data key may be is for the rules of a repository; no rule is about these files")
    report.files += [_alone(file.path, change, input_type, session, dry_run=dry_run) for file in alone]
    return report


def rotate_file(
    path: str, *, change: Change | None = None, input_type: str | None = None, session: Session | None = None
) -> Encrypted:
    """Give one file a new data key, and write it. change: to its readers. input_type: as for `rotate`.

    Raises as reading and writing do; then nothing was written.
    """
    session = session or Session()
    reading, result = _rotated(path, change, input_type, session)
    return store(result, session, reading.source)


def _rotated(path: str, change: Change | None, input_type: str | None, session: Session) -> tuple[Reading, Encrypted]:
    reading = read(path, None, session, input_type)
    place = reading.place
    opened = open_file(reading, session, keep_tokens=True)
    policy = None
    if change:
        session.own_keys += [(reader.service, reader.fields) for reader in change.added(place)]
        policy = change.policy(opened.metadata, place, lambda: policy_for(place, opened, NOTHING, session))
    result = seal_file(
        place, opened.plaintext, session, previous=opened, fresh=True, policy=policy, same_readers=not change
    )
    return reading, result


def _is_without_rule(file: Selected, session: Session) -> bool:
    """Whether a file was named that no rule gives readers."""
    try:
        policy = session.place(file.path).policy
    except KsecretsError:
        return False  # said when it is this file's turn
    return file.named and (policy is None or not policy.recipients)


def _alone(path: str, change: Change | None, input_type: str | None, session: Session, *, dry_run: bool) -> FileResult:
    """One file for which there is no plan to make from the rules. A dry run needs the key, too."""
    try:
        reading, done = _rotated(path, change, input_type, session)
        if not dry_run:
            store(done, session, reading.source)
    except KsecretsError as error:
        failed = FileResult(path, "failed")
        failed.error = error.at(path)
        return failed
    metadata = read_metadata(reading.text, reading.place.format(reading.text))
    before = [reader.name for group in own_groups(metadata, reading.place) for reader in group]
    result = FileResult(path, "planned" if dry_run else "changed", done.environment)
    result.values, result.readers, result.new_key = done.values, done.readers, True
    result.added = [name for name in done.readers if name not in before]
    result.removed = [name for name in before if name not in done.readers]
    return result


def _days(text: str) -> int:
    count, unit = text[:-1], text[-1:]
    if unit not in _DAYS or not (count.isascii() and count.isdigit() and len(count) < 6):
        raise UsageError("a number of days, weeks, months or years is expected for --older-than", hint="such as 90d")
    return int(count) * _DAYS[unit]
