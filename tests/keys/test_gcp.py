"""Google Cloud KMS against our stand-in for it (standins/gcpkms.py; sops reads and writes with it, tests/peers)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ksecrets import keys
from ksecrets.envelope.recipient import Identity
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import gcptoken
from ksecrets.keys.crc32c import crc32c
from ksecrets.keys.gcp import GcpKey, endpoint
from ksecrets.keys.remote import Access, RemoteKey
from tests.keys.contract import KEY
from tests.keys.faulty import free_port, rewrite, silent, status
from tests.keys.remote import RemoteContract
from tests.keys.standins import gcpkms
from tests.keys.standins.base import Answer, Asked, Standin
from tests.keys.standins.gcpkms import ENCRYPTER, FULL, GcpKms

TOKEN = "ya29.a-token-of-the-test"


@pytest.fixture(scope="module")
def server() -> Iterator[GcpKms]:
    with GcpKms() as running:
        running.tokens = {TOKEN: FULL}
        yield running


@pytest.fixture(autouse=True)
def _as_it_was(server: GcpKms) -> Iterator[None]:
    yield
    server.disabled.clear()
    server.failures.clear()
    server.tokens = {TOKEN: FULL}
    server.change = lambda content: content
    server.asked.clear()


def environ(url: str, **more: str) -> dict[str, str]:
    return {"SOPS_GCP_KMS_ENDPOINT": url, "GOOGLE_OAUTH_ACCESS_TOKEN": TOKEN, "KSECRETS_KEY_TIMEOUT": "3", **more}


class TestGcp(RemoteContract):
    service = "gcp_kms"
    throttled = staticmethod(status(429, b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}'))

    @pytest.fixture(autouse=True)
    def _server(self, server: GcpKms, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.upstream = server.url
        for name, value in environ(server.url).items():
            monkeypatch.setenv(name, value)

    def key(self, url: str) -> RemoteKey:
        resource = self.server.add(f"k{len(self.server.keys)}", location="europe-west1")
        return keys.recipient("gcp_kms", {"resource_id": resource}, Access(environ(url)))  # type: ignore[return-value]

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        return GcpKey(key.fields, Access(environ(url)))

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        return json.dumps(
            {"plaintext": base64.b64encode(secret).decode(), "plaintextCrc32c": str(gcpkms.crc32c(secret))}
        ).encode()

    def secret_of(self, identity: Identity) -> str:
        return TOKEN


def new_key(server: GcpKms, **more: str) -> GcpKey:
    return GcpKey({"resource_id": server.add(f"k{len(server.keys)}")}, Access(environ(server.url, **more)))


def failure(key: RemoteKey, enc: str | None = None) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as caught:
        key.wrap(KEY) if enc is None else key.open(enc)
    assert KEY.hex() not in str(caught.value)
    return caught.value


def test_the_checksum_is_crc32c() -> None:
    # RFC 3720, B.4, and the check value of the catalogue of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes([255]) * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283
    for length in range(70):
        data = os.urandom(length)
        assert crc32c(data) == gcpkms.crc32c(data)


def test_checksums_travel_both_ways(server: GcpKms) -> None:
    key = new_key(server)
    assert key.open(key.wrap(KEY).enc) == KEY
    wrapping, unwrapping = (asked.json() for asked in server.asked)
    assert wrapping["plaintextCrc32c"] == str(gcpkms.crc32c(KEY))
    assert unwrapping["ciphertextCrc32c"] == str(gcpkms.crc32c(base64.b64decode(unwrapping["ciphertext"])))


def changed(**values: Any) -> Any:
    return lambda content: {**content, **values}


def test_an_answer_that_was_changed_on_its_way_is_thrown_away(server: GcpKms) -> None:
    key = new_key(server)
    enc = key.wrap(KEY).enc
    server.change = changed(plaintext=base64.b64encode(bytes(32)).decode())
    assert "checksums" in failure(key, enc).message
    for lie in ({"ciphertext": "AAAA"}, {"verifiedPlaintextCrc32c": False}, {"ciphertextCrc32c": "1"}):
        server.change = changed(**lie)
        error = failure(key)
        assert (error.reason, "checksums" in error.message) == ("answer", True)
    # once may be chance
    answers = iter([changed(plaintextCrc32c="1"), changed()])
    server.change = lambda content: next(answers)(content)
    assert key.open(enc) == KEY


def test_a_server_that_gives_the_data_key_back_as_ciphertext(server: GcpKms) -> None:
    """A service that lies must not have the data key written into the file in the clear."""
    key = new_key(server)
    for shown in (KEY, b"x" + KEY, b""):
        text = base64.b64encode(shown).decode()
        server.change = changed(ciphertext=text, ciphertextCrc32c=str(gcpkms.crc32c(shown)))
        assert failure(key).reason == "answer"


def test_a_rotated_key_opens_what_it_wrapped_before(server: GcpKms) -> None:
    key = new_key(server)
    before = key.wrap(KEY).enc
    server.rotate(key.fields["resource_id"])
    assert key.open(before) == KEY
    assert key.open(key.wrap(KEY).enc) == KEY


def test_each_refusal_has_its_reason(server: GcpKms) -> None:
    key = new_key(server)
    resource, enc = key.fields["resource_id"], key.wrap(KEY).enc
    server.disabled.add(resource)
    for asked in (enc, None):
        assert (failure(key, asked).reason, "disabled" in failure(key, asked).message) == ("disabled", True)
    server.disabled.clear()
    assert failure(new_key(server), enc).reason == "refused"
    gone = GcpKey({"resource_id": resource + "x"}, key.access)
    error = failure(gone)
    assert (error.reason, "roles/cloudkms.cryptoKeyEncrypter" in error.message) == ("denied", True)
    assert gone.name in error.message
    server.failures = [Answer(404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "m"}})]
    assert failure(key, enc).reason == "missing"
    server.tokens = {}
    assert failure(key, enc).reason == "credentials"


def test_encrypting_needs_no_right_to_decrypt(server: GcpKms) -> None:
    """roles/cloudkms.cryptoKeyEncrypter is enough for every command that only writes."""
    server.tokens["encrypter"] = ENCRYPTER
    key = new_key(server, GOOGLE_OAUTH_ACCESS_TOKEN="encrypter")
    enc = key.wrap(KEY).enc
    error = failure(key, enc)
    assert (error.reason, "roles/cloudkms.cryptoKeyDecrypter" in error.message) == ("denied", True)


def test_what_the_service_says_is_not_repeated(server: GcpKms) -> None:
    key = new_key(server)
    echo = base64.b64encode(KEY).decode()
    for code in (400, 401, 403, 404, 409):
        server.failures = [Answer(code, {"error": {"code": code, "message": echo, "status": echo}})]
        assert echo not in str(failure(key))
        key.access.failed.clear()


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "projects/p/locations/l/keyRings/r/cryptoKeys/",
        "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        "projects/p/locations/l/keyRings/../cryptoKeys/k",
        "projects/p/locations/l/keyRings/r/cryptoKeys/../../../../../../evil",
        "projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt?x=",
        "projects/p/locations/l/keyRings/r/cryptoKeys/k%2f..",
        "projects/p/locations/l/keyRings/r/cryptoKeys/k\r\nX-Evil: 1",
        "//evil.example/projects/p/locations/l/keyRings/r/cryptoKeys/k",
    ],
)
def test_a_name_cannot_become_another_call(resource: str) -> None:
    """The attack: a `resource_id` of a file that turns into another path, host or header of a request."""
    with silent() as server, pytest.raises(ConfigError, match=r"not a key of Google Cloud KMS: \S*") as caught:
        GcpKey({"resource_id": resource}, Access(environ(f"http://127.0.0.1:{server.port}"))).wrap(KEY)
    assert "\r" not in str(caught.value)


def test_endpoints_are_those_of_sops() -> None:
    assert endpoint({}) == "https://cloudkms.googleapis.com"
    assert endpoint({"SOPS_GCP_KMS_UNIVERSE_DOMAIN": "example.cloud"}) == "https://cloudkms.example.cloud"
    assert endpoint({"SOPS_GCP_KMS_ENDPOINT": "kms.internal:8443"}) == "https://kms.internal:8443"
    assert endpoint({"SOPS_GCP_KMS_ENDPOINT": "http://127.0.0.1:1/"}) == "http://127.0.0.1:1"


def test_a_key_never_travels_over_http(server: GcpKms) -> None:
    key = GcpKey({"resource_id": server.add("plain")}, Access(environ("http://kms.example.org")))
    assert (failure(key).reason, "https only" in failure(key).message) == ("tls", True)


# -- who we are --------------------------------------------------------------------------------------------------------


class Tokens(Standin):
    """Google's token endpoint, and the metadata server of a machine in its cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.lifetime = 3600
        self.refuse = False

    def answer(self, asked: Asked) -> Answer:
        flavour = {"Metadata-Flavor": "Google"}
        token = {"access_token": TOKEN, "expires_in": self.lifetime, "token_type": "Bearer"}
        if asked.path == "/token" and asked.method == "POST":
            return Answer(400, {"error": "invalid_grant"}) if self.refuse else Answer(200, token)
        if asked.path.endswith("/service-accounts/default/token"):
            return Answer(200, token, flavour)
        if asked.path.endswith("/service-accounts/default/"):
            return Answer(200, {"aliases": ["default"], "email": "a@b.iam", "scopes": ["cloud-platform"]}, flavour)
        if asked.path.endswith("/project-id") or asked.path.endswith("/universe-domain"):
            return Answer(
                200, b"p" if "project" in asked.path else b"googleapis.com", flavour | {"Content-Type": "text/plain"}
            )
        return Answer(200, b"computeMetadata/\n", flavour | {"Content-Type": "application/text"})


