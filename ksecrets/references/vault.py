"""Values of HashiCorp Vault or OpenBao, KV version 1 and 2, at VAULT_ADDR and with the user's own token.

``ref+vault://MOUNT/PATH#/KEY``, or the key as the last part of the path. Whether a mount has versions is asked of the
server (sys/internal/ui/mounts), as the `vault` program does it.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.references.expression import Reference
    from ksecrets.references.resolve import References

_SECONDS = 30
_LIMIT = 4 << 20


def vault(references: References, reference: Reference) -> object:
    """The value of a key. Raises KsecretsError, which shows no value and no token."""
    from ksecrets.references.resolve import at_keys

    environ = references.environ
    address = environ.get("VAULT_ADDR", "").rstrip("/")
    if not address:
        raise KsecretsError("a reference to vault is followed at VAULT_ADDR only, which is not set")
    named = reference.parameters.get("address", address).rstrip("/")
    if named != address:
        raise KsecretsError(f"a reference to vault names {named}, which is not VAULT_ADDR")
    parts = reference.path.strip("/").split("/")
    keys = reference.keys
    if not keys:
        keys = (parts.pop(),)
    if any(part in ("", ".", "..") for part in parts) or not parts:
        raise KsecretsError("a reference to vault is no MOUNT/PATH#/KEY")
    namespace = reference.parameters.get("namespace") or environ.get("VAULT_NAMESPACE", "")
    secret = _Client(address, environ, namespace).read(parts, reference.parameters.get("version"))
    value = at_keys(secret, keys, reference)
    if reference.parameters.get("decode", "raw") == "base64" and isinstance(value, str):
        import binascii

        try:
            return binascii.a2b_base64(value).decode()
        except ValueError:
            raise KsecretsError("a value of vault is no base64 of a text") from None
    return value


class _Client:
    """Asks one server. Its repr shows nothing."""

    __slots__ = ("_address", "_environ", "_headers")

    def __init__(self, address: str, environ: Mapping[str, str], namespace: str) -> None:
        import urllib.parse

        parts = urllib.parse.urlsplit(address)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise KsecretsError(f"VAULT_ADDR {address} is not https", hint="http is for this machine only")
        self._address = address
        self._environ = environ
        self._headers = {"X-Vault-Request": "true", "X-Vault-Token": _token(environ)}
        if namespace:
            self._headers["X-Vault-Namespace"] = namespace

    def read(self, parts: list[str], version: str | None) -> object:
        """The data of a secret."""
        path = "/".join(parts)
        mount, has_versions = self._mount(path)
        if has_versions:
            rest = path[len(mount) :].lstrip("/")
            data = self._get(f"{mount.rstrip('/')}/data/{rest}", version)
            data = data.get("data") if isinstance(data, dict) else None
        else:
            data = self._get(path, None)
        if not isinstance(data, dict):
            raise KsecretsError(f"vault has no secret {path}")
        return data

    def _mount(self, path: str) -> tuple[str, bool]:
        try:
            found = self._get(f"sys/internal/ui/mounts/{path}", None)
        except _Missing:  # an old server, which has no versions
            return "", False
        if not isinstance(found, dict):
            return "", False
        options = found.get("options")
        return str(found.get("path") or ""), isinstance(options, dict) and options.get("version") == "2"

    def _get(self, path: str, version: str | None) -> object:
        """The `data` of an answer."""
        import http.client
        import json
        import ssl
        import urllib.error
        import urllib.parse
        import urllib.request

        url = f"{self._address}/v1/{urllib.parse.quote(path)}"
        if version is not None:
            url += "?" + urllib.parse.urlencode({"version": version})
        context = ssl.create_default_context(cafile=self._environ.get("VAULT_CACERT") or None)

        class NoRedirect(urllib.request.HTTPRedirectHandler):
            """A token goes nowhere else."""

            def redirect_request(self, *_: object, **__: object) -> None:
                return None

        opener = urllib.request.build_opener(NoRedirect(), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(urllib.request.Request(url, headers=self._headers), timeout=_SECONDS) as answer:
                data = json.loads(answer.read(_LIMIT))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise _Missing(f"vault has no secret {path}") from None
            raise KsecretsError(f"vault answers {error.code} for {path}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise KsecretsError(f"vault at {self._address} cannot be asked: {reason}") from None
        return data.get("data") if isinstance(data, dict) else None


class _Missing(KsecretsError):
    """The server has nothing there."""


def _token(environ: Mapping[str, str]) -> str:
    token = environ.get("VAULT_TOKEN", "")
    if token:
        return token
    path = os.path.join(environ.get("HOME", ""), ".vault-token")
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().strip()
    except (OSError, ValueError):
        raise KsecretsError("a reference to vault needs a token", hint="vault login, or set VAULT_TOKEN") from None
