"""Secrets of the clouds: what is asked, with which login, and what comes back. The servers are our own."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ksecrets import Session
from ksecrets.errors import KsecretsError
from ksecrets.keys import azureauth, web
from ksecrets.references.resolve import References

ALL = "awssecrets,awsssm,azurekeyvault,gcpsecrets"


class Cloud(http.server.ThreadingHTTPServer):
    """Answers what `answers` has for a path, or for an action of AWS and its question; seen: what was asked."""

    answers: dict[str, tuple[int, object]]
    seen: list[tuple[str, dict[str, str], Any]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Cloud

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = f"{self.headers['X-Amz-Target']} {question.get('SecretId') or question.get('Name') or question['Path']}"
        self._answer(name + (f" {question['NextToken']}" if "NextToken" in question else ""), question)

    def do_GET(self) -> None:
        self._answer(self.path, None)

    def _answer(self, name: str, question: Any) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.seen.append((name, headers, question))
        status, found = self.server.answers.get(name, (400, {"__type": "x#ResourceNotFoundException", "message": "no"}))
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud(("127.0.0.1", 0), _Handler)
    server.answers, server.seen = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def references(cloud: Cloud, **more: str) -> References:
    environ = {
        "KSECRETS_REFERENCES": ALL,
        "AWS_ENDPOINT_URL": cloud.address,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_REGION": "eu-west-1",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"{cloud.address}/",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "t0ken",
        **more,
    }
    return References(Session(environ), top="/")


def test_aws_secrets_manager(cloud: Cloud) -> None:
    cloud.answers = {
        "secretsmanager.GetSecretValue shop/db": (200, {"SecretString": '{"user": "app", "port": 5432}'}),
        "secretsmanager.GetSecretValue shop/raw": (200, {"SecretBinary": base64.b64encode("ü".encode()).decode()}),
        "secretsmanager.GetSecretValue shop/bytes": (200, {"SecretBinary": base64.b64encode(b"\xff").decode()}),
    }
    found = references(cloud)
    assert found.value("ref+awssecrets://shop/db") == '{"user": "app", "port": 5432}'
    assert found.value("ref+awssecrets://shop/db?region=us-east-1&version_stage=OLD&version_id=v#/port") == 5432
    assert found.value("ref+awssecrets://shop/raw") == "ü"
    _, headers, question = cloud.seen[1]
    assert question == {"SecretId": "shop/db", "VersionStage": "OLD", "VersionId": "v"}
    assert "/us-east-1/secretsmanager/aws4_request" in headers["authorization"]
    assert "s3cret" not in json.dumps(headers)
    for reference, message in (
        ("ref+awssecrets://shop/none", "AWS refuses awssecrets://shop/none: ResourceNotFoundException"),
        ("ref+awssecrets://shop/bytes", "what a reference to awssecrets names is not UTF-8 text"),
        ("ref+awssecrets://shop/db#/none", "what a reference to awssecrets names has no key none"),
        ("ref+awssecrets://shop/db?region=evil.example/", "a reference to awssecrets needs a region"),
    ):
        with pytest.raises(KsecretsError, match=message):
            found.value(reference)


def test_aws_parameters(cloud: Cloud) -> None:
    below = "AmazonSSM.GetParametersByPath /shop"
    cloud.answers = {
        "AmazonSSM.GetParameter /shop/password": (200, {"Parameter": {"Value": "one"}}),
        "AmazonSSM.GetParameter /shop/password:3": (200, {"Parameter": {"Value": "third"}}),
        "AmazonSSM.GetParameter /shop/tree": (200, {"Parameter": {"Value": "a: {b: deep}"}}),
        below: (200, {"Parameters": [{"Name": "/shop/a", "Value": "1"}], "NextToken": "n"}),
        f"{below} n": (200, {"Parameters": [{"Name": "/shop/c/d", "Value": "2"}]}),
    }
    found = references(cloud)
    assert found.value("ref+awsssm://shop/password") == "one"
    assert found.value("ref+awsssm:///shop/password?version=3") == "third"
    assert found.value("ref+awsssm://shop/tree?mode=singleparam#/a/b") == "deep"
    assert found.value("ref+awsssm://shop#/a") == "1"
    assert found.value("ref+awsssm://shop?recursive=true#/c/d") == "2"
    questions = [question for name, _, question in cloud.seen if name == below]
    assert [each["Recursive"] for each in questions] == [False, True]
    assert all(question["WithDecryption"] for _, _, question in cloud.seen)


def test_google_secret_manager(cloud: Cloud) -> None:
    data = {"payload": {"data": base64.b64encode(b"user: app\n").decode()}}
    cloud.answers = {
        "/v1/projects/p/secrets/db/versions/latest:access": (200, data),
        "/v1/projects/p/secrets/db/versions/7:access": (200, data),
        "/v1/projects/p/secrets/denied/versions/latest:access": (403, {"error": {"status": "PERMISSION_DENIED"}}),
        "/v1/projects/p/secrets/odd/versions/latest:access": (200, {"payload": {}}),
    }
    found = references(cloud, GCP_PROJECT="p")
    assert found.value("ref+gcpsecrets://p/db") == "user: app\n"
    assert found.value("ref+gcpsecrets://p/db?version=7&trim_nl=true") == "user: app"
    assert found.value("ref+gcpsecrets://db#/user") == "app"
    assert cloud.seen[0][1]["authorization"] == "Bearer t0ken"
    for reference, message in (
        ("ref+gcpsecrets://p/denied", "Google Cloud refuses gcpsecrets://p/denied: PERMISSION_DENIED"),
        ("ref+gcpsecrets://p/odd", "gives for gcpsecrets://p/odd is no secret"),
        ("ref+gcpsecrets://p/../x", "a reference to gcpsecrets is no PROJECT/NAME"),
        ("ref+gcpsecrets://p/db?version=a/b", "a reference to gcpsecrets is no PROJECT/NAME"),
    ):
        with pytest.raises(KsecretsError, match=message):
            found.value(reference)


def test_azure_key_vault(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault's host is Azure's; here its connection and its login are replaced."""
    cloud.answers = {
        "/secrets/db?api-version=7.4": (200, {"value": "a: b"}),
        "/secrets/db/v1?api-version=7.4": (200, {"value": "old"}),
        "/secrets/denied?api-version=7.4": (403, {"error": {"code": "Forbidden"}}),
    }
    asked: list[str] = []

    def origin(address: str, access: object) -> web.Origin:
        asked.append(address)
        return web.Origin(cloud.address, {})

    monkeypatch.setattr(web, "origin", origin)
    monkeypatch.setattr(azureauth, "authorize", lambda vault, access, deadline: {"Authorization": f"Bearer {vault}"})
    found = references(cloud)
    assert found.value("ref+azurekeyvault://shop/db") == "a: b"
    assert found.value("ref+azurekeyvault://shop/db#/a") == "b"
    assert found.value("ref+azurekeyvault://shop.vault.azure.cn/db/v1") == "old"
    assert asked == ["https://shop.vault.azure.net"] * 2 + ["https://shop.vault.azure.cn"]
    assert cloud.seen[0][1]["authorization"] == "Bearer https://shop.vault.azure.net"
    for reference, message in (
        ("ref+azurekeyvault://shop/denied", "Azure refuses azurekeyvault://shop/denied: Forbidden"),
        ("ref+azurekeyvault://evil.example/db", "a reference to azurekeyvault is no VAULT/NAME"),
        ("ref+azurekeyvault://evil.example%2f/db", "a reference to azurekeyvault is no VAULT/NAME"),
        ("ref+azurekeyvault://shop", "a reference to azurekeyvault is no VAULT/NAME"),
        ("ref+azurekeyvault://shop/../keys", "a reference to azurekeyvault is no VAULT/NAME"),
    ):
        with pytest.raises(KsecretsError, match=message):
            found.value(reference)
    assert len(asked) == 4


def test_nobody_is_asked_before_the_service_is_named(cloud: Cloud) -> None:
    for text in ("awssecrets://ab", "awsssm://ab", "gcpsecrets://p/db", "azurekeyvault://shop/db"):
        service = text.partition(":")[0]
        found = references(cloud)
        found = References(Session({**found.environ, "KSECRETS_REFERENCES": ALL.replace(service, "x")}), top="/")
        with pytest.raises(KsecretsError, match="are not allowed here"):
            found.value(f"ref+{text}")
        environ = {name: value for name, value in found.environ.items() if name != "KSECRETS_REFERENCES"}
        with pytest.raises(KsecretsError, match="is followed only where that service is named"):
            References(Session(environ), top="/").value(f"ref+{text}")
    for more in ("role_arn=x", "profile=x", "endpoint=http://x"):
        with pytest.raises(KsecretsError, match="is not for a file to say"):
            references(cloud).value(f"ref+awssecrets://ab?{more}")
    assert cloud.seen == []


def test_nothing_of_a_login_is_shown(cloud: Cloud) -> None:
    assert repr(references(cloud)) == "References(...)"
    assert repr(references(cloud).access) == "<Access>"
