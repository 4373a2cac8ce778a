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
    ignore_mac: bool = False,
    require_seal: bool = False,
    session: Session | None = None,
) -> str:
    """One value of one file, decrypted: a scalar's content, a collection as YAML.

    key: ``a.b[0].c`` or ``["a"]["b"][0]``; in a stream of documents it means the first one. ignore_mac,
    require_seal: as for `decrypt`. Raises as that does, and NoSuchValue.
    """
    session = session or Session()
    reading = read(path, text, session)
    opened = open_file(reading, session, ignore_mac=ignore_mac, require_seal=require_seal)
    try:
        return extract(opened.plaintext, parse_path(key))
    except KsecretsError as error:
        raise error.at(path) from None
