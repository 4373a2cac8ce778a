"""diff: what changed between two versions of encrypted files, value by value.

One process for all files. Each side is opened for itself; where one cannot be (no key, tampered), the file is compared
by its tokens, which tell what changed without telling to what. No file stops the others.
"""

from __future__ import annotations

import os

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import ConfigError, KsecretsError, NotEncrypted
from ksecrets.files.open import open_text, read_metadata
from ksecrets.operations.compare import Change, comments_changed, compare
from ksecrets.operations.diffview import render, to_json
from ksecrets.operations.session import Place, Session
from ksecrets.operations.shape import READABLE, STRUCTURE, VALUES, Shape, shape
from ksecrets.repository.repository import INDEX, WORKTREE, Repository, top_level
from ksecrets.rules.policy import identity
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format
    from ksecrets.repository.batch import Batch

_LARGEST = 1 << 26  # bytes; as for git's textconv


class FileDiff:
    """What changed in one file.

    path: below the top of the repository; of a deleted file its old one. old_path: where it was renamed, else None.
    status: git's letter, A, D, M, R or U. environment: by the rules as they are now. redacted: the values were not to
    be shown, or could not be opened. changes: in the order of the file. notes: what else changed, one line each.
    """

    __slots__ = ("changes", "environment", "notes", "old_path", "path", "redacted", "status")

    def __init__(self, path: str, old_path: str | None, status: str, environment: str | None) -> None:
        self.path = path
        self.old_path = old_path
        self.status = status
        self.environment = environment
        self.redacted = False
        self.changes: list[Change] = []
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"<FileDiff {self.path}, {len(self.changes)} changes>"


class Side:
    """One version of one file. label: of the whole side, for notes.

    there: whether there is such a file. text: None where there is none, or it is no text. metadata: None where it is
    not encrypted. plaintext: None where it cannot be had; `problem` then says why, for a note.
    """

    __slots__ = ("format", "kid", "label", "metadata", "plaintext", "problem", "text", "there")

    def __init__(self, label: str, text: str | None, there: bool) -> None:
        self.label = label
        self.there = there
        self.text = text
        self.metadata: Metadata | None = None
        self.plaintext: str | None = None
        self.problem: str | None = None
        self.kid: str | None = None
        self.format: Format | None = None
        if text is None:
            if there:
                self.problem = f"{label}: no UTF-8 text, or too large"
            return
        try:
            self.metadata = read_metadata(text) if "sops" in text else None
        except NotEncrypted:
            pass
        except KsecretsError as error:
            self.problem = _problem(label, error)
        if self.metadata is None and self.problem is None:
            self.plaintext = text
        if self.metadata is not None and self.metadata.extension is not None:
            self.kid = self.metadata.extension.kid

    def open(self, place: Place, session: Session) -> None:
        """Fill in the plaintext. What environment it was sealed for is no matter: history has its own rules."""
        if self.text is None or self.metadata is None:
            return
        try:
            opened = open_text(self.text, data_key_for=session.key_for(place), format=place.format(self.text))
        except KsecretsError as error:
            self.problem = _problem(self.label, error)
            return
        self.plaintext = opened.plaintext
        self.format = opened.format
        self.kid = opened.data_key.kid


