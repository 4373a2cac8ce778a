"""Fortanix DSM against our stand-in for it, which Fortanix's own SDK works with, too."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from ksecrets import keys
from ksecrets.envelope.recipient import Identity
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys.fortanix import FortanixKey
from ksecrets.keys.remote import Access, RemoteKey
from tests.conftest import Cli, Repo
from tests.keys.contract import KEY
from tests.keys.faulty import silent, status
from tests.keys.foreign import ForeignContract
from tests.keys.remote import RemoteContract
from tests.keys.standins.base import write_authority
from tests.keys.standins.fortanix import BOTH, Fortanix, PlainFortanix

API_KEY = "YXBwLXV1aWQ6YW4tYXBpLWtleQ=="
ENDPOINT = "https://dsm.example.com"


@pytest.fixture(scope="module")
def running() -> Iterator[PlainFortanix]:
    with PlainFortanix(None) as server:
        yield server


@pytest.fixture
def dsm(running: PlainFortanix) -> Iterator[PlainFortanix]:
    running.apps = {API_KEY: BOTH, "d3JpdGVy": frozenset({"ENCRYPT"})}
    yield running
    running.disabled.clear()
    running.sessions.clear()
    running.asked.clear()
    running.lifetime = 600
    running.change = lambda content: content


def make(url: str, name: str, api_key: str = API_KEY, **more: str) -> FortanixKey:
    environ = {"FORTANIX_API_KEY": api_key, "KSECRETS_KEY_TIMEOUT": "3", **more}
    key = FortanixKey({"endpoint": ENDPOINT, "key_id": name}, Access(environ))
    key.address = url
    return key


class TestFortanix(ForeignContract, RemoteContract):
    service = "fortanix"
    throttled = staticmethod(status(429, b"Too many requests"))

    @pytest.fixture(autouse=True)
    def _server(self, dsm: PlainFortanix, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dsm = dsm
        self.upstream = dsm.url
        monkeypatch.setenv("FORTANIX_API_KEY", API_KEY)
        # the registry knows nothing of our address
        monkeypatch.setattr("ksecrets.keys.fortanix.key", lambda fields, access: make(dsm.url, fields["key_id"]))

    def key(self, url: str) -> RemoteKey:
        return make(url, self.dsm.add())

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        return make(url, key.fields["key_id"])

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        return b'{"kid": "x", "plain": "%s"}' % base64.b64encode(secret)

    def secret_of(self, identity: Identity) -> str:
        return API_KEY


def failure(key: FortanixKey, enc: str | None = None) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as caught:
        key.wrap(KEY) if enc is None else key.open(enc)
    assert API_KEY not in str(caught.value)
    return caught.value


def test_one_session_for_many_files(dsm: PlainFortanix) -> None:
    key = make(dsm.url, dsm.add())
    for _ in range(3):
        assert key.open(key.wrap(KEY).enc) == KEY
    assert [asked.path for asked in dsm.asked].count("/sys/v1/session/auth") == 1


def test_a_session_that_ended_is_made_again(dsm: PlainFortanix, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make(dsm.url, dsm.add())
    enc = key.wrap(KEY).enc
    dsm.sessions.clear()
    dsm.lifetime = 60
    for seconds, sessions in ((0, 2), (29, 2), (31, 3)):
        now = time.time() + seconds
        monkeypatch.setattr("ksecrets.keys.fortanix.time.time", lambda now=now: now)
        assert key.open(enc) == KEY
        assert [asked.path for asked in dsm.asked].count("/sys/v1/session/auth") == sessions


def test_each_refusal_has_its_reason(dsm: PlainFortanix) -> None:
    name = dsm.add()
    enc = make(dsm.url, name).wrap(KEY).enc
    dsm.disabled.add(name)
    assert failure(make(dsm.url, name), enc).reason == "disabled"
    dsm.disabled.clear()
    assert failure(make(dsm.url, dsm.add()), enc).reason == "refused"
    assert failure(make(dsm.url, "0" * 8 + "-0000-0000-0000-" + "0" * 12), enc).reason == "missing"
    for wrong in ("d3Jvbmc=", "", "a\nb"):
        assert failure(make(dsm.url, name, wrong)).reason == "credentials"


def test_encrypting_needs_no_right_to_decrypt(dsm: PlainFortanix) -> None:
    name = dsm.add()
    enc = make(dsm.url, name, "d3JpdGVy").wrap(KEY).enc
    error = failure(make(dsm.url, name, "d3JpdGVy"), enc)
    assert (error.reason, "DECRYPT" in error.message) == ("denied", True)
    assert make(dsm.url, name).open(enc) == KEY


@pytest.mark.parametrize(
    "lie",
    [
        {"cipher": base64.b64encode(KEY).decode()},
        {"iv": "AAAA"},
        {"tag": ""},
        {"cipher": None},
        {"cipher": "AAAA"},
    ],
)
def test_an_answer_that_is_no_ciphertext(lie: dict[str, Any], dsm: PlainFortanix) -> None:
    key = make(dsm.url, dsm.add())
    assert key.wrap(KEY)
    dsm.change = lambda content: {**content, **lie}
    assert failure(key).reason == "answer"


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://dsm.example.com"},
        {"endpoint": "https://dsm.example.com/"},
        {"endpoint": "https://dsm.example.com/x"},
        {"endpoint": "https://u:p@dsm.example.com"},
        {"endpoint": ""},
        {"key_id": "../sys/v1/apps"},
        {"key_id": "NOT-A-UUID"},
        {"key_id": ""},
    ],
)
def test_a_name_cannot_become_another_call(changes: dict[str, str]) -> None:
    fields = {"endpoint": ENDPOINT, "key_id": "12345678-1234-1234-1234-123456789abc", **changes}
    with pytest.raises(ConfigError, match="not a key of Fortanix DSM"):
        keys.recipient("fortanix", fields, Access({"FORTANIX_API_KEY": API_KEY}))


def test_fortanixs_own_sdk_opens_what_we_wrap(tmp_path: Path) -> None:
    """The stand-in is held against the SDK, over TLS: we wrap, sdkms unwraps; sdkms wraps, we unwrap."""
    sdk: Any = pytest.importorskip("sdkms.v1")
    authority = trustme.CA()
    certificates = str(write_authority(authority, tmp_path))
    with Fortanix(authority) as server:
        server.apps = {API_KEY: BOTH}
        name = server.add()
        environ = {"FORTANIX_API_KEY": API_KEY, "SSL_CERT_FILE": certificates}
        key = FortanixKey({"endpoint": server.url, "key_id": name}, Access(environ))
        configuration = sdk.configuration.Configuration()
        configuration.host = server.url
        configuration.ssl_ca_cert = certificates
        configuration.app_api_key = API_KEY
        client = sdk.ApiClient(configuration)
        client.configuration.api_key["Authorization"] = API_KEY
        client.configuration.api_key_prefix["Authorization"] = "Basic"
        session = sdk.AuthenticationApi(api_client=client).authorize()
        client.configuration.api_key["Authorization"] = session.access_token
        client.configuration.api_key_prefix["Authorization"] = "Bearer"
        api = sdk.EncryptionAndDecryptionApi(api_client=client)
        data = base64.b64decode(key.wrap(KEY).enc)
        common = {"alg": sdk.ObjectType.AES, "mode": sdk.CryptMode.GCM, "ad": bytearray(b"ksecrets/v1/data-key")}
        which = sdk.SobjectDescriptor(kid=name)
        parts = {"iv": data[:12], "cipher": data[12:-16], "tag": data[-16:]}
        parts = {each: bytearray(value) for each, value in parts.items()}
        opened = api.decrypt_ex(sdk.DecryptRequestEx(key=which, **common, **parts))
        assert bytes(opened.plain) == KEY
        sealed = api.encrypt_ex(sdk.EncryptRequestEx(key=which, plain=bytearray(KEY), tag_len=128, **common))
        enc = base64.b64encode(bytes(sealed.iv) + bytes(sealed.cipher) + bytes(sealed.tag)).decode()
        assert key.open(enc) == KEY


def test_whole_files(cli: Cli, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the configuration; and a file that names another endpoint asks nobody."""
    authority = trustme.CA()
    with Fortanix(authority) as server, silent() as nobody:
        server.apps = {API_KEY: BOTH}
        monkeypatch.setenv("FORTANIX_API_KEY", API_KEY)
        monkeypatch.setenv("SSL_CERT_FILE", str(write_authority(authority, tmp_path)))
        url = f"{server.url}/crypto/v1/keys/{server.add()}"
        repo.write(
            ".ksecrets.yaml",
            f"version: 1\nrecipients: {{dsm: {{fortanix: '{url}'}}}}\n"
            "environments: {dev: {files: ['*.yaml'], readers: [dsm]}}\n",
        )
        repo.git("add", ".")
        repo.git("commit", "-qm", "rules")
        file = repo.write("s.yaml", "a: 1.10\n")
        cli("encrypt", "-i", file).ok()
        assert cli("get", file, "a").ok().stdout == "1.10"
        cli("check").ok()
        file.write_text(file.read_text().replace(f":{server.port}", f":{nobody.port}"))
        server.asked.clear()
        for command in ("get", "set"):
            done = cli(command, file, "a", input="x\n")
            assert done.code == 4
            assert "not asked" in done.stderr
        assert server.asked == []
