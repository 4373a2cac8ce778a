"""Azure Key Vault against our stand-in for it (standins/azurekv.py; sops reads and writes with it, tests/peers)."""

from __future__ import annotations

import base64
import os
import sys
import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme

from ksecrets import keys
from ksecrets.envelope.recipient import Identity
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import web
from ksecrets.keys.azure import AzureKey, base64url
from ksecrets.keys.remote import Access, RemoteIdentity, RemoteKey
from tests.keys.contract import KEY
from tests.keys.faulty import silent, status
from tests.keys.remote import RemoteContract
from tests.keys.standins import azurekv
from tests.keys.standins.azurekv import AUTHORITY, CRYPTO_USER, READER, TENANT, VAULT, EntraId, KeyVault, PlainKeyVault
from tests.keys.standins.base import Answer, Proxy, write_authority

T = TypeVar("T")
SECRET = "a-client-secret"
URL = f"https://{VAULT}"


class Azure:
    """The vault and the token endpoint under their real names, behind a proxy; `plain` is the vault without TLS."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self.entra = EntraId(authority)
        self.vault = KeyVault(authority, self.entra)
        self.plain = PlainKeyVault(None, self.entra)
        self.plain.keys = self.vault.keys
        self.proxy = Proxy({AUTHORITY: self.entra, VAULT: self.vault})
        self.entra.clients = {"app": (SECRET, CRYPTO_USER), "reader": (SECRET, READER), "job": ("a.b.c", CRYPTO_USER)}
        self.certificates = str(write_authority(authority, folder))

    def environ(self, **more: str) -> dict[str, str]:
        """What a program needs to come here."""
        who = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": SECRET}
        way = {"HTTPS_PROXY": self.proxy.url, "SSL_CERT_FILE": self.certificates, "KSECRETS_KEY_TIMEOUT": "3"}
        return {name: value for name, value in {**who, **way, **more}.items() if value}

    def key(self, name: str | None = None, version: str = "", **more: str) -> AzureKey:
        name = name or self.new()
        return AzureKey({"vault_url": URL, "name": name, "version": version}, Access(self.environ(**more)))

    def new(self) -> str:
        name = f"k{len(self.vault.keys)}"
        self.vault.add(name)
        return name


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    made = Azure(trustme.CA(), tmp_path_factory.mktemp("azure"))
    with made.entra, made.vault, made.plain, made.proxy:
        yield made


@pytest.fixture
def azure(running: Azure) -> Iterator[Azure]:
    yield running
    for vault in (running.vault, running.plain):
        vault.disabled.clear()
        vault.failures.clear()
        vault.change = lambda content: content
        vault.asked.clear()
    running.entra.issued.clear()
    running.entra.lifetime = 3600
    running.entra.asked.clear()
    running.proxy.asked.clear()
    running.proxy.logins.clear()


class Forgetful(Access):
    """Asks for the public key each time, so that the contract's faults meet a question when it wraps."""

    __slots__ = ()

    def kept(self, name: Hashable, make: Callable[[], T]) -> T:
        if isinstance(name, tuple) and name[0] == "azure-key":
            return make()
        return super().kept(name, make)


