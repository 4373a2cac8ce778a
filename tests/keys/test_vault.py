"""Vault Transit against a real OpenBao: every way to log in, what a token may do, and how it fails."""

from __future__ import annotations

import binascii
import json
import time
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ksecrets import keys
from ksecrets.envelope.recipient import Identity, Stanza
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys.remote import Access, RemoteIdentity, RemoteKey
from ksecrets.keys.vault import VaultKey
from tests.keys.contract import KEY
from tests.keys.faulty import Answer, Faulty, Request, faulty, status
from tests.keys.remote import RemoteContract
from tests.services import ROOT_TOKEN, Vault


class TestVault(RemoteContract):
    service = "hc_vault"
    throttled = staticmethod(status(429, b'{"errors": ["request path is rate limited"]}'))

    @pytest.fixture(autouse=True)
    def _server(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        self.vault = vault
        self.upstream = vault.url
        for name, value in vault.environ().items():
            monkeypatch.setenv(name, value)

    def access(self) -> Access:
        return Access({**self.vault.environ(), "KSECRETS_KEY_TIMEOUT": str(self.seconds)})

    def key(self, url: str) -> RemoteKey:
        return VaultKey(fields(self.vault, url), self.access())

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        # another address is another key: its name is what messages have to say
        made = VaultKey({**key.fields, "vault_address": url}, self.access())
        key.fields["vault_address"] = made.address
        key.address = made.address  # type: ignore[attr-defined]
        return made

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        plain = binascii.b2a_base64(secret, newline=False).decode()
        return json.dumps({"data": {"plaintext": plain}}).encode()

    def secret_of(self, identity: Identity) -> str:
        return ROOT_TOKEN


def fields(vault: Vault, url: str = "", name: str = "", engine: str = "transit") -> dict[str, str]:
    return {
        "vault_address": url or vault.url,
        "engine_path": engine,
        "key_name": name or vault.new_key(engine),
    }


def made(vault: Vault, found: dict[str, str], **environ: str) -> VaultKey:
    return VaultKey(found, Access(environ or vault.environ()))


def test_other_engine_paths(vault: Vault) -> None:
    for engine in ("kv-of/team_a.transit", "x"):
        vault.ask("POST", f"sys/mounts/{engine}", {"type": "transit"})
        key = made(vault, fields(vault, engine=engine))
        assert key.open(key.wrap(KEY).enc) == KEY


def test_a_rotated_key_still_opens_and_an_old_version_can_be_closed(vault: Vault) -> None:
    found = fields(vault)
    key = made(vault, found)
    old = key.wrap(KEY)
    vault.ask("POST", f"transit/keys/{found['key_name']}/rotate", {})
    assert key.wrap(KEY).enc.startswith("vault:v2:")
    assert key.open(old.enc) == KEY
    vault.ask("POST", f"transit/keys/{found['key_name']}/config", {"min_decryption_version": 2})
    with pytest.raises(ServiceFailed, match="version of the key that wrapped it is no longer allowed") as caught:
        key.open(old.enc)
    assert caught.value.reason == "disabled"


def test_there_is_no_such_key_or_engine(vault: Vault) -> None:
    for found in (fields(vault, name="nobody"), fields(vault, engine="transit", name="x") | {"engine_path": "nothing"}):
        with pytest.raises(ServiceFailed) as caught:
            made(vault, found).open("vault:v1:AAAA")
        assert caught.value.reason == "missing"


def test_a_key_of_another_name_does_not_open_it(vault: Vault) -> None:
    stanza = made(vault, fields(vault)).wrap(KEY)
    with pytest.raises(ServiceFailed, match="not wrapped by this key, or damaged") as caught:
        made(vault, fields(vault)).open(stanza.enc)
    assert caught.value.reason == "refused"


def test_a_namespace_is_sent_with_every_request(vault: Vault) -> None:
    vault.ask("POST", "sys/namespaces/team-a", {})
    vault.ask("POST", "sys/mounts/transit", {"type": "transit"}, namespace="team-a")
    name = vault.new_key(namespace="team-a")
    key = made(vault, fields(vault, name=name), VAULT_TOKEN=ROOT_TOKEN, VAULT_NAMESPACE="team-a/")
    assert key.open(key.wrap(KEY).enc) == KEY
    with pytest.raises(ServiceFailed) as caught:
        made(vault, fields(vault, name=name)).open(key.wrap(KEY).enc)
    assert caught.value.reason == "missing"
    with pytest.raises(ServiceFailed, match="VAULT_NAMESPACE is no namespace"):
        made(vault, fields(vault, name=name), VAULT_TOKEN="x", VAULT_NAMESPACE="a/../b").wrap(KEY)


# -- least privilege ---------------------------------------------------------------------------------------------------


def test_a_token_that_may_only_encrypt_writes_and_cannot_read(vault: Vault) -> None:
    found = fields(vault)
    writer = vault.new_token((f"transit/encrypt/{found['key_name']}", "update"))
    reader = vault.new_token((f"transit/decrypt/{found['key_name']}", "update"))
    stanza = made(vault, found, VAULT_TOKEN=writer).wrap(KEY)
    with pytest.raises(ServiceFailed, match="access denied") as caught:
        made(vault, found, VAULT_TOKEN=writer).open(stanza.enc)
    assert caught.value.reason == "denied"
    assert "transit" in caught.value.message
    assert made(vault, found, VAULT_TOKEN=reader).open(stanza.enc) == KEY
    with pytest.raises(ServiceFailed, match="access denied"):
        made(vault, found, VAULT_TOKEN=reader).wrap(KEY)
    with pytest.raises(ServiceFailed, match="access denied"):
        made(vault, fields(vault), VAULT_TOKEN=reader).open(stanza.enc)


# -- who we are --------------------------------------------------------------------------------------------------------


def test_a_token_of_the_home_folder(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text(ROOT_TOKEN + "\n")
    key = made(vault, fields(vault), HOME=str(tmp_path))
    assert key.open(key.wrap(KEY).enc) == KEY


def test_openbaos_own_variables(vault: Vault) -> None:
    key = made(vault, fields(vault), BAO_TOKEN=ROOT_TOKEN)
    assert key.open(key.wrap(KEY).enc) == KEY


def test_without_a_token_nobody_is_asked(vault: Vault, tmp_path: Path) -> None:
    with faulty(vault.url) as proxy:
        for environ in ({"HOME": str(tmp_path)}, {"VAULT_TOKEN": "two words"}, {"VAULT_TOKEN": "line\r\nX-Y: z"}):
            with pytest.raises(ServiceFailed) as caught:
                made(vault, fields(vault, proxy.url), **environ).wrap(KEY)
            assert caught.value.reason == "credentials"
        assert proxy.seen == []


def test_a_token_that_has_expired_is_said(vault: Vault) -> None:
    for token in ("s.nobodyhasthis", "x"):
        with pytest.raises(ServiceFailed, match="the token is not valid, or has expired") as caught:
            made(vault, fields(vault), VAULT_TOKEN=token).wrap(KEY)
        assert caught.value.reason == "credentials"
        assert token not in caught.value.message.split()


@pytest.fixture(scope="module")
def approle(vault: Vault) -> tuple[str, str]:
    """Role id and secret id of a role that may use every key of transit."""
    vault.ask("POST", "sys/auth/approle", {"type": "approle"})
    policy = 'path "transit/*" { capabilities = ["update", "create"] }'
    vault.ask("PUT", "sys/policies/acl/all-of-transit", {"policy": policy})
    vault.ask("POST", "auth/approle/role/ci", {"token_policies": ["all-of-transit"], "token_ttl": "1h"})
    role = vault.ask("GET", "auth/approle/role/ci/role-id")["data"]["role_id"]
    return role, vault.ask("POST", "auth/approle/role/ci/secret-id", {})["data"]["secret_id"]


def test_approle(vault: Vault, approle: tuple[str, str], tmp_path: Path) -> None:
    role, secret = approle
    with faulty(vault.url) as proxy:
        key = made(vault, fields(vault, proxy.url), VAULT_ROLE_ID=role, VAULT_SECRET_ID=secret)
        assert key.open(key.wrap(KEY).enc) == KEY
        assert [request.path.split("/")[2] for request in proxy.seen] == ["auth", "transit", "transit"]
    (tmp_path / "id").write_text(secret + "\n")
    key = made(
        vault,
        fields(vault),
        VAULT_AUTH_METHOD="approle",
        VAULT_TOKEN="ignored",
        VAULT_ROLE_ID=role,
        VAULT_SECRET_ID_FILE=str(tmp_path / "id"),
    )
    assert key.open(key.wrap(KEY).enc) == KEY
    with pytest.raises(ServiceFailed, match="the login with approle failed") as caught:
        made(vault, fields(vault), VAULT_ROLE_ID=role, VAULT_SECRET_ID="wrong-secret").wrap(KEY)
    assert caught.value.reason == "credentials"
    assert "wrong-secret" not in str(caught.value)


def test_a_login_whose_token_expired_is_done_again(vault: Vault, approle: tuple[str, str]) -> None:
    key = made(vault, fields(vault), VAULT_ROLE_ID=approle[0], VAULT_SECRET_ID=approle[1])
    stanza = key.wrap(KEY)
    token = key.access.kept(("vault-token", vault.url), lambda: "")
    vault.ask("POST", "auth/token/revoke", {"token": token})
    assert key.open(stanza.enc) == KEY
    assert key.access.kept(("vault-token", vault.url), lambda: "") != token


def test_jwt(vault: Vault, tmp_path: Path) -> None:
    """The OIDC token of a CI job, signed by its issuer."""
    signer = ec.generate_private_key(ec.SECP256R1())
    public = signer.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    vault.ask("POST", "sys/auth/ci-jwt", {"type": "jwt"})
    vault.ask("POST", "auth/ci-jwt/config", {"jwt_validation_pubkeys": [public.decode()], "bound_issuer": "ci"})
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "bound_claims": {"ref": "main"},
        "token_policies": ["all-of-transit"],
    }
    policy = 'path "transit/*" { capabilities = ["update", "create"] }'
    vault.ask("PUT", "sys/policies/acl/all-of-transit", {"policy": policy})
    vault.ask("POST", "auth/ci-jwt/role/deploy", role)
    environ = {"VAULT_AUTH_METHOD": "jwt", "VAULT_ROLE": "deploy", "VAULT_LOGIN_MOUNT_POINT": "ci-jwt"}
    (tmp_path / "jwt").write_text(token(signer, ref="main") + "\n")
    key = made(vault, fields(vault), **environ, VAULT_JWT_FILE=str(tmp_path / "jwt"))
    assert key.open(key.wrap(KEY).enc) == KEY
    with pytest.raises(ServiceFailed, match="the login with jwt failed") as caught:
        made(vault, fields(vault), **environ, VAULT_JWT=token(signer, ref="a-fork")).wrap(KEY)
    assert caught.value.reason == "credentials"
    with pytest.raises(ServiceFailed, match="VAULT_ROLE and VAULT_JWT"):
        made(vault, fields(vault), VAULT_AUTH_METHOD="jwt", VAULT_ROLE="deploy").wrap(KEY)


def token(signer: ec.EllipticCurvePrivateKey, **claims: object) -> str:
    """A JSON Web Token (RFC 7519), signed with ES256."""
    now = int(time.time())
    body = {"iss": "ci", "aud": "vault", "sub": "job", "iat": now, "nbf": now - 5, "exp": now + 300, **claims}
    text = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, body))
    r, s = decode_dss_signature(signer.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _base64url(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode().translate({43: "-", 47: "_", 61: None})


def test_kubernetes(vault: Vault, tmp_path: Path) -> None:
    """The service account of a pod; the API server that Vault asks about it is our own here."""
    account = "kubernetes.io/serviceaccount"
    pod = {
        "iss": "kubernetes/serviceaccount",
        "aud": ["k8s"],
        f"{account}/namespace": "argo",
        f"{account}/service-account.name": "repo-server",
        f"{account}/service-account.uid": "u-1",
    }
    jwt = token(ec.generate_private_key(ec.SECP256R1()), **pod, sub="system:serviceaccount:argo:repo-server")

    def review(_proxy: Faulty, _handler: object, request: Request, _ask: object) -> Answer:
        good = json.loads(request.body)["spec"]["token"] == jwt
        user = {
            "username": "system:serviceaccount:argo:repo-server",
            "uid": "u-1",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:argo"],
        }
        answer = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "status": {"authenticated": good, "user": user if good else {}, "audiences": ["k8s"]},
        }
        return Answer(201, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    with faulty(vault.url) as api:
        api.always = review  # type: ignore[assignment]
        vault.ask("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
        config = {"kubernetes_host": api.url, "token_reviewer_jwt": jwt, "disable_local_ca_jwt": True}
        config["kubernetes_ca_cert"] = trustme.CA().cert_pem.bytes().decode()
        vault.ask("POST", "auth/kubernetes/config", config)
        policy = 'path "transit/*" { capabilities = ["update", "create"] }'
        vault.ask("PUT", "sys/policies/acl/all-of-transit", {"policy": policy})
        role = {
            "bound_service_account_names": ["repo-server"],
            "bound_service_account_namespaces": ["argo"],
            "token_policies": ["all-of-transit"],
        }
        vault.ask("POST", "auth/kubernetes/role/argo", role)
        (tmp_path / "token").write_text(jwt)
        environ = {"VAULT_AUTH_METHOD": "kubernetes", "VAULT_ROLE": "argo"}
        key = made(vault, fields(vault), **environ, VAULT_JWT_FILE=str(tmp_path / "token"))
        assert key.open(key.wrap(KEY).enc) == KEY
        assert [request.path for request in api.seen] == ["/apis/authentication.k8s.io/v1/tokenreviews"]
    with pytest.raises(ServiceFailed, match=r"serviceaccount/token: no such file") as caught:
        made(vault, fields(vault), **environ).wrap(KEY)
    assert caught.value.reason == "credentials"


def test_an_unknown_method_is_said(vault: Vault) -> None:
    with pytest.raises(ServiceFailed, match="VAULT_AUTH_METHOD is none of token, approle"):
        made(vault, fields(vault), VAULT_AUTH_METHOD="ldap").wrap(KEY)


# -- what is no key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"key_name": "../../sys/seal"},
        {"key_name": ".."},
        {"key_name": "a/b"},
        {"key_name": ""},
        {"key_name": "-x"},
        {"key_name": "a?b"},
        {"key_name": "a%2f..%2fb"},
        {"key_name": "a\r\nX-Vault-Token: b"},
        {"key_name": "ä"},
        {"engine_path": "transit/../sys"},
        {"engine_path": "/transit"},
        {"engine_path": "transit/"},
        {"engine_path": "a//b"},
        {"vault_address": "https://user@vault.example.com"},
        {"vault_address": "https://vault.example.com/v1"},
        {"vault_address": "https://vault.example.com?x"},
        {"vault_address": "ftp://vault.example.com"},
        {"vault_address": "vault.example.com"},
        {"vault_address": "https://vault.example.com:x"},
        {"vault_address": "https://vault.example.com\\@evil.example.com"},
        {"vault_address": ""},
    ],
)
def test_what_is_no_key_is_refused_and_nobody_is_asked(change: dict[str, str]) -> None:
    good = {"vault_address": "https://vault.example.com:8200", "engine_path": "transit", "key_name": "prod"}
    keys.recipient("hc_vault", good)
    with pytest.raises(ConfigError):
        keys.recipient("hc_vault", {**good, **change})


def test_a_token_never_travels_in_the_clear(vault: Vault) -> None:
    found = {"vault_address": "http://vault.example.com:8200", "engine_path": "transit", "key_name": "prod"}
    with pytest.raises(ServiceFailed, match="https only") as caught:
        made(vault, found).wrap(KEY)
    assert caught.value.reason == "tls"


@pytest.mark.parametrize(
    ("code", "body", "reason", "says"),
    [
        (503, {"errors": ["Vault is sealed"]}, "unavailable", "Vault is sealed"),
        (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, "credentials", "the token is not valid"),
        (429, {"errors": []}, "throttled", "HTTP 429"),
        (412, {"errors": ["required index state not present"]}, "unavailable", "HTTP 412"),
        (500, {"errors": ["internal error"]}, "unavailable", "HTTP 500"),
        (418, "tea", "answer", "HTTP 418"),
    ],
)
def test_what_vault_refuses_is_said_in_its_own_way(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, code: int, body: object, reason: str, says: str
) -> None:
    monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.0)
    with faulty(vault.url) as proxy:
        proxy.always = status(code, json.dumps(body).encode())
        with pytest.raises(ServiceFailed) as caught:
            made(vault, fields(vault, proxy.url, "x")).open("vault:v1:AAAA")
    assert caught.value.reason == reason
    assert says in str(caught.value)


def test_a_ciphertext_that_is_none_is_neither_taken_nor_sent(vault: Vault) -> None:
    with faulty(vault.url) as proxy:
        key = made(vault, fields(vault, proxy.url, "x"))
        for enc in ("x", "vault:v1:\x1b[2J", "vault:", "vault:vä"):
            with pytest.raises(ServiceFailed, match="damaged"):
                RemoteIdentity(key).unwrap([Stanza("hc_vault", {**key.fields, "enc": enc})])
        assert proxy.seen == []
        proxy.always = status(200, json.dumps({"data": {"ciphertext": "vault:v1:a\nsops: x"}}).encode())
        with pytest.raises(ServiceFailed, match="not a ciphertext of Transit"):
            key.wrap(KEY)
