"""Releases of both Helms in a real API server: what stands in the cluster is what was encrypted, and nothing else."""

from __future__ import annotations

import base64
import gzip
import subprocess
from pathlib import Path

import pytest

from tests.charts import SECRETS, Shop
from tests.cluster import Cluster
from tests.conftest import Cli
from tests.trace import CANARY

# A password with everything that shells, YAML and templates trip over.
PIN = '0042: "it\'s" {{ x }} $HOME \\ ünïcode\n second line \n'

TEMPLATE = """\
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Values.name | default "db" }}
stringData:
  password: {{ .Values.db.password | quote }}
  pin: {{ .Values.pin | default "" | quote }}
"""


class Release:
    """A chart of one Secret, and a namespace of its own for it."""

    name = "shop"

    def __init__(self, shop: Shop, cluster: Cluster) -> None:
        self.shop = shop
        self.cluster = cluster
        self.namespace = cluster.new_namespace()
        (shop.folder / "app/templates/all.yaml").write_text(TEMPLATE)

    def helm(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Helm in the namespace, with any end."""
        return self.shop(*argv, "--namespace", self.namespace)

    def __call__(self, *argv: str) -> str:
        """The same, which must end well."""
        done = self.helm(*argv)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def secrets(self) -> dict[str, dict[str, bytes]]:
        """What the cluster holds for the chart."""
        return {name: data for name, data in self.everything().items() if not name.startswith("sh.helm.release.")}

    def everything(self) -> dict[str, dict[str, bytes]]:
        """What the cluster holds at all: Helm's own records too."""
        return self.cluster.secrets(self.namespace)

    def password(self) -> str:
        return self.secrets()["db"]["password"].decode()


@pytest.fixture
def release(shop: Shop, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Release:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return Release(shop, cluster)


def ways(file: str) -> list[tuple[list[str], str]]:
    """The two ways of an encrypted file into Helm: what stands before the command, and the file's name."""
    return [(["secrets"], file), ([], f"secrets://{file}")]


@pytest.mark.parametrize(("wrapper", "file"), ways(SECRETS), ids=["wrapper", "getter"])
def test_the_life_of_a_release(release: Release, cli: Cli, wrapper: list[str], file: str) -> None:
    release(*wrapper, "install", release.name, "app", "-f", file)
    assert release.secrets() == {"db": {"password": CANARY.encode(), "pin": b""}}

    cli("set", SECRETS, "db.password", "another one", cwd=release.shop.folder).ok()
    cli("set", SECRETS, "pin", "--value-file", "-", input=PIN, cwd=release.shop.folder).ok()
    release(*wrapper, "upgrade", release.name, "app", "-f", file)
    assert release.secrets() == {"db": {"password": b"another one", "pin": PIN.encode()}}

    release(*wrapper, "rollback", release.name, "1")
    assert release.password() == CANARY
    assert [line.split()[0] for line in release(*wrapper, "history", release.name).splitlines()[1:]] == ["1", "2", "3"]

    release(*wrapper, "upgrade", "--install", release.name, "app", "--values", file, "--set", "name=new")
    assert list(release.secrets()) == ["new"]

    release(*wrapper, "uninstall", release.name)
    assert release.everything() == {}


@pytest.mark.parametrize(("wrapper", "file"), ways(SECRETS), ids=["wrapper", "getter"])
def test_an_upgrade_that_fails_leaves_the_old_secret(release: Release, cli: Cli, wrapper: list[str], file: str) -> None:
    atomic = "--atomic" if "v3" in release("version", "--short") else "--rollback-on-failure"
    release(*wrapper, "install", release.name, "app", "-f", file, atomic)
    cli("set", SECRETS, "db.password", "another one", cwd=release.shop.folder).ok()
    refused = release.shop.folder / "app/templates/refused.yaml"
    refused.write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: z}\ntype: kubernetes.io/tls\n")
    done = release.helm(*wrapper, "upgrade", release.name, "app", "-f", file, atomic)
    assert done.returncode == 1
    assert "tls.crt" in done.stderr
    assert release.secrets() == {"db": {"password": CANARY.encode(), "pin": b""}}
    for secret in (CANARY, "another one"):
        assert secret not in done.stdout + done.stderr


def test_nothing_reaches_the_cluster_without_the_key(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSECRETS_AGE_KEY", "")
    for wrapper, file in ways(SECRETS):
        done = release.helm(*wrapper, "upgrade", "--install", release.name, "app", "-f", file)
        assert done.returncode != 0
        assert SECRETS in done.stderr
        assert release.everything() == {}


def test_a_token_never_reaches_the_cluster(release: Release) -> None:
    encrypted = (release.shop.folder / SECRETS).read_text()
    token = encrypted[encrypted.index("ENC[") : encrypted.index("]") + 1]
    Path(release.shop.folder, "half.yaml").write_text(f"db:\n  password: {token}\n")
    for argv in (["-f", "half.yaml"], ["--set-string", "db.password=" + token.replace(",", "\\,")]):
        done = release.helm("secrets", "upgrade", "--install", release.name, "app", *argv)
        assert done.returncode != 0, argv
        assert "db.password" in done.stderr
        assert release.everything() == {}


def test_what_helm_keeps_of_a_release(release: Release) -> None:
    """docs/how-to/helm.md says it: the history of a release holds the values, encoded and not encrypted."""
    release("secrets", "install", release.name, "app", "-f", SECRETS)
    kept = release.everything()[f"sh.helm.release.v1.{release.name}.v1"]["release"]
    assert CANARY in gzip.decompress(base64.b64decode(kept)).decode()
    assert CANARY in release("get", "values", release.name)
    assert "ENC[" not in gzip.decompress(base64.b64decode(kept)).decode()


def test_a_secret_of_set_reaches_the_cluster_and_no_command_line(release: Release) -> None:
    (release.shop.folder / "pin.txt").write_text(PIN)
    argv = ["--set-file", "pin=pin.txt", "--set-string", "name=by-set"]
    release("secrets", "install", release.name, "app", "-f", SECRETS, *argv)
    assert release.secrets() == {"by-set": {"password": CANARY.encode(), "pin": PIN.encode()}}