class TestAzure(RemoteContract):
    service = "azure_kv"
    throttled = staticmethod(status(429, b'{"error": {"code": "Throttled", "message": "Too many requests"}}'))

    @pytest.fixture(autouse=True)
    def _server(self, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
        self.azure = azure
        self.upstream = azure.plain.url
        for name, value in azure.environ().items():
            monkeypatch.setenv(name, value)

    def key(self, url: str) -> RemoteKey:
        name = self.azure.new()
        fields = {"vault_url": URL, "name": name, "version": list(self.azure.vault.keys[name])[-1]}
        return self._at(fields, url)

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        return self._at(key.fields, url)

    def _at(self, fields: dict[str, str], url: str) -> RemoteKey:
        key = AzureKey(fields, Forgetful(self.azure.environ()))
        key.address = url
        return key

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        return b'{"kid": "x", "value": "%s"}' % base64url(secret).encode()

    def secret_of(self, identity: Identity) -> str:
        return SECRET


def failure(key: AzureKey, enc: str | None = None) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as caught:
        key.wrap(KEY) if enc is None else key.open(enc)
    assert KEY.hex() not in str(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


def test_the_way_of_a_key(azure: Azure) -> None:
    """Real host names, TLS, one token; the data key is wrapped here and unwrapped there."""
    key = azure.key()
    stanza = key.wrap(KEY)
    assert KEY not in b"".join(asked.body for asked in azure.vault.asked)
    version = list(azure.vault.keys[key.fields["name"]])[-1]
    assert stanza.fields["version"] == version
    assert len(base64.urlsafe_b64decode(stanza.enc + "==")) == 256
    assert not stanza.enc.endswith("=")
    pinned = keys.recipient("azure_kv", stanza.fields, key.access)
    assert RemoteIdentity(pinned).unwrap([stanza]) == KEY  # type: ignore[arg-type]
    assert [asked.path for asked in azure.entra.asked] == [f"/{TENANT}/oauth2/v2.0/token"]
    assert set(azure.proxy.asked) == {f"{VAULT}:443", f"{AUTHORITY}:443"}


def test_many_files_ask_for_the_public_key_once(azure: Azure) -> None:
    key = azure.key()
    version = key.wrap(KEY).fields["version"]
    again = azure.key(key.fields["name"], version)
    again.access = key.access
    assert {again.wrap(KEY).fields["version"] for _ in range(5)} == {version}
    assert [asked.method for asked in azure.vault.asked] == ["GET"]


def test_versions(azure: Azure) -> None:
    """No version in the configuration: the newest wraps, and what an older one wrapped is still opened by that."""
    name = azure.new()
    first = azure.key(name).wrap(KEY)
    newest = azure.vault.add(name)
    second = azure.key(name).wrap(KEY)
    assert second.fields["version"] == newest != first.fields["version"]
    for stanza in (first, second):
        assert azure.key(name, stanza.fields["version"]).open(stanza.enc) == KEY
    assert failure(azure.key(name, newest), first.enc).reason == "refused"
    assert azure.key(name, first.fields["version"]).wrap(KEY).fields["version"] == first.fields["version"]


def test_each_refusal_has_its_reason(azure: Azure) -> None:
    name = azure.new()
    stanza = azure.key(name).wrap(KEY)
    version = stanza.fields["version"]
    azure.vault.disabled.add(version)
    assert "disabled" in failure(azure.key(name, version), stanza.enc).message
    assert failure(azure.key(name)).reason == "disabled"
    azure.vault.disabled.clear()
    assert failure(azure.key("nobody")).reason == "missing"
    assert failure(azure.key(name, "0" * 32), stanza.enc).reason == "missing"
    assert failure(azure.key(name, AZURE_CLIENT_SECRET="wrong")).reason == "credentials"
    assert failure(azure.key(name, AZURE_TENANT_ID="../evil")).reason == "credentials"
    azure.vault.failures = [Answer(403, {"error": {"innererror": {"code": "ForbiddenByFirewall"}}})]
    assert "network rules" in failure(azure.key(name, version), stanza.enc).message


def test_encrypting_needs_only_to_get_the_key(azure: Azure) -> None:
    """A role with Microsoft.KeyVault/vaults/keys/read alone can write, and cannot read."""
    name = azure.new()
    stanza = azure.key(name, AZURE_CLIENT_ID="reader").wrap(KEY)
    reader = azure.key(name, stanza.fields["version"], AZURE_CLIENT_ID="reader")
    error = failure(reader, stanza.enc)
    assert (error.reason, "permission decrypt" in error.message) == ("denied", True)
    assert azure.key(name, stanza.fields["version"]).open(stanza.enc) == KEY


def test_an_expired_token_is_replaced(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    key = azure.key()
    stanza = key.wrap(KEY)
    pinned = azure.key(key.fields["name"], stanza.fields["version"])
    assert pinned.open(stanza.enc) == KEY
    # the vault does not take it any more, before its time
    azure.entra.issued.clear()
    assert pinned.open(stanza.enc) == KEY
    # its time is over
    azure.entra.lifetime = 60
    azure.entra.issued.clear()
    azure.entra.asked.clear()
    for seconds, tokens in ((0, 1), (29, 1), (31, 2)):
        now = time.time() + seconds
        monkeypatch.setattr("ksecrets.keys.azureauth.time.time", lambda now=now: now)
        assert pinned.open(stanza.enc) == KEY
        assert len(azure.entra.asked) == tokens


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, {}), "answer"),
        (Answer(200, b"<html>"), "answer"),
        (Answer(200, {"access_token": "a\r\nX-Evil: 1", "expires_in": 60}), "answer"),
        (Answer(200, {"access_token": "a", "expires_in": "soon"}), "answer"),
        (Answer(400, {"error": "unauthorized_client", "error_description": SECRET}), "credentials"),
        (Answer(400, {"error": SECRET + "\x1b[2J"}), "credentials"),
        (Answer(429, {"error": "temporarily_unavailable"}), "throttled"),
        (Answer(503, b"busy"), "unavailable"),
        (Answer(302, b"", {"Location": "https://evil.example/"}), "answer"),
    ],
)
def test_a_login_that_fails(answer: Answer, reason: str, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says that it was the login, and where, and nothing of what it was told there."""
    monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.01)
    monkeypatch.setattr(azurekv.EntraId, "_token", lambda entra, form: answer)
    error = failure(azure.key())
    assert (error.reason, AUTHORITY in error.message) == (reason, True)
    assert "\x1b" not in str(error)
    assert azure.vault.asked == []
    assert "evil.example:443" not in azure.proxy.asked


def test_workload_identity(azure: Azure, tmp_path: Path) -> None:
    """AKS, GitHub: a token of theirs in a file, which is replaced while we run."""
    file = tmp_path / "token"
    file.write_text("old\n")
    settings = {"AZURE_CLIENT_SECRET": "", "AZURE_CLIENT_ID": "job", "AZURE_FEDERATED_TOKEN_FILE": str(file)}
    key = azure.key(**settings)
    assert failure(key).reason == "credentials"
    file.write_text("a.b.c\n")
    key.access.failed.clear()
    assert key.wrap(KEY).fields["version"]
    assert b"client_assertion=a.b.c" in azure.entra.asked[-1].body
    file.unlink()
    assert "AZURE_FEDERATED_TOKEN_FILE" in failure(azure.key(**settings)).message


class Fixed:
    """In the place of azure-identity's credential."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.expires_on = time.time() + 3600
        self.asked: list[str] = []

    def get_token(self, scope: str) -> Fixed:
        self.asked.append(scope)
        return self


def test_other_ways_are_azures_own(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Managed identity, `az login`: azure-identity knows them."""
    azure.entra.issued["theirs"] = CRYPTO_USER
    fixed = Fixed("theirs")
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda **_: fixed)
    key = azure.key(AZURE_CLIENT_SECRET="")
    assert key.wrap(KEY)
    assert fixed.asked == ["https://vault.azure.net/.default"]


def test_no_credentials_at_all(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    error = failure(azure.key(AZURE_CLIENT_SECRET=""))
    assert error.reason == "credentials"
    assert "az login" in str(error)


def test_the_extra_is_named_where_it_is_missing(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    error = failure(azure.key(AZURE_CLIENT_SECRET=""))
    assert (error.reason, error.hint) == ("extra", "pip install 'ksecrets[azure]'")
    assert azure.key().wrap(KEY)


# -- who gets a token --------------------------------------------------------------------------------------------------


class Elsewhere:
    """A vault of another cloud, whose audience only its challenge tells."""

    def __init__(self, azure: Azure, authority: trustme.CA, host: str, resource: str) -> None:
        class Vault(KeyVault):
            names = (host,)

        self.vault = Vault(authority, azure.entra)
        self.vault.host, self.vault.resource = host, resource
        self.vault.add("k")
        self.url = f"https://{host}"


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("https://vault.stack.example", ""),
        ("https://vault.azure.net", "untrusted"),
        ("https://management.azure.com", "untrusted"),
        ("https://t.example", "untrusted"),
        ("", "untrusted"),
        ("http://vault.stack.example", "untrusted"),
    ],
)
def test_a_challenge_cannot_ask_for_somebody_elses_token(
    azure: Azure, tmp_path: Path, resource: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack: a vault that asks for a token of another service, and uses it there."""
    authority = trustme.CA()
    elsewhere = Elsewhere(azure, authority, "mine.vault.stack.example", resource)
    both = tmp_path / "both.pem"
    both.write_bytes(Path(azure.certificates).read_bytes() + authority.cert_pem.bytes())
    monkeypatch.setattr(azurekv.EntraId, "_token", lambda entra, form: asked.append(form) or answer(entra))
    asked: list[dict[str, str]] = []

    def answer(entra: EntraId) -> Answer:
        entra.issued["t"] = CRYPTO_USER
        return Answer(200, {"access_token": "t", "expires_in": 3600})

    with elsewhere.vault:
        azure.proxy.routes["mine.vault.stack.example"] = elsewhere.vault
        fields = {"vault_url": elsewhere.url, "name": "k"}
        key = AzureKey(fields, Access(azure.environ(SSL_CERT_FILE=str(both))))
        if reason:
            assert failure(key).reason == reason
            assert asked == []
        else:
            assert key.wrap(KEY)
            assert [form["scope"] for form in asked] == ["https://vault.stack.example/.default"]


@pytest.mark.parametrize(
    "changes",
    [
        {"vault_url": "http://standin.vault.azure.net"},
        {"vault_url": "https://standin.vault.azure.net/x"},
        {"vault_url": "https://user@standin.vault.azure.net"},
        {"vault_url": "https://standin.vault.azure.net?x="},
        {"vault_url": "https://[::1"},
        {"vault_url": "https://"},
        {"name": "../secrets/s"},
        {"name": "k?"},
        {"name": ""},
        {"version": "../x"},
        {"version": "a/decrypt"},
        {"version": "a\r\nX-Evil: 1"},
    ],
)
def test_a_name_cannot_become_another_call(changes: dict[str, str], azure: Azure) -> None:
    with pytest.raises(ConfigError, match="not a key of Azure Key Vault") as caught:
        keys.recipient("azure_kv", {"vault_url": URL, "name": "k", "version": "1", **changes}, Access(azure.environ()))
    assert "\r" not in str(caught.value)
    assert azure.proxy.asked == []


def test_an_answer_for_another_key(azure: Azure) -> None:
    other = azure.new()
    for kid in (f"{URL}/keys/{other}/1", f"{URL}/keys/k", "", f"{URL}/secrets/k0/1"):
        azure.vault.change = lambda content, kid=kid: {**content, "key": {**content["key"], "kid": kid}}
        assert failure(azure.key()).reason == "wrong-key"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kty": "EC"}, "missing"),
        ({"kty": "oct-HSM"}, "missing"),
        ({"n": "AQAB"}, "wrong-key"),
        ({"n": None}, "wrong-key"),
        ({"e": ""}, "wrong-key"),
        ({"e": "Ag"}, "wrong-key"),
    ],
)
def test_a_public_key_that_cannot_be_used(values: dict[str, Any], reason: str, azure: Azure) -> None:
    azure.vault.change = lambda content: {**content, "key": {**content["key"], **values}}
    assert failure(azure.key()).reason == reason


