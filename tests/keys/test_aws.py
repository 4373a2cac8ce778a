"""AWS KMS against moto, and what moto has no word for against answers of our own."""

from __future__ import annotations

import binascii
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ksecrets import keys
from ksecrets.envelope.recipient import Identity, Stanza
from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys import awsauth
from ksecrets.keys.aws import AwsKey
from ksecrets.keys.remote import Access, RemoteIdentity, RemoteKey
from tests.keys.contract import KEY
from tests.keys.faulty import faulty, status
from tests.keys.remote import RemoteContract
from tests.services import Aws

ARN = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
ROLE = "arn:aws:iam::123456789012:role/reads-prod"


class TestAws(RemoteContract):
    service = "kms"
    throttled = staticmethod(status(400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'))

    @pytest.fixture(autouse=True)
    def _server(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.upstream = aws.url
        for name, value in aws.environ().items():
            monkeypatch.setenv(name, value)

    def access(self, url: str) -> Access:
        return Access({**self.aws.environ(), "AWS_ENDPOINT_URL": url, "KSECRETS_KEY_TIMEOUT": str(self.seconds)})

    def key(self, url: str) -> RemoteKey:
        return AwsKey({"arn": self.aws.new_key()}, self.access(url))

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        return AwsKey(key.fields, self.access(url))

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        plain = binascii.b2a_base64(secret, newline=False).decode()
        return json.dumps({"KeyId": key.fields["arn"], "Plaintext": plain}).encode()

    def secret_of(self, identity: Identity) -> str:
        return self.aws.environ()["AWS_SECRET_ACCESS_KEY"]


def reached(aws: Aws, fields: dict[str, str], **environ: str) -> AwsKey:
    return AwsKey(fields, Access({**aws.environ(), **environ}))


def test_an_alias_and_other_regions(aws: Aws) -> None:
    arn = aws.new_key()
    alias = aws.new_alias("ksecrets-test", arn)
    stanza = reached(aws, {"arn": alias}).wrap(KEY)
    assert stanza.fields["arn"] == alias
    assert reached(aws, {"arn": alias}).open(stanza.enc) == KEY
    far = aws.new_key("ap-southeast-2")
    assert ":ap-southeast-2:" in far
    assert reached(aws, {"arn": far}).open(reached(aws, {"arn": far}).wrap(KEY).enc) == KEY


def test_the_context_is_part_of_it(aws: Aws) -> None:
    arn = aws.new_key()
    fields = {"arn": arn, "context": '{"env":"prod","team":"a b"}'}
    stanza = reached(aws, fields).wrap(KEY)
    assert stanza.fields["context"] == fields["context"]
    assert reached(aws, fields).open(stanza.enc) == KEY
    for other in ({"arn": arn}, {"arn": arn, "context": '{"env":"dev","team":"a b"}'}):
        with pytest.raises(ServiceFailed) as caught:
            reached(aws, other).open(stanza.enc)
        assert caught.value.reason == "refused"


def test_a_key_of_another_region_does_not_open_it(aws: Aws) -> None:
    stanza = reached(aws, {"arn": aws.new_key()}).wrap(KEY)
    with pytest.raises(ServiceFailed) as caught:
        reached(aws, {"arn": aws.new_key("us-east-1")}).open(stanza.enc)
    assert caught.value.reason in ("refused", "missing", "denied")


def test_there_is_no_such_key(aws: Aws) -> None:
    with pytest.raises(ServiceFailed) as caught:
        reached(aws, {"arn": ARN}).wrap(KEY)
    assert caught.value.reason == "missing"
    assert "is the ARN right" in str(caught.value)


def test_a_role_is_assumed_once_and_its_credentials_are_used(aws: Aws) -> None:
    with faulty(aws.url) as proxy:
        access = Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url})
        fields = {"arn": aws.new_key(), "role": ROLE}
        key = AwsKey(fields, access)
        stanza = key.wrap(KEY)
        assert key.open(stanza.enc) == KEY
        assert stanza.fields["role"] == ROLE
        first, *others = proxy.seen
        assert b"Action=AssumeRole&" in first.body.replace(b"Version=2011-06-15&", b"") + b"&"
        assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freads-prod" in first.body
        assert "AKIATESTTESTTESTTEST/" in first.headers["authorization"]
        assert len(others) == 2
        for request in others:
            assert request.headers["x-amz-target"].startswith("TrentService.")
            assert "AKIATESTTESTTESTTEST/" not in request.headers["authorization"]
            assert request.headers["x-amz-security-token"]


def test_credentials_that_expire_are_renewed(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty(aws.url) as proxy:
        key = AwsKey({"arn": aws.new_key(), "role": ROLE}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url}))
        key.wrap(KEY)
        key.wrap(KEY)
        assert len(proxy.seen) == 3
        now = time.time()
        monkeypatch.setattr(awsauth.time, "time", lambda: now + 3600)
        key.wrap(KEY)
        assert len(proxy.seen) == 5


