"""Who we are for AWS: credentials from where its SDKs find them, and the signature of a request (Signature Version 4).

Read here, without an SDK: AWS_ACCESS_KEY_ID and its companions; the token of a workload (AWS_WEB_IDENTITY_TOKEN_FILE
with AWS_ROLE_ARN: IRSA, OIDC), exchanged at STS; a profile of an access key and nothing else (keys/awsprofile.py). All
others (roles of profiles, SSO, programs, containers, instances) are botocore's, which takes 0.3 s to load: the extra
`aws`. A named profile goes before the environment, the environment before AWS_PROFILE, as there.

Credentials stay in this process; those that expire are renewed five minutes before.
"""

from __future__ import annotations

import os
import time

from ksecrets.errors import ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.remote import needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.keys.remote import Access

_EARLY = 300
_SUFFIXES = {
    "cn": "amazonaws.com.cn",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "us-isof": "csp.hci.ic.gov",
    "eu-isoe": "cloud.adc-e.uk",
    "eusc": "amazonaws.eu",
}
"""The domain of a partition, by how its regions begin; `amazonaws.com` for all others."""


class Credentials:
    """An access key. expires: seconds since 1970, or None. Its repr shows nothing of it."""

    __slots__ = ("_signing", "access_key", "expires", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str = "", expires: float | None = None) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires = expires
        self._signing: dict[str, bytes] = {}

    def signing_key(self, scope: str) -> bytes:
        """The key that signs within `DATE/REGION/SERVICE/aws4_request`: the same for a day."""
        found = self._signing.get(scope)
        if found is None:
            import hmac

            found = b"AWS4" + self.secret_key.encode()
            for part in scope.split("/"):
                found = hmac.digest(found, part.encode(), "sha256")
            self._signing[scope] = found
        return found

    @property
    def stale(self) -> bool:
        """Whether they should be renewed before they are used."""
        return self.expires is not None and time.time() > self.expires - _EARLY

    def __repr__(self) -> str:
        return "<Credentials>"


def credentials(access: Access, region: str, profile: str, role: str, deadline: float) -> Credentials:
    """The credentials for a key: those of the profile, or the ones around us, and with them those of the role.

    Raises ServiceFailed: `credentials` where there are none or they are refused, `denied` where the role is.
    """
    name = ("aws-credentials", region, profile, role)
    found = access.kept(name, lambda: _find(access, region, profile, role, deadline))
    if found.stale:
        access.forget(name)
        found = access.kept(name, lambda: _find(access, region, profile, role, deadline))
    return found


def forget(access: Access, region: str, profile: str, role: str) -> None:
    """Look for credentials anew when they are next needed: the service does not take these."""
    for each in {role, ""}:
        access.forget(("aws-credentials", region, profile, each))


def _find(access: Access, region: str, profile: str, role: str, deadline: float) -> Credentials:
    if role:
        base = credentials(access, region, profile, "", deadline)
        return _assume(access, region, base, {"Action": "AssumeRole", "RoleArn": role}, deadline)
    environ = access.environ
    if not profile and environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        return Credentials(key, secret, environ.get("AWS_SESSION_TOKEN", ""))
    path = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "")
    if not profile and not environ.get("AWS_PROFILE") and path and environ.get("AWS_ROLE_ARN"):
        try:
            with open(path, encoding="ascii") as file:
                token = file.read(1 << 16).strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not a token"
            raise ServiceFailed(
                f"the token of AWS_WEB_IDENTITY_TOKEN_FILE cannot be read ({why.lower()})", reason="credentials"
            ) from None
        question = {
            "Action": "AssumeRoleWithWebIdentity",
            "RoleArn": environ["AWS_ROLE_ARN"],
            "WebIdentityToken": token,
        }
        name = environ.get("AWS_ROLE_SESSION_NAME", "")
        return _assume(access, region, None, {**question, **({"RoleSessionName": name} if name else {})}, deadline)
    named = profile or environ.get("AWS_PROFILE", "")
    if profile or not (path or environ.get("AWS_DEFAULT_PROFILE")):
        from ksecrets.keys.awsprofile import static

        found = static(named or "default", environ)
        if found is not None:
            return Credentials(*found)
    return _from_botocore(named or None)


def _from_botocore(profile: str | None) -> Credentials:
    try:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.session import Session
    except ImportError:
        error = needed("aws", "AWS, for credentials that are neither in the environment nor a key in a profile,")
        raise error from None
    try:
        chain = Session(profile=profile).get_credentials()
        frozen = chain.get_frozen_credentials() if chain is not None else None
    except (BotoCoreError, ClientError, OSError) as error:
        message = " ".join(str(error).split())[:300]
        raise ServiceFailed(f"no credentials ({message})", reason="credentials", hint=_LOGIN) from None
    if frozen is None:
        raise ServiceFailed("no credentials were found", reason="credentials", hint=_LOGIN)
    # a chain that renews itself is asked again after a while, and has then done so
    expires = time.time() + 2 * _EARLY if hasattr(chain, "refresh_needed") else None
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "", expires)


_LOGIN = "set AWS_PROFILE, or log in with the AWS command line (`aws sso login`)"


