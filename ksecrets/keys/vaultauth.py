"""Who we are for Vault and OpenBao: a token, or a login that gives one.

Without VAULT_AUTH_METHOD, the first that there is: VAULT_TOKEN, AppRole (VAULT_ROLE_ID), `~/.vault-token`. With it:

    token                     VAULT_TOKEN or ~/.vault-token
    approle                   VAULT_ROLE_ID, and VAULT_SECRET_ID or VAULT_SECRET_ID_FILE
    kubernetes                VAULT_ROLE, and VAULT_JWT or VAULT_JWT_FILE (the pod's own service account by default)
    jwt                       VAULT_ROLE, and VAULT_JWT or VAULT_JWT_FILE (an OIDC token of CI)
    VAULT_LOGIN_MOUNT_POINT   where the method is mounted, if not at its own name
    VAULT_NAMESPACE           sent with every request

Every variable may begin with BAO_ in place of VAULT_. A token that came from a login is used for all files of a run,
and never written anywhere.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.keys.remote import Access

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_LONGEST_TOKEN = 1 << 16
_METHODS = ("token", "approle", "kubernetes", "jwt")
_SEGMENT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def setting(environ: Mapping[str, str], name: str) -> str:
    """VAULT_NAME, or BAO_NAME; empty where neither is set."""
    return environ.get(f"VAULT_{name}") or environ.get(f"BAO_{name}") or ""


def is_path(text: str) -> bool:
    """Whether a text is a path of plain segments: nothing in it can become another call of the API."""
    return all(part and part[0] not in ".-" and _SEGMENT.issuperset(part) for part in text.split("/"))


def token(access: Access, address: str, deadline: float) -> tuple[str, bool]:
    """The token for a server, and whether a login gave it (so that another login may give a better one).

    Raises ServiceFailed: `credentials` where there is none, or a login is refused.
    """
    environ = access.environ
    method = setting(environ, "AUTH_METHOD").lower()
    if method and method not in _METHODS:
        raise _failed(f"VAULT_AUTH_METHOD is none of {', '.join(_METHODS)}")
    if not method:
        method = "approle" if not setting(environ, "TOKEN") and setting(environ, "ROLE_ID") else "token"
    if method != "token":
        return access.kept(("vault-token", address), lambda: _login(access, address, method, deadline)), True
    found = setting(environ, "TOKEN").strip()
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if not found and home:
        found = _read(os.path.join(home, ".vault-token"), optional=True)
    if not found:
        raise ServiceFailed(
            "there is no token", reason="credentials", hint="log in (`vault login`, `bao login`), or set VAULT_TOKEN"
        )
    if not found.isascii() or not found.isprintable() or " " in found:
        raise _failed("the token is not one line of text")
    return found, False


def forget(access: Access, address: str) -> None:
    """Log in anew when a token is next needed."""
    access.forget(("vault-token", address))


def is_valid(access: Access, address: str, who: str, deadline: float) -> bool:
    """Whether a token that was refused something may at least look at itself, as every policy but a bare one lets it.

    The refusal alone does not tell a token that has expired from one that may not do this.
    """
    return ask(access, address, "auth/token/lookup-self", None, who, deadline).status != 403


def ask(
    access: Access, address: str, path: str, body: Mapping[str, str] | None, who: str, deadline: float
) -> web.Reply:
    """POST a JSON body to `/v1/PATH`, or GET it without one. who: the token, or empty.

    Raises ServiceFailed as `web.Origin.ask`.
    """
    import json

    headers = {"X-Vault-Request": "true", **({} if body is None else {"Content-Type": "application/json"})}
    if who:
        headers["X-Vault-Token"] = who
    namespace = setting(access.environ, "NAMESPACE").strip("/")
    if namespace:
        if not is_path(namespace):
            raise _failed("VAULT_NAMESPACE is no namespace")
        headers["X-Vault-Namespace"] = namespace
    data = None if body is None else json.dumps(dict(body)).encode()
    method = "GET" if body is None else "POST"
    return _server(access, address).ask(method, f"/v1/{path}", deadline=deadline, headers=headers, body=data)


def _server(access: Access, address: str) -> web.Origin:
    own = {"SSL_CERT_FILE": setting(access.environ, "CACERT"), "SSL_CERT_DIR": setting(access.environ, "CAPATH")}
    environ = {**access.environ, **{name: value for name, value in own.items() if value}}
    return access.kept(("vault", address), lambda: web.Origin(address, environ))


def said(reply: web.Reply) -> str:
    """What the server gives as its reasons, in one printable line."""
    errors = reply.error_json().get("errors")
    texts = [str(each) for each in errors] if isinstance(errors, list) else []
    line = " ".join(" ".join(texts).split())
    return "".join(char if char.isprintable() else "?" for char in line)[:300]


def _login(access: Access, address: str, method: str, deadline: float) -> str:
    environ = access.environ
    if method == "approle":
        body = {"role_id": setting(environ, "ROLE_ID"), "secret_id": _given(environ, "SECRET_ID")}
        if not body["role_id"]:
            raise _failed("VAULT_ROLE_ID is not set")
        if not body["secret_id"]:
            del body["secret_id"]
    else:
        default = _SERVICE_ACCOUNT if method == "kubernetes" else ""
        body = {"role": setting(environ, "ROLE"), "jwt": _given(environ, "JWT", default)}
        if not body["role"] or not body["jwt"]:
            raise _failed(f"for {method}, VAULT_ROLE and VAULT_JWT or VAULT_JWT_FILE are needed")
    mount = setting(environ, "LOGIN_MOUNT_POINT").strip("/") or method
    if not is_path(mount):
        raise _failed("VAULT_LOGIN_MOUNT_POINT is no path")
    reply = ask(access, address, f"auth/{mount}/login", body, "", deadline)
    if reply.status != 200:
        reason = web.reason_of(reply.status)
        if reason not in ServiceFailed.AGAIN:
            reason = "credentials"
        raise ServiceFailed(
            f"the login with {method} failed (HTTP {reply.status}: {said(reply) or 'no reason given'})", reason=reason
        )
    auth = reply.json().get("auth")
    found = auth.get("client_token") if isinstance(auth, dict) else None
    if not isinstance(found, str) or not found or not found.isascii() or not found.isprintable():
        raise ServiceFailed(f"its answer to the login with {method} has no token", reason="answer")
    return found


def _given(environ: Mapping[str, str], name: str, default: str = "") -> str:
    """A secret in a variable, or in the file that another one names."""
    path = setting(environ, f"{name}_FILE") or default
    return setting(environ, name).strip() or (_read(path) if path else "")


def _read(path: str, *, optional: bool = False) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(_LONGEST_TOKEN).strip()
    except FileNotFoundError:
        if optional:
            return ""
        raise _failed(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not a token'}") from None


def _failed(message: str) -> ServiceFailed:
    return ServiceFailed(message, reason="credentials")


def checked_address(address: str) -> str:
    """The address of a server without a `/` at its end. Raises ConfigError where it is none."""
    try:
        web.parts(address)
    except ServiceFailed as error:
        raise ConfigError(error.message, hint="https://HOST:PORT, without a path") from None
    return address.rstrip("/")
