"""Merge without any key: what can be said of tokens is merged, and marked as not sealed yet.

security: nothing here can be verified, so nothing comes out that anybody reads. A value is taken whole from one side,
with its token, the style that it stands in and its residue, and only where it has a name of its own: at a path of
mapping keys. (Two items of one list have the same associated data: a token would open at the place of another.) All
three versions are under one data key. The MAC, and with it the seal, is empty, so every reader fails, sops too; and
the block names the three versions, for whoever has the key: `resolve` merges those again, and compares.
"""

from __future__ import annotations

from ksecrets.envelope.emit import metadata_lines
from ksecrets.envelope.metadata import Extension, Metadata, identity_fields
from ksecrets.errors import ConfigError, KsecretsError, SyntaxRefused
from ksecrets.files.open import BOM, read_metadata
from ksecrets.operations.merging.conflicted import NoBlock, parts
from ksecrets.operations.merging.plaintext import conflicts, with_markers
from ksecrets.operations.merging.threeway import Unmergeable, merge_units
from ksecrets.operations.reading import check_environment, conflict_line
from ksecrets.operations.session import Session
from ksecrets.rules.policy import identity
from ksecrets.text import yaml
from ksecrets.text.node import COMMENT, SCALAR
from ksecrets.values import token as tokens
from ksecrets.values.residue import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.envelope.recipient import Stanza
    from ksecrets.operations.merging.plaintext import Segments

    Three = Sequence[Metadata]


class Pending:
    """What came out. text: the whole file, with an empty MAC. conflicts: places that are left, between markers."""

    __slots__ = ("conflicts", "text")

    def __init__(self, text: str, conflicts: int) -> None:
        self.text = text
        self.conflicts = conflicts


def merge_without_key(path: str, base: str, ours: str, theirs: str, *, session: Session | None = None) -> Pending:
    """Merge two changes of one encrypted file that nobody here can open; nothing is written.

    path: the file, by which the rules apply. base, ours, theirs: encrypted texts, as git has them.

    Raises ConfigError, with the reason, where only somebody with a key can merge: another data key on one side, a
    version without a seal or itself unfinished, other key groups, an older version that came back. Raises what reading
    the metadata raises.
    """
    session = session or Session()
    place = session.place(path)
    repository = session.repository(place)
    if repository is None:
        raise _refused("there is no repository that keeps the versions")
    texts = (base, ours, theirs)
    if not base:
        raise _refused("both sides added it")
    if any(place.format(text).name != "yaml" for text in texts):
        raise _refused("it is not YAML")
    three = [read_metadata(text) for text in texts]
    for text, metadata in zip(texts, three, strict=True):
        if conflict_line(text) is not None or not metadata.mac:
            raise _refused("one version is itself a merge that was not finished")
        check_environment(metadata, place, session)
    ids = dict(zip(("base", "ours", "theirs"), map(repository.id_of, texts), strict=True))
    metadata = _metadata(three, ids)
    mark = BOM if ours.startswith(BOM) else ""
    if any(text.startswith(BOM) != bool(mark) for text in texts):
        raise _refused("one side has a byte order mark, and the other has not")
    segments = _segments([text.removeprefix(BOM) for text in texts])
    left = conflicts(segments)
    body = with_markers(segments, base=False)
    metadata = _with_residues(metadata, three[1:], None if left else body)
    newline = "\r\n" if "\r\n" in body else "\n"
    text = mark + body + newline.join(metadata_lines(metadata.to_tree())) + newline
    if not left and read_metadata(text) != metadata:
        raise _refused("its metadata would not come out right")
    return Pending(text, left)


def pending_of(text: str) -> dict[str, str] | None:
    """The blob ids of an unfinished merge without a key, by ``base``, ``ours`` and ``theirs``; None for other files.

    A claim of whoever wrote the file: nothing is ever read by these ids, they are compared with what git says.
    """
    try:
        metadata = read_metadata(text)
    except KsecretsError:
        return None
    if metadata.mac or metadata.extension is None:
        return None
    return metadata.extension.pending or None


