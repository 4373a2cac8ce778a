"""get: one value of one file."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.text.extract import extract
from ksecrets.text.path import parse as parse_path


def get(
    path: str,
    key: str,
    *,
    text: str | None = None,
    input_type: str | None = None,
    ignore_mac: bool = False,
    require_seal: bool = False,
    session: Session | None = None,
) -> str:
    """One value of one file, decrypted: a scalar's content, a collection as its source.

    key: ``a.b[0].c`` or ``["a"]["b"][0]``; in a stream of documents it means the first one. input_type: the format of
    the file, where it is not the one that its name says. ignore_mac, require_seal: as for `decrypt`. Raises as that
    does, and NoSuchValue.
    """
    session = session or Session()
    reading = read(path, text, session, input_type)
    opened = open_file(reading, session, ignore_mac=ignore_mac, require_seal=require_seal)
    if opened.format.name == "binary":
        raise KsecretsError(
            "a binary file has no values to name: it is one", file=path, hint=f"ksecrets decrypt {path}"
        )
    try:
        if opened.format.name == "dotenv":
            from ksecrets.text.dotenvpatch import get_value  # not for the others

            value = get_value(opened.plaintext, parse_path(key))
            if value is not None:
                return value
        return extract(opened.plaintext, parse_path(key), opened.format.scan)
    except KsecretsError as error:
        raise error.at(path) from None
