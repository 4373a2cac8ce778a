"""encrypt: a plaintext file becomes an encrypted one, for the readers that the rules name."""

from __future__ import annotations

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.files.formats import by_name
from ksecrets.operations.asked import Asked
from ksecrets.operations.inspect import inspect
from ksecrets.operations.known import earlier_version
from ksecrets.operations.reading import is_encrypted, open_file, read, refuse_vanished_rules
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, policy_for, seal_file, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.files.formats import Format
    from ksecrets.operations.reading import Reading
    from ksecrets.operations.session import Place


def encrypt(
    path: str,
    *,
    text: str | None = None,
    write: bool = False,
    age: Sequence[str] = (),
    asked: Asked | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    session: Session | None = None,
) -> Encrypted:
    """Encrypt one file.

    path: the file; with `text` given (its plaintext) nothing is read, and `path` only says which rules hold. write:
    put the result in the place of the file, atomically. age: recipients, where no rule names any; asked: the same with
    all else that can be asked for where no rule says it (readers of other services, a selector). input_type: the format
    (yaml, json, dotenv, ini, binary), where it is not the one that the name of the file says. output_type: the format
    to convert it to first (`files.convert`).

    Where git knows an encrypted version of the file, its data key and the tokens of unchanged values are taken over.
    A file that is encrypted already, sealed, and as the rules say, comes back unchanged (that its seal holds is for
    `check` to say); another one, such as one that sops wrote last, is sealed, and needs an identity for that.

    Raises ConfigError, RuleViolation, Tampered, SyntaxRefused (docs/file-format.md lists why); nothing was written.
    """
    session = session or Session()
    asked = asked or Asked({"age": age}, environ=session.environ)
    reading = read(path, text, session, input_type)
    place = reading.place
    if write and reading.source is None:
        raise UsageError("only a file can be encrypted in place", file=path)
    try:
        encrypted = "sops" in reading.text and is_encrypted(reading.text, place.format(reading.text))
    except KsecretsError as error:
        raise error.at(path) from None
    if encrypted:
        if output_type not in (None, place.format(reading.text).name):
            raise UsageError("it is encrypted already: decrypt it with --output-type first", file=path)
        try:
            result = _again(reading, session, asked.without_variables())
        except KsecretsError as error:
            raise error.at(path) from None
    else:
        format, plaintext = place.format(), reading.text
        if output_type is not None:
            format, plaintext = _converted(plaintext, format, output_type, place)
        previous = earlier_version(place, session, asked)
        result = seal_file(place, plaintext, session, previous=previous, asked=asked, format=format)
        result.changed = True  # to what stands there now, though it may be what git has
    return store(result, session, reading.source) if write else result


def _converted(plaintext: str, format: Format, name: str, place: Place) -> tuple[Format, str]:
    from ksecrets.files.convert import converted

    new = place.laid_out(by_name(name))
    try:
        return new, converted(plaintext, format, new)
    except KsecretsError as error:
        raise error.at(place.path) from None


def _again(reading: Reading, session: Session, asked: Asked) -> Encrypted:
    """A file that is encrypted already: unchanged where it is in order, sealed where it is not (sops wrote it last, it
    was moved, the rules choose other values).
    """
    place = reading.place
    if place.environment is None:
        refuse_vanished_rules(place, session)
    seen = inspect(reading.text, place)
    if asked.readers(place):
        seen.refuse_other_readers(policy_for(place, None, asked, session))
    if seen.sealed:
        if place.policy is not None and place.policy.recipients:
            seen.refuse_other_readers(place.policy)
        if seen.is_as_the_rules_say() and asked.is_met_by(seen.metadata, place):
            result = Encrypted(
                place.path,
                reading.text,
                values=seen.values,
                readers=[reader.name for reader in seen.readers],
                environment=seen.environment,
            )
            result.changed = False
            return result
    opened = open_file(reading, session, keep_tokens=True)
    return seal_file(place, opened.plaintext, session, previous=opened, asked=asked)
