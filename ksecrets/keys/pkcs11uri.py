"""The URIs that name keys in tokens (RFC 7512), as far as a name goes: nothing that could run code or hold a PIN."""

from __future__ import annotations

from ksecrets.errors import ConfigError

_TOKEN = ("token", "serial", "manufacturer", "model")
_KEY = ("object", "id")
_HINT = "pkcs11:token=TOKEN;object=LABEL, as `p11tool --list-tokens` shows it"
_LONGEST = 1000


class Uri:
    """text: as given. token: (label or None, serial or None). label, id: of the key, at least one."""

    __slots__ = ("id", "label", "text", "token")

    def __init__(self, text: str, token: tuple[str | None, str | None], label: str | None, id: bytes | None) -> None:
        self.text = text
        self.token = token
        self.label = label
        self.id = id


def parse(text: str) -> Uri:
    """The parts of a URI. Raises ConfigError for anything that does not name one key in one token.

    A query is refused: `module-path` would load a library, `pin-value` and `pin-source` would give a PIN away.
    """
    from urllib.parse import unquote_to_bytes

    scheme, _, rest = text.partition(":")
    shown = "".join(c if c.isprintable() else "?" for c in text.partition("?")[0][:80])
    if scheme != "pkcs11" or not text.isascii() or not text.isprintable() or len(text) > _LONGEST:
        raise ConfigError(f"not the URI of a PKCS#11 key: {shown}", hint=_HINT)
    if "?" in rest:
        raise ConfigError(
            f"a PKCS#11 URI names a key here, nothing behind a `?`: {shown}",
            hint="KSECRETS_PKCS11_MODULE names the library, KSECRETS_PKCS11_PIN the PIN",
        )
    found: dict[str, bytes] = {}
    for part in rest.split(";"):
        name, equals, value = part.partition("=")
        if name == "type" and value == "private":
            continue
        if name not in (*_TOKEN, *_KEY) or not equals or not value or name in found:
            raise ConfigError(f"not the URI of a PKCS#11 key: {shown}", hint=_HINT)
        found[name] = unquote_to_bytes(value)
    texts = {name: value.decode("utf-8", "replace") for name, value in found.items()}
    if not ("token" in found or "serial" in found) or not ("object" in found or "id" in found):
        raise ConfigError(f"a PKCS#11 URI must say which token and which key: {shown}", hint=_HINT)
    return Uri(text, (texts.get("token"), texts.get("serial")), texts.get("object"), found.get("id"))
