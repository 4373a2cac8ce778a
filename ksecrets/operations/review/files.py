"""What changed about one file between two trees, as far as it can be said without a key."""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import KsecretsError
from ksecrets.files.choice import Choice
from ksecrets.files.formats import seen
from ksecrets.files.open import BOM, read_metadata
from ksecrets.operations.known import sealed_path
from ksecrets.rules.policy import identity
from ksecrets.rules.selector import Selector
from ksecrets.text.node import SCALAR
from ksecrets.values.succession import holds
from ksecrets.values.token import is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.metadata import Metadata
    from ksecrets.operations.examine import Examined
    from ksecrets.operations.review.snapshot import Snapshot
    from ksecrets.operations.review.treerules import TreeRules
    from ksecrets.operations.session import Session

_WHO = (
    "whoever made this key can read what is put into the file from now on; replace it with a key of yours: updatekeys"
)


class Origins:
    """Where files of BASE went: of a file that is new in HEAD, the one that it was before."""

    __slots__ = ("_base", "_by_blob", "_by_wrapped", "_gone")

    def __init__(self, base: Snapshot, head: Snapshot, appeared: set[str]) -> None:
        """appeared: the paths that HEAD has and BASE has not."""
        self._base = base
        blobs = {head.entries[path].id for path in appeared}
        self._by_blob = {entry.id: path for path, entry in base.entries.items() if entry.id in blobs}
        self._gone = [path for path in base.entries if path not in head.entries] if appeared else []
        self._by_wrapped: dict[str, str] | None = None

    def of(self, path: str, blob: str, metadata: Metadata | None) -> str | None:
        """The path in BASE of what is at `path` in HEAD, None for a file without a past."""
        if path in self._base.entries:
            return path
        if blob in self._by_blob:
            return self._by_blob[blob]
        if metadata is None:
            return None
        sealed = sealed_path(metadata)
        was = self._base.metadata(sealed) if sealed is not None else None
        if was is not None and _same_key(was, metadata):
            return sealed
        if self._by_wrapped is None:
            # Only files that are gone: reading all of BASE for a file that is merely new would take too long.
            self._by_wrapped = {
                mark: gone for gone in self._gone for mark in _marks(self._base.metadata(gone)) if gone is not None
            }
        return next((self._by_wrapped[mark] for mark in _marks(metadata) if mark in self._by_wrapped), None)


def compare(
    done: Examined, rules: TreeRules, base: Snapshot, head: Snapshot, origin: str | None, session: Session
) -> None:
    """Add to `done` what changed since BASE. rules: those of BASE. origin: the path that the file had there.

    session: whose identities may prove a succession.
    """
    path = done.place.path
    was = base.metadata(origin) if origin is not None else None
    now = head.metadata(path)
    if was is not None and now is None:
        if not any(finding.code in ("plaintext", "tampered", "conflict-markers") for finding in done.findings):
            done.add("plaintext", "error", f"is encrypted in {base.label} and is not here")
        return
    if now is None:
        return
    if was is None:
        if origin is None:
            done.add("new-data-key", "warning", "is new, under a data key that nobody has vouched for", hint=_WHO)
        else:
            done.add("new-data-key", "warning", f"is plaintext in {base.label}, and encrypted here", hint=_WHO)
        return
    _moved(done, rules, origin)
    sealed = was.extension is not None and now.extension is not None
    if not _same_key(was, now) and (sealed or not _same_tokens(base.text(origin or path), head.text(path))):
        _replaced(done, was, now, base.label, session)
    if was.extension is not None and now.extension is None:
        done.findings = [finding for finding in done.findings if finding.code != "seal-missing"]
        text = f"is sealed in {base.label} and is not here: sops wrote it, or its seal was removed"
        done.add("seal-lost", "error", text, hint=f"ksecrets seal {path}")
    if _instant(now.lastmodified) < _instant(was.lastmodified):
        text = f"was last written {now.lastmodified}, and in {base.label} {was.lastmodified}: an old version came back"
        done.add("replay", "error", text, hint="take the present file, and set the old values in it")
    if done.place.policy is None:
        _without_rules(done, was, now)