def test_the_token_of_a_workload_is_exchanged(aws: Aws, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("eyJ.of.a-pod\n")
    environ = {
        "AWS_ENDPOINT_URL": "",
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_SESSION_NAME": "argo",
    }
    with faulty(aws.url) as proxy:
        key = AwsKey({"arn": aws.new_key()}, Access({**environ, "AWS_ENDPOINT_URL": proxy.url}))
        assert key.open(key.wrap(KEY).enc) == KEY
        first = proxy.seen[0]
        assert b"AssumeRoleWithWebIdentity" in first.body
        assert b"RoleSessionName=argo" in first.body
        assert b"WebIdentityToken=eyJ.of.a-pod" in first.body
        assert "authorization" not in first.headers
    token.unlink()
    with pytest.raises(ServiceFailed, match="AWS_WEB_IDENTITY_TOKEN_FILE cannot be read") as caught:
        AwsKey({"arn": ARN}, Access(environ)).wrap(KEY)
    assert caught.value.reason == "credentials"


def test_a_profile_comes_from_the_files_of_the_aws_command_line(
    aws: Aws, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = clean_home / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[deploy]\naws_access_key_id = AKIADEPLOY\naws_secret_access_key = d\n")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with faulty(aws.url) as proxy:
        # the profile that the file names goes before the credentials of the environment, as in sops
        environ = {**aws.environ(), "AWS_ENDPOINT_URL": proxy.url}
        stanza = AwsKey({"arn": aws.new_key(), "aws_profile": "deploy"}, Access(environ)).wrap(KEY)
        assert "AKIADEPLOY/" in proxy.seen[0].headers["authorization"]
        assert stanza.fields["aws_profile"] == "deploy"
        with pytest.raises(ServiceFailed, match=r"no credentials .*nobody") as caught:
            AwsKey({"arn": ARN, "aws_profile": "nobody"}, Access(environ)).wrap(KEY)
        assert caught.value.reason == "credentials"


def test_without_credentials_nobody_is_asked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with faulty(aws.url) as proxy:
        with pytest.raises(ServiceFailed, match="no credentials were found") as caught:
            AwsKey({"arn": ARN}, Access({"AWS_ENDPOINT_URL": proxy.url})).wrap(KEY)
        assert caught.value.reason == "credentials"
        assert proxy.seen == []


def test_without_botocore_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(ServiceFailed) as caught:
        AwsKey({"arn": ARN, "aws_profile": "x"}, Access({})).wrap(KEY)
    assert caught.value.reason == "extra"
    assert caught.value.hint == "pip install 'ksecrets[aws]'"


@pytest.mark.parametrize(
    ("code", "body", "reason", "says"),
    [
        (400, {"__type": "AccessDeniedException", "Message": "User: x may not"}, "denied", "access denied"),
        (400, {"__type": "com.amazonaws.kms#DisabledException"}, "disabled", "the key is disabled"),
        (400, {"__type": "KMSInvalidStateException", "message": "pending deletion"}, "disabled", "present state"),
        (400, {"__type": "ExpiredTokenException"}, "credentials", "have expired"),
        (400, {"__type": "UnrecognizedClientException"}, "credentials", "does not take the credentials"),
        (403, {"__type": "InvalidSignatureException"}, "credentials", "does not take the credentials"),
        (400, {"__type": "NotFoundException"}, "missing", "no such key"),
        (400, {"__type": "InvalidCiphertextException"}, "refused", "not wrapped by this key"),
        (400, {"__type": "IncorrectKeyException"}, "refused", "wrapped by another key"),
        (500, {"__type": "KMSInternalException"}, "unavailable", "cannot answer now"),
        (400, {"__type": "SomethingNew"}, "answer", "SomethingNew"),
        (403, {}, "denied", "HTTP 403"),
    ],
)
def test_what_kms_refuses_is_said_in_its_own_way(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, code: int, body: dict[str, str], reason: str, says: str
) -> None:
    monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.0)
    with faulty(aws.url) as proxy:
        proxy.always = status(code, json.dumps(body).encode())
        with pytest.raises(ServiceFailed) as caught:
            AwsKey({"arn": ARN}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url})).open("AAAA")
    assert caught.value.reason == reason
    assert says in caught.value.message
    assert ARN in caught.value.message


