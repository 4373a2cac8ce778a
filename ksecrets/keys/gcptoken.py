"""Access tokens of Google for the two credentials that are one form each: a service account, and a person's own login.

google-auth takes 0.3 s to load; these need a signature and a request. What they send is what it sends
(google/oauth2/_client.py): a JWT that the service account signs (RFC 7523), or the refresh token that
`gcloud auth application-default login` left. All other kinds are google-auth's (keys/gcpauth.py).
"""

from __future__ import annotations

import time
from _thread import allocate_lock

from ksecrets.errors import ServiceFailed
from ksecrets.keys import web

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ksecrets.keys.remote import Access

# as Google's own clients: what the token may do is for IAM to say (references to Secret Manager use it, too)
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TOKENS = "https://oauth2.googleapis.com/token"
_UNIVERSE = "googleapis.com"
_EARLY = 225  # seconds; as google-auth
_LIFETIME = 3600


class Grant:
    """A token that is asked for when it is needed, and again before it expires. Its repr shows nothing of it.

    form: makes what is sent to `address`. headers: what goes with every request beside the token. hint: for a person
    whose credentials are not taken.
    """

    __slots__ = ("_address", "_expires", "_form", "_headers", "_hint", "_lock", "_token")

    def __init__(self, address: str, form: Callable[[], dict[str, str]], headers: Mapping[str, str], hint: str) -> None:
        self._address = address
        self._form = form
        self._headers = headers
        self._hint = hint
        self._token = ""
        self._expires = 0.0
        self._lock = allocate_lock()

    def headers(self, access: Access, deadline: float) -> dict[str, str]:
        """The headers that say who we are. Raises ServiceFailed."""
        with self._lock:
            if not self._token or time.time() > self._expires - _EARLY:
                self._token, self._expires = self._ask(access, deadline)
            return {"Authorization": f"Bearer {self._token}", **self._headers}

    def _ask(self, access: Access, deadline: float) -> tuple[str, float]:
        from urllib.parse import urlencode

        scheme, _, rest = self._address.partition("://")
        host, slash, path = rest.partition("/")
        try:
            reply = web.origin(f"{scheme}://{host}", access).ask(
                "POST",
                slash + path or "/",
                deadline=deadline,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(self._form()).encode("ascii"),
            )
        except ServiceFailed as error:
            # nobody listens at the login: that may pass
            raise ServiceFailed(
                f"no token could be had: {error.message}", reason=error.reason, hint=error.hint
            ) from None
        if reply.status != 200:
            raise self._refused(reply)
        found = reply.json()
        token, seconds = found.get("access_token"), found.get("expires_in")
        good = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
        if not token or not good:
            raise ServiceFailed(f"what {host} gave is no access token", reason="answer")
        return str(token), time.time() + (seconds if isinstance(seconds, int) and 0 < seconds < 1 << 20 else _EARLY)

    def _refused(self, reply: web.Reply) -> ServiceFailed:
        reason = web.reason_of(reply.status)
        if reason in ("throttled", "unavailable"):
            return ServiceFailed(f"no token could be had: the login answered HTTP {reply.status}", reason=reason)
        # the code alone: what is said beside it may repeat what was sent
        code = str(reply.error_json().get("error", ""))
        code = code if code.isascii() and code.replace("_", "").isalnum() and len(code) < 40 else f"HTTP {reply.status}"
        return ServiceFailed(f"Google does not take the credentials ({code})", reason="credentials", hint=self._hint)

    def __repr__(self) -> str:
        return "<Grant>"


def grant(info: Mapping[str, Any]) -> Grant | None:
    """The grant for a credential as its JSON has it, None where it is of another kind, or not of Google's own cloud.

    Raises ServiceFailed where a field is missing, or the private key cannot be read.
    """
    if info.get("universe_domain") not in (None, "", _UNIVERSE):
        return None
    if info.get("type") == "service_account":
        return _service_account(info)
    if info.get("type") == "authorized_user":
        return _person(info)
    return None


def _service_account(info: Mapping[str, Any]) -> Grant:
    email, address, pem = _texts(info, "service account", "client_email", "token_uri", "private_key")
    number = info.get("private_key_id")
    key = _private_key(pem)

    def form() -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": email, "scope": " ".join(SCOPES), "aud": _TOKENS, "iat": now, "exp": now + _LIFETIME}
        assertion = _signed({"typ": "JWT", "alg": "RS256", **({"kid": str(number)} if number else {})}, claims, key)
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}

    hint = "was the key of the service account deleted? is the clock of this machine right?"
    return Grant(address, form, {}, hint)


def _person(info: Mapping[str, Any]) -> Grant:
    client, secret, token = _texts(info, "login", "client_id", "client_secret", "refresh_token")
    form = {
        "grant_type": "refresh_token",
        "client_id": client,
        "client_secret": secret,
        "refresh_token": token,
        "scope": " ".join(SCOPES),
    }
    project = info.get("quota_project_id")
    named = isinstance(project, str) and project.isascii() and project.isprintable() and project
    headers = {"x-goog-user-project": str(project)} if named else {}
    return Grant(_TOKENS, lambda: form, headers, "log in again: gcloud auth application-default login")


def _texts(info: Mapping[str, Any], what: str, *names: str) -> list[str]:
    missing = [name for name in names if not isinstance(info.get(name), str) or not info[name]]
    if missing:
        raise ServiceFailed(f"the credentials of Google are no {what}: no {', '.join(missing)}", reason="credentials")
    return [info[name] for name in names]


def _private_key(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ServiceFailed("the private key of the service account is no RSA key in PEM", reason="credentials")
    return key


def _signed(header: Mapping[str, str], claims: Mapping[str, object], key: Any) -> str:
    """A JWT, signed with RS256 (RFC 7515, 7518 3.3)."""
    import json

    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    text = b".".join(_url64(json.dumps(part).encode()) for part in (header, claims))
    return (text + b"." + _url64(key.sign(text, PKCS1v15(), SHA256()))).decode("ascii")


def _url64(data: bytes) -> bytes:
    from binascii import b2a_base64

    return b2a_base64(data, newline=False).translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"=")
