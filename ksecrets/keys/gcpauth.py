"""Who we are to Google: an access token, found where sops and Google's own tools find it.

    GOOGLE_CREDENTIALS            a service account or another credential as JSON, or the path of its file (as sops)
    GOOGLE_OAUTH_ACCESS_TOKEN     the token itself
    Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS (service accounts, and workload identity federation
        from GitHub, AWS, Azure, any OIDC), `gcloud auth application-default login`, and the metadata server (GKE,
        Cloud Run, Compute Engine)

For service accounts and logins of gcloud nothing of Google's is loaded (keys/gcptoken.py). For the others google-auth
is an extra, `gcp`. It asks for tokens through `keys.web` where it lets us (its own way for the metadata server needs
`requests`, which the extra brings), and is never asked for a project, for which it would start gcloud.
"""

from __future__ import annotations

import os
import time

from ksecrets.errors import ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.gcptoken import SCOPES, Grant, grant
from ksecrets.keys.remote import needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.keys.remote import Access

_LARGEST_FILE = 1 << 20
_KEPT = "gcp-credentials"
# the metadata server is next to us; elsewhere nobody answers at its address
_SECONDS_FOR_METADATA = 3.0


def authorize(access: Access, deadline: float) -> dict[str, str]:
    """The headers that say who we are. Raises ServiceFailed (`credentials`, or why a token could not be had)."""
    token = access.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")
    if token and not access.environ.get("GOOGLE_CREDENTIALS"):
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ServiceFailed("GOOGLE_OAUTH_ACCESS_TOKEN is no token", reason="credentials")
        return {"Authorization": f"Bearer {token}"}
    found = access.kept(_KEPT, lambda: _find(access, deadline))
    if isinstance(found, Grant):
        return found.headers(access, deadline)
    credentials, lock = found
    from google.auth import exceptions

    headers: dict[str, str] = {}
    with lock:
        try:
            credentials.before_request(
                _transport(access, deadline), "POST", "https://cloudkms.googleapis.com/", headers
            )
        except exceptions.GoogleAuthError as error:
            raise _failure(error) from None
    return {name: value for name, value in headers.items() if name.lower() in ("authorization", "x-goog-user-project")}


def forget(access: Access) -> None:
    """The service does not take the token: get another one next time."""
    access.forget(_KEPT)


def _find(access: Access, deadline: float) -> Grant | tuple[Any, Any]:
    """What gives a token: our own, or one of google-auth with a lock, as its are not made for threads."""
    environ = access.environ
    given = environ.get("GOOGLE_CREDENTIALS", "")
    if given and os.path.exists(given):
        given = _read(given)
    file = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "") or _file_of_gcloud(access)
    info = _parsed(given or _read(file)) if given or file else None
    own = grant(info) if info is not None else None
    if own is not None:
        return own
    try:
        import google.auth
        from google.auth import exceptions
    except ImportError:
        raise needed("gcp", "Google Cloud KMS, for credentials of this kind,") from None
    import logging
    import threading

    # it warns about projects and quotas, which are no matter here; a program that listens to its log still hears it
    logging.getLogger("google.auth").addHandler(logging.NullHandler())
    try:
        if info is not None:
            found = _of_google(info, access, deadline)
        else:
            found, _ = google.auth.default(scopes=SCOPES, request=_transport(access, deadline, metadata=True))
    except (exceptions.GoogleAuthError, ValueError, OSError) as error:
        raise _failure(error) from None
    return found, threading.Lock()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read(_LARGEST_FILE)
    except (OSError, UnicodeError):
        raise ServiceFailed(f"the credentials of Google cannot be read: {path}", reason="credentials") from None


def _parsed(text: str) -> dict[str, Any]:
    import json

    try:
        info = json.loads(text)
    except ValueError:
        info = None
    if not isinstance(info, dict):
        raise ServiceFailed("the credentials of Google are neither a file nor JSON", reason="credentials")
    return info


def _of_google(info: dict[str, Any], access: Access, deadline: float) -> Any:
    """The credentials of google-auth that a JSON describes.

    Federation is made by its own classes: the general way would ask Google for the name of a project, or start gcloud
    for it, neither of which is needed to use a key.
    """
    kind, source = info.get("type"), info.get("credential_source")
    module: Any
    if kind == "external_account" and isinstance(source, dict) and "executable" not in source:
        if info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
            from google.auth import aws as module
        else:
            from google.auth import identity_pool as module
        return module.Credentials.from_info(info, scopes=SCOPES)
    import google.auth as module

    return module.load_credentials_from_dict(info, scopes=SCOPES, request=_transport(access, deadline))[0]


def _file_of_gcloud(access: Access) -> str:
    environ = access.environ
    if os.name == "nt":
        folder = environ.get("CLOUDSDK_CONFIG") or os.path.join(environ.get("APPDATA", ""), "gcloud")
    else:
        folder = environ.get("CLOUDSDK_CONFIG") or os.path.join(environ.get("HOME", ""), ".config", "gcloud")
    path = os.path.join(folder, "application_default_credentials.json")
    return path if os.path.isfile(path) else ""


def _transport(access: Access, deadline: float, *, metadata: bool = False) -> Any:
    """What google-auth calls a Request: it is called with a URL, and gives status, headers and data."""
    from google.auth import exceptions

    transport_error: Any = exceptions.TransportError

    def request(
        url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: float | None = None, **more: Any
    ) -> _Response:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        limit = _SECONDS_FOR_METADATA if metadata else timeout
        until = min(deadline, time.monotonic() + limit) if limit else deadline
        data = body.encode() if isinstance(body, str) else body
        try:
            return _Response(
                web.origin(f"{scheme}://{host}", access).ask(
                    method, slash + path or "/", deadline=until, headers=headers, body=data
                )
            )
        except ServiceFailed as error:
            raise transport_error(error) from error

    return request


class _Response:
    """google.auth.transport.Response."""

    __slots__ = ("data", "headers", "status")

    def __init__(self, reply: web.Reply) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.data = reply.body


def _failure(error: Exception) -> ServiceFailed:
    cause: Any = error
    while cause is not None:
        if isinstance(cause, ServiceFailed):
            # the token endpoint could not be reached: that may pass
            return ServiceFailed(f"no token could be had: {cause.message}", reason=cause.reason, hint=cause.hint)
        cause = next((each for each in getattr(cause, "args", ()) if isinstance(each, Exception)), None)
    # the name only: what it says may repeat an assertion or a token
    return ServiceFailed(
        f"no credentials of Google were found, or they are not taken ({type(error).__name__})",
        reason="credentials",
        hint="gcloud auth application-default login, GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_OAUTH_ACCESS_TOKEN",
    )