@pytest.fixture(scope="module")
def tokens() -> Iterator[Tokens]:
    with Tokens() as running:
        yield running


@pytest.fixture(scope="module")
def private_key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def account(tokens: Tokens, private_key: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "ci@p.iam.gserviceaccount.com",
            "private_key_id": "1",
            "private_key": private_key,
            "token_uri": f"{tokens.url}/token",
        }
    )


def without_token(server: GcpKms, **more: str) -> Access:
    settings = environ(server.url, **more)
    del settings["GOOGLE_OAUTH_ACCESS_TOKEN"]
    return Access(settings)


@pytest.mark.parametrize("how", ["json", "path", "application-default", "gcloud"])
def test_a_service_account(
    how: str, server: GcpKms, tokens: Tokens, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = account(tokens, private_key)
    file = tmp_path / "application_default_credentials.json"
    file.write_text(text)
    settings = {
        "json": {"GOOGLE_CREDENTIALS": text},
        "path": {"GOOGLE_CREDENTIALS": str(file)},
        "application-default": {"GOOGLE_APPLICATION_CREDENTIALS": str(file)},
        "gcloud": {"CLOUDSDK_CONFIG": str(tmp_path)},
    }[how]
    tokens.asked.clear()
    monkeypatch.setitem(sys.modules, "google.auth", None)
    key = GcpKey({"resource_id": server.add(how)}, without_token(server, **settings))
    assert key.open(key.wrap(KEY).enc) == KEY
    assert [asked.path for asked in tokens.asked] == ["/token"]  # one token for both
    claims = parse_qs(tokens.asked[0].body.decode())["assertion"][0].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"


def asked_by_google(info: dict[str, Any], tokens: Tokens) -> Asked:
    """What google-auth sends for a credential."""
    from google.auth.transport.requests import Request
    from google.oauth2 import credentials, service_account

    made: Any
    if info["type"] == "service_account":
        made = service_account.Credentials.from_service_account_info(info, scopes=gcptoken.SCOPES)
    else:
        made = credentials.Credentials.from_authorized_user_info(info, scopes=gcptoken.SCOPES)
        made._token_uri = f"{tokens.url}/token"
    made.refresh(Request())
    return tokens.asked[-1]


def parts_of(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _signature = (base64.urlsafe_b64decode(part + "==") for part in assertion.split("."))
    return json.loads(header), json.loads(claims)


@pytest.mark.parametrize("kind", ["service_account", "authorized_user"])
def test_a_token_is_asked_for_as_google_auth_does(
    kind: str, tokens: Tokens, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same form, field by field; an assertion that Google's own library takes for one of this account."""
    from google.auth import jwt

    person = {"type": kind, "client_id": "c", "client_secret": "s", "refresh_token": "1//r", "quota_project_id": "q"}
    info = json.loads(account(tokens, private_key)) if kind == "service_account" else person
    if kind == "authorized_user":
        monkeypatch.setattr(gcptoken, "_TOKENS", f"{tokens.url}/token")
    made = gcptoken.grant(info)
    assert made is not None
    headers = made.headers(Access({}), time.monotonic() + 10)
    ours, theirs = tokens.asked[-1], asked_by_google(info, tokens)
    assert (ours.method, ours.path, ours.headers["content-type"]) == (
        theirs.method,
        theirs.path,
        theirs.headers["content-type"],
    )
    our_form, their_form = (parse_qs(each.body.decode()) for each in (ours, theirs))
    if kind == "service_account":
        assertions = [form.pop("assertion")[0] for form in (our_form, their_form)]
        (our_header, our_claims), (their_header, their_claims) = (parts_of(each) for each in assertions)
        for claims in (our_claims, their_claims):
            assert claims.pop("exp") - claims.pop("iat") == 3600
        assert (our_header, our_claims) == (their_header, their_claims)
        public = serialization.load_pem_private_key(private_key.encode(), None).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert (
            jwt.decode(assertions[0], certs=pem, audience="https://oauth2.googleapis.com/token")["iss"]
            == info["client_email"]
        )
    assert our_form == their_form
    more = {"x-goog-user-project": "q"} if kind == "authorized_user" else {}
    assert headers == {"Authorization": f"Bearer {TOKEN}", **more}
    for secret in (TOKEN, "1//r", private_key.splitlines()[1]):
        assert secret not in repr(made)


def test_a_token_is_renewed_before_it_expires(
    tokens: Tokens, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = gcptoken.grant(json.loads(account(tokens, private_key)))
    assert made is not None
    now = time.time()
    tokens.asked.clear()
    for later, asked in ((0, 1), (3300, 1), (3400, 2), (3500, 2)):
        monkeypatch.setattr(gcptoken.time, "time", lambda at=now + later: at)
        made.headers(Access({}), time.monotonic() + 10)
        assert len(tokens.asked) == asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_email": ""}, "no service account: no client_email"),
        ({"private_key": 7, "token_uri": None}, "no token_uri, private_key"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, "no RSA key in PEM"),
        ({"token_uri": "http://login.example.org/token"}, "https only"),
        ({"token_uri": "https://x\r\nX-Evil: 1/token"}, "no address of a server"),
    ],
)
def test_a_service_account_that_is_none(
    change: dict[str, Any], said: str, server: GcpKms, tokens: Tokens, private_key: str
) -> None:
    info = json.dumps({**json.loads(account(tokens, private_key)), **change})
    error = failure(GcpKey({"resource_id": server.add("odd")}, without_token(server, GOOGLE_CREDENTIALS=info)))
    assert said in error.message
    assert private_key.splitlines()[1] not in str(error)


def test_other_clouds_and_kinds_are_left_to_google_auth(tokens: Tokens, private_key: str) -> None:
    info = json.loads(account(tokens, private_key))
    assert gcptoken.grant({**info, "universe_domain": "example.cloud"}) is None
    assert gcptoken.grant({**info, "universe_domain": "googleapis.com"}) is not None
    assert gcptoken.grant({**info, "type": "impersonated_service_account"}) is None


def test_workload_identity_federation(server: GcpKms, tokens: Tokens, tmp_path: Path) -> None:
    """As in GitHub Actions or on another cloud: a token of theirs, exchanged for one of Google's."""
    (tmp_path / "oidc").write_text("a.b.c")
    (tmp_path / "wif.json").write_text(
        json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/github",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{tokens.url}/token",
                "credential_source": {"file": str(tmp_path / "oidc")},
            }
        )
    )
    access = without_token(server, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "wif.json"))
    tokens.asked.clear()
    key = GcpKey({"resource_id": server.add("wif")}, access)
    assert key.open(key.wrap(KEY).enc) == KEY
    assert b"subject_token=a.b.c" in tokens.asked[0].body