def diff(
    old: str | None = None,
    new: str | None = None,
    paths: Sequence[str] = (),
    *,
    redact: bool = False,
    session: Session | None = None,
) -> list[FileDiff]:
    """Compare encrypted files as git compares files.

    No revision: the index with the working tree; one: that revision with the working tree; two: the first with the
    second. paths: only these files and folders, relative to the working folder. Only files that are encrypted on at
    least one side, or that an environment wants encrypted.

    redact: no identity is used, and no value is in the result. Raises KsecretsError outside of a repository, and for
    revisions that do not exist; what is wrong with one file is a note on it.
    """
    session = session or Session()
    top = top_level(".") or (top_level(paths[0]) if paths else None)
    if top is None:
        raise ConfigError("this is not a git repository, so there is nothing to compare with")
    repository = Repository(top)
    labels = old or "the index", new or "the working tree"
    chosen = [repository.relative(path) for path in paths]
    found = []
    conflicts = set()
    with repository.batch() as batch:
        for status, was, now, old_id, new_id in repository.changed(old or INDEX, new or WORKTREE, chosen):
            path = now or was or ""
            place = _place(path, top, session)
            if path in conflicts:
                continue  # git lists it a second time, with one of its sides
            if status == "U":
                conflicts.add(path)
                file = FileDiff(path, None, status, place.environment)
                file.notes.append("is in conflict: git has no merged version of it yet")
                if place.environment is not None:
                    found.append(file)
                continue
            before = Side(labels[0], _blob(batch, old_id), was is not None)
            text = None
            if now is not None:
                text = _blob(batch, new_id) if new_id is not None or new is not None else _on_disk(top, now)
            after = Side(labels[1], text, now is not None)
            if before.metadata is None and after.metadata is None and place.environment is None:
                continue
            if before.text == after.text and was == now:
                continue
            file = FileDiff(path, was if was != path else None, status, place.environment)
            _fill(file, before, after, place, session, redact)
            found.append(file)
    return found


def compare_sides(place: Place, before: Side, after: Side, session: Session) -> FileDiff:
    """The difference of two versions of one file, wherever they come from."""
    file = FileDiff(place.relative or place.path, None, "M", place.environment)
    _fill(file, before, after, place, session, redact=False)
    return file


def _fill(file: FileDiff, before: Side, after: Side, place: Place, session: Session, redact: bool) -> None:
    """Everything about one file."""
    if not redact:
        before.open(place, session)
        after.open(place, session)
    notes = file.notes
    _warn_of_plaintext(file, before, after)
    there = [side for side in (before, after) if side.there]
    notes += [side.problem for side in there if side.problem is not None]
    file.redacted = redact
    if any(side.text is None for side in there):
        return
    texts = [side.plaintext if side.text is not None else "" for side in (before, after)]
    how = VALUES
    if redact or None in texts:
        file.redacted = True
        texts = [side.text or "" for side in (before, after)]
        how = _how(before, after)
    try:
        formats = [_format(side, text, place) for side, text in zip((before, after), texts, strict=True)]
        shapes = [shape(text, how, format) if text else Shape() for text, format in zip(texts, formats, strict=True)]
    except KsecretsError as error:
        notes.append(f"is not {place.format().name.upper()} on one side, so values are not compared: {error.message}")
        return
    if how != STRUCTURE and file.redacted and all(side.metadata is not None for side in there) and len(there) == 2:
        shapes, how = _by_key(before, after, shapes, place)
    file.changes = compare(*shapes, show=not redact)
    _note_metadata(notes, before, after, place)
    if how == READABLE:
        count = len(shapes[1].tokens)
        notes.append(f"all {count} values were encrypted again under a new data key: whether they changed is unknown")
    elif how == STRUCTURE:
        notes.append("plaintext cannot be compared with tokens: only keys are")
    elif before.kid and after.kid and before.kid != after.kid:
        notes.append("new data key")
    comments = comments_changed(*shapes) if len(there) == 2 and how != STRUCTURE else 0
    if comments:
        notes.append(f"{comments} comment{'s' if comments > 1 else ''} changed")
    if not file.changes and not notes and file.old_path is None:
        notes.append("no value changed, only the layout or the metadata")


def _how(before: Side, after: Side) -> int:
    """How two texts are compared without their plaintext."""
    if before.text is None or after.text is None or (before.metadata is None) == (after.metadata is None):
        return VALUES
    return STRUCTURE


def _format(side: Side, text: str | None, place: Place) -> Format:
    """Of what is compared of a side: its plaintext, or its text as it is."""
    if side.format is not None and text is side.plaintext:
        return side.format
    return place.format(side.text if side.metadata is not None else None)


