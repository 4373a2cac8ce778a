"""Who we are to Azure: a token for the vault, from the variables that Azure's own SDKs read.

    AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET          a service principal
    AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE   workload identity: AKS, GitHub, any OIDC
    AZURE_AUTHORITY_HOST                                           another cloud than the public one
    otherwise                                                      azure-identity: managed identity, `az login`, ...

The first two are one form (RFC 6749, 4.4; RFC 7523) that is posted from here, since loading azure-identity takes longer
than all the rest. For the others it is an extra, `azure`. AZURE_TOKEN_CREDENTIALS leaves the choice to it.

A token is only asked for an audience that belongs to the vault's host: the known clouds' by the host's name, that of
another by the vault's challenge, whose resource must be a domain that the host is in.
"""

from __future__ import annotations

import time

from ksecrets.errors import ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.remote import needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.keys.remote import Access

_CLOUDS = (
    "vault.azure.net",
    "managedhsm.azure.net",
    "vault.azure.cn",
    "managedhsm.azure.cn",
    "vault.usgovcloudapi.net",
    "managedhsm.usgovcloudapi.net",
)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HINT = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, or `az login`"
_MARGIN = 120  # seconds before its end at which a token is not used any more
_LARGEST_ASSERTION = 1 << 16


def authorize(vault: str, access: Access, deadline: float) -> dict[str, str]:
    """The headers for a request to the vault: none where its audience is not known yet. Raises ServiceFailed."""
    audience = _audience(vault, access)
    if not audience:
        return {}
    token, until = access.kept(("azure-token", audience), lambda: _token(audience, access, deadline))
    if time.time() >= until:
        access.forget(("azure-token", audience))
        token, _ = access.kept(("azure-token", audience), lambda: _token(audience, access, deadline))
    return {"Authorization": f"Bearer {token}"}


def challenged(vault: str, reply: web.Reply, access: Access) -> bool:
    """Whether another attempt makes sense after this refusal: the audience was not known, or the token is thrown away.

    Raises ServiceFailed where the challenge names an audience that is not the vault's: a stranger would get a token for
    it.
    """
    audience = _audience(vault, access)
    if audience:
        access.forget(("azure-token", audience))
        return True
    found = _parameters(reply.headers.get("www-authenticate", ""))
    resource = (found.get("resource") or found.get("scope", "").removesuffix("/.default")).rstrip("/")
    domain = resource.removeprefix("https://")
    if not resource.startswith("https://") or not web.parts(vault)[1].endswith("." + domain):
        raise ServiceFailed("the vault asks for a token that is not for it", reason="untrusted")
    _learnt(access)[vault] = resource
    return True


def _audience(vault: str, access: Access) -> str:
    host = web.parts(vault)[1]
    known = next(("https://" + cloud for cloud in _CLOUDS if host.endswith("." + cloud)), "")
    return known or _learnt(access).get(vault, "")


def _learnt(access: Access) -> dict[str, str]:
    # vault -> the audience of its challenge, for this process
    empty: dict[str, str] = {}
    return access.kept("azure-audiences", lambda: empty)


def _parameters(challenge: str) -> dict[str, str]:
    words = challenge.removeprefix("Bearer ").split(",")
    pairs = [word.strip().partition("=") for word in words]
    return {name: value.strip('"') for name, _, value in pairs}


def _token(audience: str, access: Access, deadline: float) -> tuple[str, float]:
    """An access token, and the time (of `time.time`) until which it is used."""
    environ = access.environ
    tenant, client = environ.get("AZURE_TENANT_ID", ""), environ.get("AZURE_CLIENT_ID", "")
    secret, file = environ.get("AZURE_CLIENT_SECRET", ""), environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
    others = environ.get("AZURE_TOKEN_CREDENTIALS") or environ.get("AZURE_CLIENT_CERTIFICATE_PATH")
    if not tenant or not client or not (secret or file) or (others and not secret):
        return _from_sdk(audience, access)
    if not all(c.isalnum() or c in "-." for c in tenant):
        raise ServiceFailed("AZURE_TENANT_ID is no tenant", reason="credentials", hint=_HINT)
    form = {"client_id": client, "grant_type": "client_credentials", "scope": f"{audience}/.default"}
    if secret:
        form["client_secret"] = secret
    else:
        form |= {"client_assertion_type": _ASSERTION, "client_assertion": _assertion(file)}
    return _posted(tenant, form, access, deadline)


def _assertion(file: str) -> str:
    # read anew for each token: whoever put it there replaces it before it ends
    try:
        with open(file, encoding="ascii") as stream:
            return stream.read(_LARGEST_ASSERTION).strip()
    except (OSError, UnicodeError):
        raise ServiceFailed(f"AZURE_FEDERATED_TOKEN_FILE cannot be read: {file}", reason="credentials") from None


def _posted(tenant: str, form: dict[str, str], access: Access, deadline: float) -> tuple[str, float]:
    from urllib.parse import urlencode

    host = access.environ.get("AZURE_AUTHORITY_HOST") or "login.microsoftonline.com"
    host = (host if "://" in host else f"https://{host}").rstrip("/")
    reply = web.origin(host, access).ask(
        "POST",
        f"/{tenant}/oauth2/v2.0/token",
        deadline=deadline,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode("ascii"),
    )
    if reply.status != 200:
        # `error` is one of a few words (RFC 6749, 5.2); its description is not shown, it may repeat what was sent
        word = str(reply.error_json().get("error", ""))
        word = word if word.replace("_", "").isalpha() and len(word) < 40 else f"HTTP {reply.status}"
        reason = "credentials" if reply.status in (400, 401) else web.reason_of(reply.status)
        raise ServiceFailed(f"no token could be had from {host} ({word})", reason=reason, hint=_HINT)
    found = reply.error_json()
    token, seconds = found.get("access_token"), str(found.get("expires_in", ""))
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not seconds.isdigit():
        raise ServiceFailed(f"what {host} answered is no token", reason="answer")
    return token, time.time() + max(int(seconds) - _MARGIN, int(seconds) / 2)


def _from_sdk(audience: str, access: Access) -> tuple[str, float]:
    try:
        from azure.core.exceptions import AzureError
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise needed("azure", "Azure Key Vault") from None
    import logging

    # it tells every way that it tried; a program that listens to its log still hears it
    logging.getLogger("azure").addHandler(logging.NullHandler())

    def make() -> Any:
        return DefaultAzureCredential(process_timeout=int(max(1, access.seconds)))

    try:
        found = access.kept("azure-credential", make).get_token(f"{audience}/.default")
    except (AzureError, ValueError) as error:
        raise ServiceFailed(
            f"no credentials of Azure were found, or they are not taken ({type(error).__name__})",
            reason="credentials",
            hint=_HINT,
        ) from None
    return found.token, found.expires_on - _MARGIN
