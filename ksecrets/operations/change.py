"""set, unset: change one value of one file."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.operations.writing import Encrypted, seal_file, store
from ksecrets.text.path import parse as parse_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.files.formats import Format


def set(
    path: str, key: str, value: object, *, input_type: str | None = None, session: Session | None = None
) -> Encrypted:
    """Set one value of one file, and write it; every other byte of the plaintext stays.

    value: a str, or what JSON knows (int, float, bool, None, list, dict). Missing mappings on the way are made.
    Whether the new value is encrypted is for the rules to say, never for the file. input_type: the format of the file,
    where it is not the one that its name says.
    """

    def change(plaintext: str, format: Format) -> str:
        from ksecrets.text.extract import is_collection

        place = parse_path(key)
        if isinstance(value, str) and is_collection(plaintext, place, format.scan):
            raise KsecretsError(
                "several values stand here, and one text would take their place",
                path=key,
                hint="name one of them, `unset` them first, or give the new value with --json",
            )
        return format.set_value(plaintext, place, value)

    return _change(path, change, input_type, session or Session())


def unset(path: str, key: str, *, input_type: str | None = None, session: Session | None = None) -> Encrypted:
    """Remove one value of one file with its key, and write it."""

    def change(plaintext: str, format: Format) -> str:
        return format.unset_value(plaintext, parse_path(key))

    return _change(path, change, input_type, session or Session())


def _change(path: str, change: Callable[[str, Format], str], input_type: str | None, session: Session) -> Encrypted:
    reading = read(path, None, session, input_type)
    opened = open_file(reading, session, keep_tokens=True)
    try:
        plaintext = change(opened.plaintext, reading.place.laid_out(opened.format))
    except KsecretsError as error:
        raise error.at(path) from None
    return store(seal_file(reading.place, plaintext, session, previous=opened), session, reading.source)
