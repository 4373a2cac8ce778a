"""access: who reads what, by name, from the files themselves; against what the configuration says; and since when.

Needs no key. A file says who can open it now; whoever could before, and may still know what was there, is for
`exposure` to say.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.envelope.recipient import short_recipient
from ksecrets.operations.people.past import Past
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Session
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.people.scope import Scope

    Key = tuple[object, ...]

UNKNOWN = "unknown"


class Cell:
    """One reader in one environment, in numbers of files.

    reads: files that the reader's key opens. wanted: those that the configuration gives them. missing, extra: where
    the two differ. since: when the first of the files that they read now was opened to them, in seconds since 1970 and
    without a break; None: in no commit yet, or outside of git.
    """

    __slots__ = ("extra", "missing", "reads", "since", "wanted")

    def __init__(self) -> None:
        self.reads = 0
        self.wanted = 0
        self.missing = 0
        self.extra = 0
        self.since: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether files and configuration say the same."""
        return not (self.missing or self.extra)


class Row:
    """One reader. name: of the configuration, else what can be recognised of the key. kind: person, machine, recovery,
    or `unknown` for a key that the configuration does not have. key: as it is written. cells: by environment."""

    __slots__ = ("cells", "key", "kind", "name")

    def __init__(self, name: str, kind: str, key: str) -> None:
        self.name = name
        self.kind = kind
        self.key = key
        self.cells: dict[str, Cell] = {}


class Access:
    """Readers by environments. environments: name -> number of encrypted files. plaintext: files of environments that
    anybody can read. shallow: the clone has only the end of the history, so `since` may be too late."""

    __slots__ = ("environments", "plaintext", "rows", "shallow")

    def __init__(self) -> None:
        self.environments: dict[str, int] = {}
        self.rows: list[Row] = []
        self.plaintext: list[str] = []
        self.shallow = False

    @property
    def agrees(self) -> bool:
        """Whether every file says what the configuration says."""
        return not self.plaintext and all(cell.agrees for row in self.rows for cell in row.cells.values())

    def to_json(self) -> dict[str, object]:
        """As data for `json`."""
        return {
            "agrees": self.agrees,
            "shallow": self.shallow,
            "environments": [{"name": name, "files": count} for name, count in self.environments.items()],
            "plaintext": self.plaintext,
            "readers": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "key": row.key,
                    "environments": {
                        name: {
                            "reads": cell.reads,
                            "wanted": cell.wanted,
                            "missing": cell.missing,
                            "extra": cell.extra,
                            "since": day(cell.since) or None,
                        }
                        for name, cell in row.cells.items()
                    },
                }
                for row in self.rows
            ],
        }


def access(*, path: str = ".", session: Session | None = None) -> Access:
    """Who reads the files of the environments around `path`. Raises ConfigError where there is no configuration."""
    session = session or Session()
    found = scope(session, path)
    result = Access()
    rows: dict[Key, Row] = {}
    for reader in found.config.recipients.values():
        key = identity(reader.service, reader.fields)
        rows[key] = Row(reader.name, reader.kind, " ".join(reader.fields.values()))
    since = _since(found, result)
    for environment in found.config.environments.values():
        result.environments[environment.name] = 0
        for reader in environment.readers:
            rows[identity(reader.service, reader.fields)].cells.setdefault(environment.name, Cell())
    for secret in found.files():
        if secret.metadata is None:
            result.plaintext.append(secret.path)
            continue
        result.environments[secret.environment] += 1
        policy = found.config.policy(secret.relative)
        wanted = {identity(reader.service, reader.fields) for reader in policy.recipients} if policy else set()
        there: set[Key] = set()
        for stanza in secret.metadata.stanzas:
            fields = identity_fields(stanza)
            key = identity(stanza.service, fields)
            there.add(key)
            if key not in rows:
                rows[key] = Row(short_recipient(stanza.service, fields), UNKNOWN, " ".join(fields.values()))
        for key in there | wanted:
            cell = rows[key].cells.setdefault(secret.environment, Cell())
            cell.reads += key in there
            cell.wanted += key in wanted
            cell.missing += key in wanted - there
            cell.extra += key in there - wanted
            when = since.get(secret.relative, {}).get(key, 0) if key in there else 0
            if when and (cell.since is None or when < cell.since):
                cell.since = when
    result.rows = list(rows.values())
    return result


def _since(found: Scope, result: Access) -> dict[str, dict[Key, int]]:
    """For each file of today the readers, and since when each of them has been one without a break."""
    if found.repository is None:
        return {}
    past = Past(found.repository)
    result.shallow = past.shallow
    past.load([step.new for step in past.steps if step.new is not None])
    known: dict[str, dict[Key, int]] = {}
    for step in past.steps:
        before = known.get(step.old_path, {}) if step.old is not None else {}
        if step.old is not None and step.old_path != step.new_path:
            known.pop(step.old_path, None)
        version = past.version(step.new) if step.new is not None else None
        if version is None:
            known.pop(step.new_path, None)
        else:
            known[step.new_path] = {key: before.get(key, step.time) for key in version.readers}
    return known


def day(seconds: int | None) -> str:
    """A day in UTC, as `2026-01-31`; empty where it is not known."""
    import time

    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else ""


def cell_text(cell: Cell | None, files: int) -> str:
    """A cell in words: `2 of 3 since 2026-01-31`, and what does not agree."""
    if cell is None or not (cell.reads or cell.wanted):
        return "configured" if cell is not None and not files else "-"
    text = "all" if cell.reads == files else f"{cell.reads} of {files}"
    if cell.since:
        text += f" since {day(cell.since)}"
    elif cell.reads:
        text += ", not committed yet"
    if cell.missing:
        text += f", {cell.missing} MISSING"
    if cell.extra:
        text += f", {cell.extra} NOT CONFIGURED"
    return text