def _metadata(three: Three, ids: dict[str, str]) -> Metadata:
    """Those of the merge: what both sides agree on, readers merged, no MAC, and the three versions."""
    base, ours, theirs = three
    extensions = [each.extension for each in three if each.extension is not None]
    if len(extensions) != 3:
        raise _refused("one version has no seal")
    for what in ("kid", "environment", "path"):
        if len({getattr(each, what) for each in extensions}) != 1:
            raise _refused({"kid": "the data key changed on one side"}.get(what, f"its {what} changed on one side"))
    for what in ("selector", "mac_only_encrypted", "shamir_threshold", "succession", "lastmodified"):
        if what != "lastmodified" and getattr(ours, what) != getattr(theirs, what):
            raise _refused(f"{what} changed on one side")
    if not all(each.lastmodified.endswith("Z") for each in three):
        raise _refused("its date has a time zone")
    if min(ours.lastmodified, theirs.lastmodified) < base.lastmodified:
        raise _refused("one side is older than what both began with: an old version came back")
    mine = extensions[1]
    return ours.replace(
        mac="",
        lastmodified=max(ours.lastmodified, theirs.lastmodified),
        groups=_groups(three),
        extension=Extension(kid=mine.kid, environment=mine.environment, path=mine.path, pending=ids),
    )


def _groups(three: Three) -> tuple[tuple[Stanza, ...], ...]:
    """A reader whom one side added is in, one whom either side took out is not."""
    base, ours, theirs = three
    if len(ours.groups) != 1 or len(theirs.groups) != 1 or len(base.groups) != 1:
        if [_who(each) for each in ours.groups] != [_who(each) for each in theirs.groups]:
            raise _refused("its key groups changed")
        return ours.groups
    before, mine, others = (_who(each.groups[0]) for each in three)
    kept = [stanza for key, stanza in mine.items() if key in others or key not in before]
    kept += [stanza for key, stanza in others.items() if key not in mine and key not in before]
    if not kept:
        raise _refused("nobody would read it")
    return (tuple(kept),)


def _who(group: Sequence[Stanza]) -> dict[tuple[object, ...], Stanza]:
    return {identity(stanza.service, identity_fields(stanza)): stanza for stanza in group}


def _segments(texts: Sequence[str]) -> Segments:
    try:
        bodies = []
        for text in texts:
            head, _, tail = parts(text)
            if tail.strip("\r\n"):
                raise _refused("it has several documents")
            bodies.append(head)
        return merge_units(*bodies)
    except (Unmergeable, NoBlock, SyntaxRefused):
        raise _refused("both sides changed its structure") from None


def _with_residues(metadata: Metadata, sides: Three, body: str | None) -> Metadata:
    """With the kept sources of exactly the tokens that stand in the body (None: of all); the sides must not differ."""
    stored: dict[str, str] = {}
    for side in sides:
        for name, source in (side.extension.residues if side.extension is not None else {}).items():
            if stored.setdefault(name, source) != source:
                raise _refused("two sources are kept for one token")
    own = metadata.extension
    assert own is not None  # `_metadata` has made it
    if body is not None and stored:
        names = {name_of(tokens.read(token)[1]) for token in _tokens(body)}
        stored = {name: source for name, source in stored.items() if name in names}
    return metadata.replace(
        extension=Extension(
            kid=own.kid, environment=own.environment, path=own.path, pending=own.pending, residues=stored
        )
    )


def _tokens(body: str) -> set[str]:
    words = (node.value.strip() for node in yaml.scan(body) if node.kind in (SCALAR, COMMENT))
    return {word for word in words if tokens.is_token(word)}


def _refused(why: str) -> ConfigError:
    return ConfigError(f"cannot be merged without a key: {why}")