def _assume(
    access: Access, region: str, base: Credentials | None, question: Mapping[str, str], deadline: float
) -> Credentials:
    """The credentials that STS gives for a role; base: None where the question proves itself."""
    from urllib.parse import urlencode

    body = urlencode({"Version": "2011-06-15", "RoleSessionName": _session_name(), **question}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = post(access, "sts", region, headers, body, base, deadline)
    text = reply.body.decode("utf-8", "replace")
    if reply.status != 200:
        code, said = error_of(reply.body)
        code = code or f"HTTP {reply.status}"
        denied = code in ("AccessDenied", "AccessDeniedException")
        reason = "denied" if denied else "credentials" if 400 <= reply.status < 500 else "unavailable"
        if code.startswith(("Throttling", "RequestLimit")) or reply.status == 429:
            reason = "throttled"
        message = f"the role {question['RoleArn']} cannot be assumed: {printable(code)}: {printable(said)}"
        raise ServiceFailed(message, reason=reason)
    key, secret, token = (_element(text, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    if not key or not secret or not token:
        raise ServiceFailed("what STS answered is no credentials", reason="answer")
    return Credentials(key, secret, token, _time(_element(text, "Expiration")))


def error_of(body: bytes) -> tuple[str, str]:
    """Code and message of an error in XML, empty where it is none."""
    text = body.decode("utf-8", "replace")
    return _element(text, "Code"), _element(text, "Message")


def _element(text: str, name: str) -> str:
    """The text of the first XML element of this name that has no attributes; what STS writes needs no more."""
    inner = text.partition(f"<{name}>")[2].partition(f"</{name}>")
    plain = inner[0] if inner[1] else ""
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        plain = plain.replace(entity, character)
    return plain.strip()


def _time(text: str) -> float:
    import calendar

    try:
        return float(calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return time.time() + 900  # the shortest that a role can be had for


def _session_name() -> str:
    """`ksecrets@HOST`, for the log of AWS; only what it allows."""
    host = os.uname().nodename if hasattr(os, "uname") else "host"
    name = "".join(char for char in f"ksecrets@{host}" if char.isascii() and (char.isalnum() or char in "=,.@_-"))
    return name[:64]


def post(
    access: Access,
    service: str,
    region: str,
    headers: Mapping[str, str],
    body: bytes,
    who: Credentials | None,
    deadline: float,
) -> web.Reply:
    """One signed request to a service in a region. Raises ServiceFailed as `web.Origin.ask`."""
    origin = _server(endpoint(service, region, access.environ), access)
    signed = dict(headers)
    if who is not None:
        signed.update(signature(who, service, region, host_of(origin.text), headers, body, time.gmtime()))
    return origin.ask("POST", "/", deadline=deadline, headers=signed, body=body)


def _server(address: str, access: Access) -> web.Origin:
    def make() -> web.Origin:
        own = access.environ.get("AWS_CA_BUNDLE")
        return web.Origin(address, {**access.environ, "SSL_CERT_FILE": own} if own else access.environ)

    return access.kept(("aws", address), make)


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> str:
    """The address of `kms` or `sts` in a region: AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL, or AWS's own."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
            if environ.get(name):
                return environ[name].rstrip("/")
    fips = "-fips" if environ.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true" else ""
    beginnings = ("-".join(region.split("-")[:count]) for count in (2, 1))
    suffix = next((_SUFFIXES[each] for each in beginnings if each in _SUFFIXES), "amazonaws.com")
    if environ.get("AWS_USE_DUALSTACK_ENDPOINT", "").lower() == "true":
        suffix = "api.amazonwebservices.com.cn" if suffix.endswith(".cn") else "api.aws"
    return f"https://{service}{fips}.{region}.{suffix}"


def host_of(address: str) -> str:
    """What http.client says in `Host` for an address: without the port that its scheme implies."""
    scheme, host, port = web.parts(address)
    shown = f"[{host}]" if ":" in host else host
    return shown if port == (443 if scheme == "https" else 80) else f"{shown}:{port}"


def signature(
    who: Credentials,
    service: str,
    region: str,
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    now: time.struct_time,
) -> dict[str, str]:
    """The headers that sign a POST to `/` (AWS, "Create a signed AWS API request"). now: UTC."""
    import hashlib
    import hmac

    stamp = time.strftime("%Y%m%dT%H%M%SZ", now)
    more = {"X-Amz-Date": stamp, **({"X-Amz-Security-Token": who.token} if who.token else {})}
    named = sorted((name.lower(), value.strip()) for name, value in {**headers, **more, "Host": host}.items())
    names = ";".join(name for name, _ in named)
    canonical = "\n".join(
        ("POST", "/", "", *(f"{name}:{value}" for name, value in named), "", names, hashlib.sha256(body).hexdigest())
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signed = hmac.digest(who.signing_key(scope), text.encode(), "sha256").hex()
    credential = f"Credential={who.access_key}/{scope}"
    return {**more, "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signed}"}


def printable(text: object) -> str:
    """What a service said, safe to print and not too long."""
    return "".join(char if char.isprintable() else " " for char in str(text or "no reason given"))[:300]
