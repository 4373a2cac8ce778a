"""A values file from somewhere else: by HTTP, or by the getter of another plugin of Helm (git+https://, s3://...).

The address stands in the user's own command line; nothing in a file leads here. Passwords in it, or of NETRC, go to
its host only, and stand in no message.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.helm.settings import Settings

_LIMIT = 64 << 20
_SECONDS = 60
_GONE = (404, 410)


def fetch(url: str, settings: Settings, child: Mapping[str, str]) -> bytes | None:
    """The content behind an address; None where an HTTP server says that there is nothing.

    child: the environment for Helm. Raises KsecretsError.
    """
    if url.startswith(("http://", "https://")):
        return _http(_expanded(url, settings.environ) if settings.variables else url, settings)
    return _by_helm(url, settings, child)


def shown(url: str) -> str:
    """The address without a password in it."""
    scheme, found, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + found + host.rpartition("@")[2] + slash + path


def _http(url: str, settings: Settings) -> bytes | None:
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        netloc = parts.netloc.rpartition("@")[2]
        request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=netloc, fragment="")))
        user, password = parts.username, parts.password
    except ValueError:
        raise UsageError("is no address", file=shown(url)) from None
    if user is None and settings.netrc:
        user, password = _netrc(settings.netrc, host)
    if user is not None:
        import binascii

        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password or '')}".encode()
        # Unlike a header of the request, it does not go along to another host.
        request.add_unredirected_header("Authorization", "Basic " + binascii.b2a_base64(pair, newline=False).decode())
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_LIMIT + 1)
    except urllib.error.HTTPError as error:
        if error.code in _GONE:
            return None
        raise KsecretsError(f"cannot be fetched: HTTP {error.code}", file=shown(url)) from None
    except urllib.error.URLError as error:
        raise KsecretsError(f"cannot be fetched: {_reason(error.reason)}", file=shown(url)) from None
    except (OSError, http.client.HTTPException) as error:
        raise KsecretsError(f"cannot be fetched: {_reason(error)}", file=shown(url)) from None
    if len(data) > _LIMIT:
        raise KsecretsError("is larger than 64 MiB", file=shown(url))
    return data


def _reason(error: object) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__) if isinstance(error, Exception) else str(error)


def _netrc(path: str, host: str) -> tuple[str | None, str | None]:
    import netrc

    try:
        found = netrc.netrc(path).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        raise KsecretsError("cannot be read as a netrc file", file=path, hint="see NETRC") from None
    return (found[0], found[2]) if found else (None, None)


def _expanded(url: str, environ: Mapping[str, str]) -> str:
    """`${NAME}` replaced by the user's variables (HELM_SECRETS_URL_VARIABLE_EXPANSION)."""
    out = ""
    while True:
        before, found, rest = url.partition("${")
        out += before
        if not found:
            return out
        name, end, url = rest.partition("}")
        if not end or name not in environ:
            raise UsageError(f"the variable {name} of an address is not set", hint=shown(out + found + rest))
        out += environ[name]


def _by_helm(url: str, settings: Settings, child: Mapping[str, str]) -> bytes:
    """What the getter of another plugin gives: Helm renders it in a small chart of ours."""
    import binascii
    import subprocess

    chart = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch-chart")
    value = url
    for letter in "\\,":
        value = value.replace(letter, "\\" + letter)
    argv = [settings.helm, "template", "fetch", chart, "--set-file", f"content={value}"]
    environ = {name: text for name, text in child.items() if name != "HELM_DEBUG"}
    try:
        done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise KsecretsError(f"cannot start {settings.helm}: {error.strerror}", hint="set HELM_BIN") from None
    mark = b"\ncontent: "
    at = done.stdout.find(mark)
    if done.returncode or at < 0:
        raise KsecretsError(
            "Helm cannot fetch it", file=shown(url), hint="is the plugin of its scheme installed? helm plugin list"
        )
    return binascii.a2b_base64(done.stdout[at + len(mark) :].split(b"\n", 1)[0])
