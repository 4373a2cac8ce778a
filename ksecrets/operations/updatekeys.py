"""updatekeys: make the readers of files those of the rules."""

from __future__ import annotations

from ksecrets.envelope.recipient import Stanza
from ksecrets.files.relabel import Relabel
from ksecrets.operations.asked import NOTHING
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Place, Session
from ksecrets.operations.writing import (
    Encrypted,
    new_metadata,
    policy_for,
    same_groups,
    seal_file,
    shared,
    store,
    why_new_key,
    wrapped_stanzas,
    written,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.open import Opened
    from ksecrets.operations.reading import Reading
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
    relabel = Relabel(lambda opened: _other_readers(opened, reading.place, session))
    opened = open_file(reading, session, keep_tokens=True, opener=relabel.open)
    result = _relabelled(relabel, opened, reading, session)
    if result is None:
        if relabel.metadata is not None:  # its tokens were not kept
            opened = open_file(reading, session, keep_tokens=True)
        result = seal_file(reading.place, opened.plaintext, session, previous=opened, same_readers=False)
    return store(result, session, reading.source)


def _other_readers(opened: Opened, place: Place, session: Session) -> Metadata | None:
    """The metadata that a file is to have where only readers are added to it: its data key, and so every token, stays.
    Nobody's key is wrapped in it yet. None where more changes, or nothing. The file need not have been verified.
    """
    policy, metadata = place.policy, opened.metadata
    if policy is None or not policy.recipients or policy.sops_compatible == "require":
        return None
    if (policy.selector.kind, policy.selector.value) != metadata.selector or shared(metadata, policy):
        return None
    if policy.mac_only_encrypted != metadata.mac_only_encrypted or same_groups(metadata, policy):
        return None
    policy = policy_for(place, opened, NOTHING, session)
    if why_new_key(place, session, opened, policy, thorough=True) is not None:
        return None
    recipients = [session.recipient(place, reader.service, reader.fields) for reader in policy.recipients]
    readers = tuple(Stanza(recipient.service, recipient.identity_fields()) for recipient in recipients)
    return new_metadata(place, policy, opened, opened.data_key.kid, (readers,), metadata.succession)


def _relabelled(relabel: Relabel, opened: Opened, reading: Reading, session: Session) -> Encrypted | None:
    """A verified file for the readers of the rules, with the block exchanged; None where the whole is to be done."""
    place, metadata = reading.place, relabel.metadata
    if metadata is None:
        return None
    policy = policy_for(place, opened, NOTHING, session)
    metadata = metadata.replace(groups=(wrapped_stanzas(place, session, opened, policy),))
    text = relabel.text(metadata, place.laid_out(opened.format))
    if text is None:
        return None
    for warning in policy.warnings:
        session.note(warning)
    return written(place, policy, text, opened.values, changed=True, new_key=False)


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
    session.hold_places(True)
    try:
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
    finally:
        session.hold_places(False)
