"""A real API server for the stories about Helm: etcd and kube-apiserver on 127.0.0.1, one pair for a run.

There are no controllers and no nodes: objects are stored and read back, which is what a release is made of. Pods never
start, so `--wait` is for charts of Secrets and ConfigMaps only. `./dev peers` builds the server; etcd is the package
`etcd-server` of Debian.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.keys.faulty import free_port
from tests.services import run

TOKEN = "token-of-a-test-cluster"


class Cluster:
    """url: of the API. kubeconfig: a file that gives every right in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._namespaces = 0

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """A call of the API: the object that it answers with; None where there is nothing. AssertionError: refused."""
        context = ssl.create_default_context(cafile=str(self.folder / "certs/apiserver.crt"))
        where = urlsplit(self.url)
        connection = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=20, context=context)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
            if response.status == 404:
                return None
            assert response.status < 300, (response.status, content)
            return json.loads(content)
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether it answers, and the namespace is there that everybody counts on."""
        return (self.folder / "certs/apiserver.crt").exists() and bool(self.ask("GET", "/api/v1/namespaces/default"))

    def configure(self) -> None:
        """Write the kubeconfig; the server has made its certificate by then."""
        certificate = base64.b64encode((self.folder / "certs/apiserver.crt").read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url, "certificate-authority-data": certificate}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)

    def new_namespace(self) -> str:
        """An empty namespace of its own for a test."""
        self._namespaces += 1
        name = f"test-{os.getpid()}-{self._namespaces}"
        self.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def secrets(self, namespace: str) -> dict[str, dict[str, bytes]]:
        """The Secrets of a namespace: the bytes of each entry."""
        items = self.ask("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
        return {
            item["metadata"]["name"]: {key: base64.b64decode(value) for key, value in item.get("data", {}).items()}
            for item in items
        }


@pytest.fixture(scope="session")
def cluster(find_peer: Callable[[str], str]) -> Iterator[Cluster]:
    """The API server of this run."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    server, etcd = find_peer("kube-apiserver"), find_peer("etcd")
    with tempfile.TemporaryDirectory(prefix="ksecrets-cluster-") as made:
        folder = Path(made)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (folder / "sa.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        (folder / "sa.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        (folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        store = [
            *(etcd, "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync", "--logger", "zap"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *(
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                f"default={peer}",
            ),
        ]
        cluster = Cluster(f"https://127.0.0.1:{free_port()}", folder)
        api = [
            *(server, "--etcd-servers", client, "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"),
            *("--secure-port", cluster.url.rpartition(":")[2], "--cert-dir", str(folder / "certs")),
            *("--token-auth-file", str(folder / "tokens.csv"), "--authorization-mode", "RBAC"),
            *("--service-account-issuer", "https://test.example"),
            *("--service-account-key-file", str(folder / "sa.pub")),
            *("--service-account-signing-key-file", str(folder / "sa.key")),
            *("--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type", "none"),
            *("--disable-admission-plugins", "ServiceAccount"),
        ]
        for _ in run(store, lambda: _answers(client)):
            for _ in run(api, cluster.is_ready):
                cluster.configure()
                yield cluster


def _answers(url: str) -> bool:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET", "/health")
        return bool(json.loads(connection.getresponse().read()).get("health") == "true")
    finally:
        connection.close()