# -- the way there -----------------------------------------------------------------------------------------------------


def test_a_certificate_of_somebody_else(azure: Azure, tmp_path: Path) -> None:
    """A machine in between with a certificate that nobody trusts: not a byte of the request reaches it."""
    stranger = write_authority(trustme.CA(), tmp_path)
    error = failure(azure.key(SSL_CERT_FILE=str(stranger)))
    assert (error.reason, "not trusted" in error.message) == ("tls", True)
    assert azure.vault.asked == azure.entra.asked == []


def test_a_certificate_for_another_name(azure: Azure) -> None:
    azure.proxy.routes["other.vault.azure.net"] = azure.vault
    key = AzureKey({"vault_url": "https://other.vault.azure.net", "name": "k"}, Access(azure.environ()))
    assert failure(key).reason == "tls"
    assert azure.vault.asked == []


def test_a_proxy_that_refuses_and_one_that_is_passed_by(azure: Azure) -> None:
    access = Access(azure.environ(KSECRETS_KEY_TIMEOUT="20"))
    key = AzureKey({"vault_url": "https://nowhere.vault.azure.net", "name": "k"}, access)
    error = failure(key)
    assert (error.reason, "through the proxy 127.0.0.1:" in error.message) == ("unreachable", True)
    assert "nowhere.vault.azure.net:443" in azure.proxy.asked
    with silent() as nobody:
        settings = azure.environ(HTTPS_PROXY=f"http://127.0.0.1:{nobody.port}", NO_PROXY="example.org,.127.example")
        assert web.Origin("https://127.0.0.1:1", settings)._proxy() is None
        assert web.Origin("https://a.example.org", settings)._proxy() is None
        assert web.Origin("https://badexample.org", settings)._proxy() is not None


def test_a_proxy_with_a_password(azure: Azure) -> None:
    plain = azure.proxy.url.removeprefix("http://")
    assert azure.key(HTTPS_PROXY=f"http://some%40body:p%2Fw@{plain}").wrap(KEY)
    assert azure.proxy.logins == ["some@body:p/w"]
    for proxy in (f"https://u:hunter2@{plain}", "http://u:hunter2@127.0.0.1:x", "socks5://u:hunter2@127.0.0.1:1"):
        assert "hunter2" not in str(failure(azure.key(HTTPS_PROXY=proxy)))


def test_no_certificate_authorities(azure: Azure, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "none.pem", tmp_path / "empty.pem"):
        error = failure(azure.key(SSL_CERT_FILE=str(path)))
        assert error.reason == "tls"
        assert str(path) in error.message