def test_what_a_server_says_cannot_move_the_cursor(aws: Aws) -> None:
    with faulty(aws.url) as proxy:
        said = {"__type": "Access\x1b[2J", "message": "\x1b[2Jall is well"}
        proxy.always = status(400, json.dumps(said).encode())
        with pytest.raises(ServiceFailed) as caught:
            AwsKey({"arn": ARN}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url})).open("AAAA")
    assert "\x1b" not in str(caught.value)


def test_a_role_that_is_refused_is_said(aws: Aws) -> None:
    answer = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no &lt;you&gt;</Message></Error></ErrorResponse>"
    with faulty(aws.url) as proxy:
        proxy.always = status(403, answer)
        says = r"the role .*reads-prod cannot be assumed: AccessDenied: no <you>"
        with pytest.raises(ServiceFailed, match=says) as caught:
            AwsKey({"arn": ARN, "role": ROLE}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url})).wrap(KEY)
        assert caught.value.reason == "denied"
        proxy.always = status(200, b"<AssumeRoleResponse/>")
        with pytest.raises(ServiceFailed, match="no credentials"):
            AwsKey({"arn": ARN, "role": ROLE}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url})).wrap(KEY)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "key/1",
        "arn:aws:kms:eu-west-1:1:key",
        "arn:aws:s3:eu-west-1:1:key/1",
        "arn:aws:kms::1:key/1",
        "arn:aws:kms:evil.example.com/:1:key/1",
        "arn:aws:kms:eu-west-1@evil:1:key/1",
        "arn:aws:kms:eu-west-1.evil.com:1:key/1",
        "arn:aws:kms:EU-WEST-1:1:key/1",
        "arn:aws:kms:eu-west-1:x:key/1",
        "arn:aws:kms:eu-west-1:1:key/../1",
        "arn:aws:kms:eu-west-1:1:key/1\r\nX: y",
        "arn:awsx:kms:eu-west-1:1:key/1",
    ],
)
def test_what_is_no_arn_is_refused(arn: str) -> None:
    with pytest.raises(ConfigError, match="not the ARN of a KMS key"):
        keys.recipient("kms", {"arn": arn})


@pytest.mark.parametrize("role", ["x", "arn:aws:iam::1:user/x", "arn:aws:iam::1:role/x\n"])
def test_what_is_no_role_is_refused(role: str) -> None:
    with pytest.raises(ConfigError, match="not the ARN of a role"):
        keys.recipient("kms", {"arn": ARN, "role": role})


