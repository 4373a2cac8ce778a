"""Which keys somebody has, or ever had: by the configuration of today, and by all that git knows of it."""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.rules import FILE
from ksecrets.rules.config import parse
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.people.scope import Scope
    from ksecrets.repository.repository import Repository

    Key = tuple[object, ...]


def keys_of(name: str, scope: Scope) -> dict[Key, str]:
    """The keys that stand, or once stood, under a name among the recipients: what identifies it -> how it is written.

    An age recipient or an ssh public key in the place of a name is its own key. Versions of the configuration that
    cannot be read are passed over. Empty where nobody ever had the name.
    """
    if name.startswith(("age1", "ssh-")):
        return {identity("age", {"recipient": name}): name}
    found: dict[Key, str] = {}
    texts = [scope.source.text]
    if scope.repository is not None:
        texts += _versions(scope.repository)
    for text in texts:
        if name not in text:
            continue
        try:
            reader = parse(text, FILE).recipients.get(name)
        except ConfigError:
            continue
        if reader is not None:
            found.setdefault(identity(reader.service, reader.fields), " ".join(reader.fields.values()))
    return found


def _versions(repository: Repository) -> list[str]:
    """Every version of the configuration in all branches and tags, the newest first."""
    words = ("log", "--all", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
    process = repository.start(*words, "--format=", "--", FILE)
    out, _ = process.communicate()
    ids = [head.split(b" ")[3].decode("ascii") for head in out.split(b"\0") if head.lstrip(b"\n").startswith(b":")]
    texts = []
    with repository.batch() as batch:
        for blob in dict.fromkeys(ids):
            raw = batch.blob(blob) if blob.strip("0") else None
            if raw is not None:
                texts.append(raw.decode("utf-8", "replace"))
    return texts