def _replaced(done: Examined, was: Metadata, now: Metadata, label: str, session: Session) -> None:
    """Another data key: an error, unless a key at hand proves that its maker knew the one before.

    Only BASE's copy is unwrapped: nothing that the change brings decides which key is asked for.
    """
    text = f"has another data key than in {label}"
    if now.succession is not None and was.extension is not None and now.extension is not None:
        try:
            proven = holds(session.key_for(done.place)(was), now.extension.kid, now.succession[1])
        except KsecretsError:
            text += ", and no identity at hand proves that it was made by somebody who knew that one"
        else:
            if proven:
                hint = f"a reader who was taken out knew it as well: {_WHO}"
                text += ", made by somebody who knew that one"
                done.add("replaced-data-key", "warning", text, hint=hint)
                return
            text += ", and the proof that its maker knew that one is false"
    hint = f"expected where a reader was taken out (then --allow replaced-data-key); else {_WHO}"
    done.add("replaced-data-key", "error", text, hint=hint)


def _moved(done: Examined, rules: TreeRules, origin: str | None) -> None:
    path = done.place.path
    if origin is None or origin == path:
        return
    before, after = rules.environment(origin), done.place.environment
    if before != after and before is not None:
        text = f"is {origin} of {before}, and here it belongs to {after or 'no environment'}"
        done.add("environment-changed", "error", text, hint="a value has its own secret in each environment")


def _without_rules(done: Examined, was: Metadata, now: Metadata) -> None:
    """Where no rule says what is right, a change is worth a word."""
    old, new = (
        {identity(each.service, identity_fields(each)): each for each in metadata.stanzas} for metadata in (was, now)
    )
    for key, stanza in new.items():
        if key not in old:
            name = done.place.reader_name(stanza.service, identity_fields(stanza))
            done.add("reader-added", "error", f"{name} may read it, and no rule says so")
    if (was.selector, was.mac_only_encrypted) != (now.selector, now.mac_only_encrypted):
        done.add("selector-changed", "error", f"chooses its values by {now.selector[0]} {now.selector[1]!r}")
    if (was.shamir_threshold, len(was.groups)) != (now.shamir_threshold, len(now.groups)):
        done.add("shares-changed", "error", "has other key groups, or needs another number of them")


def _same_key(was: Metadata, now: Metadata) -> bool:
    """Whether two blocks are certainly about one data key: they say so, or no wrapped copy of it was made anew."""
    if was.extension is not None and now.extension is not None:
        return was.extension.kid == now.extension.kid
    old, new = _wrapped(was), _wrapped(now)
    both = old.keys() & new.keys()
    return bool(both) and len(new) == len(now.stanzas) and all(old[key] == new[key] for key in both)


def _same_tokens(was: str | None, now: str | None) -> bool:
    """Whether an encrypted value of the one stands in the other: a file of sops does not name its data key.

    Only values that the file's own selector chooses count: those a reader opens, and a copied token would not open
    under another key.
    """
    return was is not None and now is not None and not _tokens(was).isdisjoint(_tokens(now))


def _tokens(text: str) -> set[str]:
    try:
        selector = Selector(*read_metadata(text).selector)
        body = text.removeprefix(BOM)
        format = seen(text)
        choice = Choice(selector, format.commented(body) if selector.by_comment else (), body)
        return {
            node.value
            for node in format.scan(body)
            if node.kind == SCALAR and not node.frame.in_key and is_token(node.value) and choice.of(node)
        }
    except KsecretsError:
        return set()


def _wrapped(metadata: Metadata) -> dict[tuple[object, ...], str]:
    return {
        identity(stanza.service, identity_fields(stanza)): stanza.fields.get("enc", "") for stanza in metadata.stanzas
    }


def _marks(metadata: Metadata | None) -> list[str]:
    """What two files under one data key may have in common."""
    if metadata is None:
        return []
    kid = [metadata.extension.kid] if metadata.extension is not None else []
    return kid + sorted({*_wrapped(metadata).values()} - {""})


def _instant(text: str) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # a day that no month has
        return 0.0
