"""info: what an encrypted file says of itself; needs no key."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.inspect import inspect
from ksecrets.operations.reading import read
from ksecrets.operations.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.rules.policy import Reader


class Info:
    """An encrypted file, seen from outside.

    path: as given. readers: by the rules' names, in the file's order. environment: by the rules; sealed_environment
    and sealed_path: what the file itself says. rule: where the rules speak of it, or None. sealed: it says that it
    carries a seal. values: number of encrypted values. lastmodified: RFC 3339. selector: kind and value. kid: the
    public id of its data key, or None. version: of sops's format. threshold: key groups needed, 0 for one group.
    """

    __slots__ = (
        "environment",
        "kid",
        "lastmodified",
        "path",
        "readers",
        "rule",
        "sealed",
        "sealed_environment",
        "sealed_path",
        "selector",
        "threshold",
        "values",
        "version",
    )

    path: str
    readers: list[Reader]
    environment: str | None
    rule: str | None
    sealed: bool
    sealed_environment: str | None
    sealed_path: str | None
    values: int
    lastmodified: str
    selector: tuple[str, str]
    kid: str | None
    version: str
    threshold: int


def info(path: str, *, text: str | None = None, input_type: str | None = None, session: Session | None = None) -> Info:
    """Describe one encrypted file. input_type: its format, where it is not the one that its name says.

    Raises NotEncrypted, Tampered, SyntaxRefused, ConfigError.
    """
    session = session or Session()
    reading = read(path, text, session, input_type)
    place = reading.place
    try:
        seen = inspect(reading.text, place)
    except KsecretsError as error:
        raise error.at(path) from None
    metadata = seen.metadata
    extension = metadata.extension
    found = Info()
    found.path = path
    found.readers = seen.readers
    found.environment = place.environment
    policy = place.policy
    found.rule = None if policy is None else policy.source + (f" {policy.rule}" if policy.rule else "")
    found.sealed = seen.sealed
    found.sealed_environment = seen.environment
    found.sealed_path = extension.path if extension is not None else None
    found.values = seen.values
    found.lastmodified = metadata.lastmodified
    found.selector = metadata.selector
    found.kid = extension.kid if extension is not None else None
    found.version = metadata.version
    found.threshold = metadata.shamir_threshold
    return found
