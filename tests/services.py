"""Real servers of key services for the tests, one of each for a run, started when a test first asks: moto, OpenBao.

They listen on 127.0.0.1 only, keep everything in memory, and end with the run. `./dev peers` installs them.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.keys.faulty import free_port

ROOT_TOKEN = "root-token-of-a-test"


def call(url: str, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
    """A JSON call to a server; the object that it answers with, or None. Raises AssertionError for a refusal."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers or {})
        response = connection.getresponse()
        content = response.read()
        assert response.status < 300, (response.status, content)
        return json.loads(content) if content else None
    finally:
        connection.close()


class Aws:
    """moto: AWS KMS, STS and IAM. url: its address. account: the one that all of its keys are in."""

    account = "123456789012"
    region = "eu-west-1"

    def __init__(self, url: str) -> None:
        self.url = url

    def environ(self) -> dict[str, str]:
        """What a program needs to reach it, sops too."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "secret-of-a-test-account",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def ask(self, action: str, region: str = region, **question: object) -> Any:
        """A call of KMS's API."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"TrentService.{action}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/{region}/kms/aws4_request, "
            "SignedHeaders=host, Signature=00",
        }
        return call(self.url, "POST", "/", question, headers)

    def new_key(self, region: str = region) -> str:
        """The ARN of a new symmetric key."""
        return str(self.ask("CreateKey", region)["KeyMetadata"]["Arn"])

    def new_user(self, name: str, *actions: str) -> dict[str, str]:
        """The credentials of a new user who may do just this (IAM; three questions to the server)."""
        import re
        from urllib.parse import urlencode

        allow = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": allow})
        answer = ""
        for question in (
            {"Action": "CreateUser"},
            {"Action": "PutUserPolicy", "PolicyName": "p", "PolicyDocument": policy},
            {"Action": "CreateAccessKey"},
        ):
            connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
            body = urlencode({"Version": "2010-05-08", "UserName": name, **question})
            credential = "Credential=AKIATEST/20260101/us-east-1/iam/aws4_request"
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00",
            }
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            answer = response.read().decode()
            assert response.status == 200, answer
            connection.close()
        found = [re.search(f"<{element}>(.*?)</{element}>", answer) for element in ("AccessKeyId", "SecretAccessKey")]
        values = [each[1] for each in found if each is not None]
        return dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), values, strict=True))

    def new_alias(self, name: str, arn: str) -> str:
        """The ARN of a new alias of a key."""
        self.ask("CreateAlias", AliasName=f"alias/{name}", TargetKeyId=arn)
        return f"arn:aws:kms:{self.region}:{self.account}:alias/{name}"


class Vault:
    """OpenBao in its development mode, with a Transit engine at `transit/`. url: its address; token: of its root."""

    token = ROOT_TOKEN

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys = 0

    def environ(self) -> dict[str, str]:
        """What a program needs to reach it, sops too."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": self.token}

    def ask(self, method: str, path: str, body: object = None, *, token: str = ROOT_TOKEN, namespace: str = "") -> Any:
        """A call of its API; `path` without `/v1/`."""
        headers = {"X-Vault-Token": token, **({"X-Vault-Namespace": namespace} if namespace else {})}
        return call(self.url, method, f"/v1/{path}", body, headers)

    def new_key(self, engine: str = "transit", *, namespace: str = "") -> str:
        """The name of a new key."""
        self._keys += 1
        name = f"key-{os.getpid()}-{self._keys}"
        self.ask("POST", f"{engine}/keys/{name}", {}, namespace=namespace)
        return name

    def new_token(self, *rules: tuple[str, str]) -> str:
        """A token that may do just this: pairs of a path and a capability."""
        name = f"policy-{os.getpid()}-{time.monotonic_ns()}"
        policy = "\n".join(f'path "{path}" {{ capabilities = ["{capability}"] }}' for path, capability in rules)
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made = self.ask("POST", "auth/token/create", {"policies": [name], "ttl": "1h"})
        return str(made["auth"]["client_token"])


def run(argv: list[str], ready: Callable[[], bool], environ: dict[str, str] | None = None) -> Iterator[None]:
    """A server for as long as the caller needs it; in a group of its own, which ends as a whole."""
    with tempfile.TemporaryDirectory(prefix="ksecrets-server-") as folder:
        log = Path(folder, "log")
        with log.open("wb") as out:
            server = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, **(environ or {})},
                start_new_session=True,
            )
        try:
            end = time.monotonic() + 60
            while True:
                assert server.poll() is None, log.read_text(errors="replace")
                try:
                    if ready():
                        break
                except (OSError, AssertionError, http.client.HTTPException, ValueError):
                    pass
                assert time.monotonic() < end, log.read_text(errors="replace")
                time.sleep(0.05)
            yield
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(10)


@pytest.fixture(scope="session")
def aws(find_peer: Callable[[str], str]) -> Iterator[Aws]:
    """AWS KMS, as moto has it; it takes any credentials."""
    made = Aws(f"http://127.0.0.1:{free_port()}")
    argv = [find_peer("moto_server"), "-H", "127.0.0.1", "-p", made.url.rpartition(":")[2]]
    for _ in run(argv, lambda: bool(made.ask("ListKeys"))):
        yield made


STRICT_SETUP = 7
"""How many questions the strict server answers before it looks at who asks: one key, two users."""


@pytest.fixture(scope="module")
def strict_aws(find_peer: Callable[[str], str]) -> Iterator[Aws]:
    """AWS KMS, as moto has it, which checks signatures and policies after the first `STRICT_SETUP` questions."""
    made = Aws(f"http://127.0.0.1:{free_port()}")
    argv = [find_peer("moto_server"), "-H", "127.0.0.1", "-p", made.url.rpartition(":")[2]]
    environ = {"INITIAL_NO_AUTH_ACTION_COUNT": str(STRICT_SETUP)}
    for _ in run(argv, lambda: call(made.url, "GET", "/moto-api/data.json") is not None, environ):
        yield made


@pytest.fixture(scope="session")
def vault(find_peer: Callable[[str], str]) -> Iterator[Vault]:
    """OpenBao, with a Transit engine."""
    made = Vault(f"http://127.0.0.1:{free_port()}")
    address = made.url.removeprefix("http://")
    argv = [find_peer("bao"), "server", "-dev", f"-dev-listen-address={address}", "-dev-no-store-token"]
    environ = {"BAO_DEV_ROOT_TOKEN_ID": ROOT_TOKEN, "BAO_ADDR": made.url}
    for _ in run(argv, lambda: not made.ask("GET", "sys/seal-status")["sealed"], environ):
        made.ask("POST", "sys/mounts/transit", {"type": "transit"})
        yield made