def _by_key(before: Side, after: Side, shapes: list[Shape], place: Place) -> tuple[list[Shape], int]:
    """Tokens say something only under one data key: where there are two, read the texts again without them.

    A file of sops does not name its data key. It is the same where a wrapped copy or a token is the same.
    """
    assert before.metadata is not None and after.metadata is not None  # noqa: PT018 (for the type checker)
    if before.kid and after.kid:
        same = before.kid == after.kid
    else:
        wrapped = [{stanza.fields.get("enc") for stanza in side.stanzas} for side in (before.metadata, after.metadata)]
        tokens = [set(each.tokens) for each in shapes]
        same = bool(wrapped[0] & wrapped[1] or tokens[0] & tokens[1] or not (tokens[0] and tokens[1]))
    if same:
        return shapes, VALUES
    texts = [side.text or "" for side in (before, after)]
    return [shape(text, READABLE, place.format(text)) for text in texts], READABLE


def _warn_of_plaintext(file: FileDiff, before: Side, after: Side) -> None:
    sides = [side for side in (before, after) if side.text is not None]
    plain = [side.label for side in sides if side.metadata is None and side.problem is None]
    if plain and (file.environment is not None or len(plain) < len(sides)):
        wants = f", and {file.environment} wants it encrypted" if file.environment is not None else ""
        file.notes.append(f"PLAINTEXT in {' and in '.join(plain)}{wants}")


def _note_metadata(notes: list[str], before: Side, after: Side, place: Place) -> None:
    """What changed in the metadata, for people."""
    old, new = before.metadata, after.metadata
    if old is None or new is None:
        return
    was = _readers(old, place)
    now = _readers(new, place)
    readers = [f"+{now[key]}" for key in now if key not in was] + [f"-{was[key]}" for key in was if key not in now]
    if readers:
        notes.append(f"readers: {', '.join(readers)}")
    if (old.shamir_threshold, len(old.groups)) != (new.shamir_threshold, len(new.groups)):
        notes.append(f"key groups: {_groups(old)} before, {_groups(new)} now")
    if (old.selector, old.mac_only_encrypted) != (new.selector, new.mac_only_encrypted):
        notes.append(f"selector: {_selector(old)} before, {_selector(new)} now")
    if (old.extension is None) != (new.extension is None):
        notes.append(
            "sealed now" if old.extension is None else "NO SEAL any more: sops wrote it last, or it was removed"
        )
    sealed = [metadata.extension.environment for metadata in (old, new) if metadata.extension is not None]
    if len(sealed) == 2 and sealed[0] != sealed[1]:
        notes.append(f"environment: {sealed[0]} before, {sealed[1]} now")


def _readers(metadata: Metadata, place: Place) -> dict[tuple[object, ...], str]:
    found = {}
    for stanza in metadata.stanzas:
        fields = identity_fields(stanza)
        found[identity(stanza.service, fields)] = place.reader_name(stanza.service, fields)
    return found


def _groups(metadata: Metadata) -> str:
    return f"{metadata.shamir_threshold or len(metadata.groups)} of {len(metadata.groups)}"


def _selector(metadata: Metadata) -> str:
    only = ", MAC over encrypted values only" if metadata.mac_only_encrypted else ""
    return f"{metadata.selector[0]} {metadata.selector[1]!r}{only}"


def _problem(label: str, error: KsecretsError) -> str:
    return f"{label}: {error.message}"


def _place(path: str, top: str, session: Session) -> Place:
    real = os.path.join(top, *path.split("/"))
    try:
        return session.place(real)
    except KsecretsError as error:  # rules that are broken are no reason not to show a difference
        session.note(str(error))
        return Place(path, real, top, path)


def _blob(batch: Batch, spec: str | None) -> str | None:
    raw = batch.blob(spec) if spec is not None else None
    try:
        return raw.decode("utf-8") if raw is not None and len(raw) <= _LARGEST else None
    except UnicodeDecodeError:
        return None


def _on_disk(top: str, path: str) -> str | None:
    file = os.path.join(top, *path.split("/"))
    try:
        return atomic.read(file).text if os.path.getsize(file) <= _LARGEST else None
    except (KsecretsError, OSError):
        return None


__all__ = ["Change", "FileDiff", "diff", "render", "to_json"]