@pytest.mark.parametrize(
    ("region", "environ", "url"),
    [
        ("eu-west-1", {}, "https://kms.eu-west-1.amazonaws.com"),
        ("cn-north-1", {}, "https://kms.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", {}, "https://kms.us-gov-west-1.amazonaws.com"),
        ("us-iso-east-1", {}, "https://kms.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", {}, "https://kms.us-isob-east-1.sc2s.sgov.gov"),
        ("eusc-de-east-1", {}, "https://kms.eusc-de-east-1.amazonaws.eu"),
        ("us-east-1", {"AWS_USE_FIPS_ENDPOINT": "true"}, "https://kms-fips.us-east-1.amazonaws.com"),
        ("us-east-1", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://kms.us-east-1.api.aws"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_KMS": "https://b/"}, "https://b"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "https://a"}, "https://a"),
        (
            "us-east-1",
            {"AWS_ENDPOINT_URL": "https://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://kms.us-east-1.amazonaws.com",
        ),
    ],
)
def test_the_endpoint_of_a_region(region: str, environ: dict[str, str], url: str) -> None:
    assert awsauth.endpoint("kms", region, environ) == url


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1"])
def test_the_endpoints_are_those_of_the_sdk(region: str) -> None:
    botocore = pytest.importorskip("botocore.session")
    session = botocore.Session()
    for service in ("kms", "sts"):
        client = session.create_client(service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        assert awsauth.endpoint(service, region, {}) == client.meta.endpoint_url


@pytest.mark.parametrize("token", ["", "a session/token=="])
def test_the_signature_is_that_of_the_sdk(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    auth: Any = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.compat import get_current_datetime  # noqa: F401  # the version that we compare with has it
    from botocore.credentials import Credentials as Theirs

    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Decrypt"}
    body = b'{"KeyId": "x"}'
    host = "kms.eu-west-1.amazonaws.com"
    request = AWSRequest(method="POST", url=f"https://{host}/", data=body, headers=headers)
    auth.SigV4Auth(Theirs("AKIA", "secret", token or None), "kms", "eu-west-1").add_auth(request)
    stamp = request.headers["X-Amz-Date"]
    now = time.strptime(stamp, "%Y%m%dT%H%M%SZ")
    ours = awsauth.signature(awsauth.Credentials("AKIA", "secret", token), "kms", "eu-west-1", host, headers, body, now)
    assert ours["Authorization"] == request.headers["Authorization"]
    assert ours["X-Amz-Date"] == stamp
    assert ours.get("X-Amz-Security-Token", "") == token


def test_a_get_with_credentials_of_the_environment_loads_no_sdk(aws: Aws) -> None:
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    code = (
        "import sys\nfrom ksecrets.keys.aws import AwsKey\nfrom ksecrets.keys.remote import Access\n"
        f"key = AwsKey({{'arn': {aws.new_key()!r}}}, Access({aws.environ()!r}))\n"
        "assert key.open(key.wrap(bytes(32)).enc) == bytes(32)\n"
        "print(*{name.split('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert not set(done.stdout.decode().split()) & {"botocore", "boto3", "urllib3", "requests", "yaml", "asyncio"}


def test_credentials_show_nothing() -> None:
    assert "wJalr" not in repr(awsauth.Credentials("AKIA", "wJalr", "token"))


def test_a_faulty_stanza_is_not_sent(aws: Aws) -> None:
    with faulty(aws.url) as proxy:
        key = AwsKey({"arn": ARN}, Access({**aws.environ(), "AWS_ENDPOINT_URL": proxy.url}))
        for enc in ("not base64\n", "====", "é"):
            with pytest.raises(ServiceFailed, match="damaged"):
                RemoteIdentity(key).unwrap([Stanza("kms", {"arn": ARN, "enc": enc})])
        assert proxy.seen == []


def test_the_authorities_of_the_aws_command_line(aws: Aws, tmp_path: Path) -> None:
    """AWS_CA_BUNDLE, with a real TLS connection in between; without it, and with another one, nothing is sent."""
    import ssl

    import trustme

    authority, other = trustme.CA(), trustme.CA()
    for name, each in (("ours.pem", authority), ("other.pem", other)):
        each.cert_pem.write_to_path(str(tmp_path / name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with faulty(aws.url) as proxy:
        proxy._server.socket = context.wrap_socket(proxy._server.socket, server_side=True)
        environ = {**aws.environ(), "AWS_ENDPOINT_URL": proxy.url.replace("http:", "https:")}
        fields = {"arn": aws.new_key()}
        key = AwsKey(fields, Access({**environ, "AWS_CA_BUNDLE": str(tmp_path / "ours.pem")}))
        assert key.open(key.wrap(KEY).enc) == KEY
        assert len(proxy.seen) == 2
        for bundle in ({}, {"AWS_CA_BUNDLE": str(tmp_path / "other.pem")}):
            with pytest.raises(ServiceFailed, match="certificate") as caught:
                AwsKey(fields, Access({**environ, **bundle})).wrap(KEY)
            assert caught.value.reason == "tls"
        assert len(proxy.seen) == 2


def test_signatures_and_policies_are_checked_by_a_strict_server(strict_aws: Aws) -> None:
    """moto as IAM has it: who may only encrypt cannot decrypt, and a wrong secret key is no one."""
    arn = strict_aws.new_key()
    writer = strict_aws.new_user("writer", "kms:Encrypt")
    reader = strict_aws.new_user("reader", "kms:Decrypt")

    def as_user(user: dict[str, str], **more: str) -> AwsKey:
        return AwsKey({"arn": arn}, Access({"AWS_ENDPOINT_URL": strict_aws.url, **user, **more}))

    stanza = as_user(writer).wrap(KEY)
    assert as_user(reader).open(stanza.enc) == KEY
    for key, ask in ((as_user(writer), lambda key: key.open(stanza.enc)), (as_user(reader), lambda key: key.wrap(KEY))):
        with pytest.raises(ServiceFailed, match="access denied") as caught:
            ask(key)
        assert caught.value.reason == "denied"
        assert "is not authorized to perform: kms:" in str(caught.value)
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "AKIANOBODY"}):
        with pytest.raises(ServiceFailed, match="does not take the credentials") as caught:
            as_user(reader, **wrong).open(stanza.enc)
        assert caught.value.reason == "credentials"