def test_the_metadata_server(server: GcpKms, tokens: Tokens) -> None:
    """GKE, Cloud Run: google-auth reads the address when it is loaded, hence another process."""
    code = (
        "import os\nfrom ksecrets.keys.gcp import GcpKey\nfrom ksecrets.keys.remote import Access\n"
        f"key = GcpKey({{'resource_id': {server.add('gke')!r}}}, Access(os.environ))\n"
        "assert key.open(key.wrap(bytes(32)).enc) == bytes(32)\n"
    )
    host = tokens.url.removeprefix("http://")
    settings = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "SOPS_GCP_KMS_ENDPOINT": server.url}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings, "PYTHONPATH": str(Path(keys.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_credentials_that_are_not_taken(
    server: GcpKms, tokens: Tokens, private_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "refuse", True)
    key = GcpKey(
        {"resource_id": server.add("no")}, without_token(server, GOOGLE_CREDENTIALS=account(tokens, private_key))
    )
    error = failure(key)
    assert (error.reason, "does not take the credentials (invalid_grant)" in error.message) == ("credentials", True)
    assert "clock" in str(error.hint)
    assert private_key.splitlines()[1] not in str(error)


def test_a_token_endpoint_that_does_not_answer(server: GcpKms, private_key: str) -> None:
    """It is said that the token is what could not be had, and from where."""
    info = {"type": "service_account", "client_email": "a@b", "private_key_id": "1", "private_key": private_key}
    info["token_uri"] = f"http://127.0.0.1:{free_port()}/token"
    key = GcpKey({"resource_id": server.add("gone")}, without_token(server, GOOGLE_CREDENTIALS=json.dumps(info)))
    error = failure(key)
    assert error.reason == "unreachable"
    assert "no token could be had: http://127.0.0.1:" in error.message
    assert server.asked == []


@pytest.mark.parametrize("text", ["{", "/nonexistent/key.json", '{"type": "smoke"}', "[]"])
def test_credentials_that_make_no_sense(text: str, server: GcpKms) -> None:
    key = GcpKey({"resource_id": server.add("bad")}, without_token(server, GOOGLE_CREDENTIALS=text))
    assert failure(key).reason == "credentials"


def test_the_extra_is_named_where_it_is_missing(server: GcpKms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    error = failure(GcpKey({"resource_id": server.add("extra")}, without_token(server)))
    assert (error.reason, error.hint) == ("extra", "pip install 'ksecrets[gcp]'")


def test_with_a_token_nothing_of_google_is_loaded(server: GcpKms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    key = new_key(server)
    assert key.open(key.wrap(KEY).enc) == KEY


def test_a_lie_through_a_proxy_is_seen(server: GcpKms) -> None:
    """The fault proxy rewrites an answer byte by byte: never another key than the right one."""
    from tests.keys.faulty import faulty

    with faulty(server.url) as proxy:
        key = GcpKey({"resource_id": server.add("lied")}, Access(environ(proxy.url)))
        enc = key.wrap(KEY).enc
        proxy.always = rewrite(lambda body: body.replace(b'"plaintext": "A', b'"plaintext": "B'))
        assert failure(key, enc).reason == "answer"
