"""get: one value of one file."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.files.formats import by_name
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.text.extract import extract, is_collection
from ksecrets.text.path import parse as parse_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.files.formats import Format
    from ksecrets.text.path import Path


def get(
    path: str,
    key: str,
    *,
    text: str | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    ignore_mac: bool = False,
    require_seal: bool = False,
    session: Session | None = None,
) -> str:
    """One value of one file, decrypted: a scalar's content, a collection as its source.

    key: ``a.b[0].c`` or ``["a"]["b"][0]``; in a stream of documents it means the first one. input_type: the format of
    the file, where it is not the one that its name says. output_type: the format that a collection comes in; a scalar
    is the same in all of them. ignore_mac, require_seal: as for `decrypt`. Raises as that does, and NoSuchValue.
    """
    session = session or Session()
    wanted = by_name(output_type) if output_type is not None else None
    reading = read(path, text, session, input_type)
    opened = open_file(reading, session, ignore_mac=ignore_mac, require_seal=require_seal)
    if opened.format.name == "binary":
        raise KsecretsError(
            "a binary file has no values to name: it is one", file=path, hint=f"ksecrets decrypt {path}"
        )
    try:
        place = parse_path(key)
        if opened.format.name == "dotenv":
            from ksecrets.text.dotenvpatch import get_value  # not for the others

            value = get_value(opened.plaintext, place)
            if value is not None:
                return value
        scan = opened.format.scan
        if wanted is not None and wanted.name != opened.format.name and is_collection(opened.plaintext, place, scan):
            return _converted(opened.plaintext, place, opened.format, reading.place.laid_out(wanted))
        return extract(opened.plaintext, place, scan)
    except KsecretsError as error:
        raise error.at(path) from None


def _converted(plaintext: str, path: Path, old: Format, new: Format) -> str:
    """A collection in another format."""
    from ksecrets.files.convert import converted  # nobody waits for it

    if new.name not in ("json", "yaml"):
        return converted(extract(plaintext, path, old.scan), old, new)
    # These hold whatever stands around it, too: aliases to what is elsewhere in the file, and lists.
    source = extract(converted(plaintext, old, new), path, new.scan)
    if new.name == "yaml":
        return source
    *lines, last = source.split("\n")
    margin = last[: -len(last.lstrip())]
    return "\n".join([line.removeprefix(margin) for line in (*lines, last)]) + "\n"
