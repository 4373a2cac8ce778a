"""decrypt: the plaintext of one file, byte for byte what was encrypted."""

from __future__ import annotations

from ksecrets.errors import KsecretsError, UsageError
from ksecrets.operations.reading import is_encrypted, open_file, read, refuse_plaintext
from ksecrets.operations.session import Session
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.files.open import Opened
    from ksecrets.operations.reading import Reading
    from ksecrets.operations.session import Place


def to_bytes(text: str) -> bytes:
    """A plaintext as the bytes of its file."""
    return text.encode("utf-8", "surrogateescape")


class Decrypted:
    """One file in plaintext. Its repr shows none of it.

    path: as given. text: the whole file, line ends and byte order mark kept; of a binary file what is no UTF-8 stands
    as Python's surrogate escapes, and `data` has its bytes. encrypted: False where it was plaintext
    and was passed on as it is. sealed: it carried a valid seal. environment: by the rules, or None. values: how many
    of its values were encrypted.
    """

    __slots__ = ("encrypted", "environment", "path", "sealed", "text", "values")

    def __init__(
        self, path: str, text: str, *, encrypted: bool, sealed: bool, environment: str | None, values: int
    ) -> None:
        self.path = path
        self.text = text
        self.encrypted = encrypted
        self.sealed = sealed
        self.environment = environment
        self.values = values

    @property
    def data(self) -> bytes:
        """The bytes of the plaintext: what is to stand in a file."""
        return to_bytes(self.text)

    def __repr__(self) -> str:
        return f"<Decrypted {self.path}, {self.values} values>"


def decrypt(
    path: str,
    *,
    text: str | None = None,
    write: bool = False,
    plain: Literal["refuse", "pass"] = "refuse",
    ignore_mac: bool = False,
    require_seal: bool = False,
    input_type: str | None = None,
    output_type: str | None = None,
    session: Session | None = None,
) -> Decrypted:
    """Decrypt and verify one file.

    path: the file; with `text` given (its content) nothing is read, and `path` only says which rules hold; ``-`` is no
    place at all. write: put the plaintext in the place of the file, atomically. plain: what to do with a file that has
    no metadata: an error, or pass it on, unless its environment wants it encrypted. ignore_mac: do not check MAC and
    seal. require_seal: a file without a seal is an error. input_type: its format, where it is not the one that its name
    says. output_type: the format to convert the plaintext to (`files.convert`).

    Raises NotEncrypted, NoIdentity, Tampered, SyntaxRefused, ConfigError; then nothing was written.
    """
    session = session or Session()
    reading = read(path, text, session, input_type)
    place = reading.place
    if plain == "pass" and not _encrypted(reading):
        refuse_plaintext(place)
        return Decrypted(path, reading.text, encrypted=False, sealed=False, environment=place.environment, values=0)
    opened = open_file(reading, session, require_seal=require_seal, ignore_mac=ignore_mac)
    plaintext = opened.plaintext
    if output_type not in (None, opened.format.name):
        plaintext = _converted(opened, output_type or "", place)
    if write:
        if reading.source is None:
            raise UsageError("only a file can be decrypted in place", file=path)
        for note in atomic.replace(path, to_bytes(plaintext), expected=reading.source):
            session.note(note, path)
    return Decrypted(
        path,
        plaintext,
        encrypted=True,
        sealed=opened.sealed,
        environment=place.environment,
        values=opened.values,
    )


def _converted(opened: Opened, name: str, place: Place) -> str:
    from ksecrets.files.convert import converted
    from ksecrets.files.formats import by_name

    try:
        return converted(opened.plaintext, opened.format, place.laid_out(by_name(name)))
    except KsecretsError as error:
        raise error.at(place.path) from None


def _encrypted(reading: Reading) -> bool:
    text, place = reading.text, reading.place
    try:
        return "sops" in text and is_encrypted(text, place.format(text))
    except KsecretsError as error:
        raise error.at(place.path) from None
