"""Releases of both Helms in a real API server: what stands in the cluster is what was encrypted, and nothing else."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.charts import SECRETS, Made, Pgp, Shop
from tests.cluster import Cluster
from tests.conftest import Cli
from tests.trace import CANARY, assert_no_disk, assert_nowhere, traced

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


# -- keys and values from Secrets of the cluster, by the real kubectl --------------------------------------------------


@pytest.fixture
def keeper(release: Release, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release whose user has no key of his own, and a kubectl."""
    monkeypatch.setenv("HELM_SECRETS_KUBECTL_PATH", peer("kubectl"))
    return release


def keep(release: Release, kind: str, name: str, data: dict[str, str]) -> None:
    """Put an object with some data into the namespace of the release."""
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data}
    release.cluster.ask("POST", f"/api/v1/namespaces/{release.namespace}/{kind.lower()}s", body)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_age_key_of_the_cluster(keeper: Release, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(keeper, "Secret", "ci-key", {"key.txt": encoded(made.keys["ci"])})
    monkeypatch.setenv("KSECRETS_AGE_KEY", "")
    secret = f"{keeper.namespace}/ci-key"
    for number, wrapper in enumerate((["secrets"], [])):
        file = f"secrets+age-import-kubernetes://{secret}#key.txt?{SECRETS}"
        keeper(*wrapper, "upgrade", "--install", f"r{number}", "app", "-f", file, "--set", f"name=db{number}")
        assert keeper.secrets()[f"db{number}"]["password"] == CANARY.encode()
    for where, said in (
        (f"{keeper.namespace}/none#key.txt", f"error: the Secret {keeper.namespace}/none: kubectl failed (exit 1)"),
        (f"{secret}#none", f"error: the Secret {secret} has no key none"),
    ):
        file = f"secrets+age-import-kubernetes://{where}?{SECRETS}"
        done = keeper.helm("secrets", "template", "r", "app", "-f", file)
        assert done.returncode != 0
        assert said in done.stderr
    here = f"secrets+age-import-kubernetes://ci-key#key.txt?{SECRETS}"
    # Without a namespace, that of kubectl's own configuration counts, as with helm-secrets.
    assert "the Secret ci-key: kubectl failed" in keeper.helm("secrets", "template", "r", "app", "-f", here).stderr
    config = json.loads(keeper.cluster.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = keeper.namespace
    own = keeper.shop.folder.parent / "kubeconfig"
    own.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(own))
    assert CANARY in keeper("--kube-context", "x", "secrets", "template", "r", "app", "-f", here)
    assert keeper.helm("--kube-context", "nowhere", "secrets", "template", "r", "app", "-f", here).returncode != 0


def test_a_pgp_key_of_the_cluster(keeper: Release, pgp: Pgp) -> None:
    keep(keeper, "Secret", "pgp", {"key.asc": encoded(Path(pgp.key).read_text())})
    file = f"secrets+gpg-import-kubernetes://{keeper.namespace}/pgp#key.asc?{pgp.file}"
    for number, wrapper in enumerate((["secrets"], [])):
        argv = ["--set", "db.password=x", "--set", f"name=db{number}"]
        keeper(*wrapper, "install", f"r{number}", "app", "-f", file, *argv)
        assert json.loads(keeper("get", "values", f"r{number}", "-o", "json"))["order"] == "pgp"
    assert not list(pgp.folder.glob("private-keys-v1.d/*"))


def test_references_to_the_cluster(keeper: Release) -> None:
    keep(keeper, "Secret", "pins", {"one": encoded(PIN)})
    keep(keeper, "ConfigMap", "names", {"name": "by-reference"})
    base = f"ref+k8s://v1/{{}}/{keeper.namespace}"
    pin, name = base.format("Secret") + "/pins/one", base.format("ConfigMap") + "/names/name"
    (keeper.shop.folder / "refs.yaml").write_text(f"name: {name}\ndb: {{password: {pin}}}\n")
    keeper("secrets", "-b", "vals", "install", "r", "app", "-f", "refs.yaml", "--set", f"pin={pin}")
    assert keeper.secrets()["by-reference"] == {"password": PIN.encode(), "pin": PIN.encode()}
    keeper("install", "s", "app", "-f", "secrets://vals!refs.yaml", "--set", "name=by-getter")
    assert keeper.secrets()["by-getter"]["password"] == PIN.encode()


# -- helm-diff, the plugin ---------------------------------------------------------------------------------------------

# It starts a Helm of its own with the paths that it was given.
DIFF = """\
name: diff
version: "0.0.1"
usage: "preview an upgrade"
platformCommand:
  - command: "$HELM_PLUGIN_DIR/helm-diff"
"""


@pytest.fixture
def diff(release: Release, rare_peer: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A release that is installed, and a Helm with helm-diff beside our plugins."""
    program = rare_peer("helm-diff")
    plugins = tmp_path / "plugins"
    shutil.copytree(os.environ["HELM_PLUGINS"], plugins)
    (plugins / "diff").mkdir()
    (plugins / "diff/plugin.yaml").write_text(DIFF)
    (plugins / "diff/helm-diff").symlink_to(program)
    monkeypatch.setenv("HELM_PLUGINS", str(plugins))
    release("secrets", "install", release.name, "app", "-f", SECRETS)
    return release


def test_helm_diff_sees_the_values(diff: Release, cli: Cli) -> None:
    argv = ["secrets", "diff", "upgrade", diff.name, "app", "-f", SECRETS, "--detailed-exitcode"]
    for more in ([], ["--three-way-merge"], ["--dry-run=server"]):
        done = diff.helm(*argv, *more)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    cli("set", SECRETS, "db.password", "another one", cwd=diff.shop.folder).ok()
    done = diff.helm(*argv)
    assert done.returncode == 2, done.stderr
    assert "password:" in done.stdout
    assert CANARY not in done.stdout + done.stderr
    shown = diff.helm(*argv, "--show-secrets").stdout
    assert f'-   password: "{CANARY}"' in shown
    assert '+   password: "another one"' in shown
    assert "ENC[" not in shown
    assert diff.password() == CANARY  # nothing was changed


def test_helm_diff_gets_set_and_standard_input_too(diff: Release) -> None:
    (diff.shop.folder / "pin.txt").write_text(PIN)
    argv = ["secrets", "diff", "upgrade", diff.name, "app", "-f", SECRETS, "--show-secrets", "--detailed-exitcode"]
    assert "+   pin:" in diff.helm(*argv, "--set-file", "pin=pin.txt").stdout
    assert '+   pin: "by reference"' in diff.helm(*argv, "--set", "pin=vals!ref+echo://by reference").stdout
    encrypted = (diff.shop.folder / SECRETS).read_bytes()
    from_input = diff.shop(*argv[:5], "-f", "-", *argv[7:], "--namespace", diff.namespace, input=encrypted)
    assert (from_input.returncode, from_input.stdout) == (0, ""), from_input.stderr


def test_helm_diff_leaves_nothing_on_a_disk(diff: Release, strace: str, tmp_path: Path) -> None:
    """The values go by the memory that we hand over to the Helm that helm-diff starts, and come back in pipes."""
    argv = ["secrets", "diff", "upgrade", diff.name, "app", "-f", SECRETS, "--show-secrets", "--set", "name=new"]
    out, seen = traced(strace, tmp_path, [diff.shop.helm, *argv, "--namespace", diff.namespace])
    assert CANARY in out
    assert assert_no_disk(seen) >= {"/memfd:", "pipe:["}
    assert_nowhere(diff.shop.folder)


def test_helmfile_applies_what_helm_diff_sees(
    diff: Release, cli: Cli, rare_peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(diff.shop.helm) + os.pathsep + os.environ["PATH"])
    folder = diff.shop.folder
    (folder / "helmfile.yaml").write_text(
        f"releases:\n  - {{name: {diff.name}, namespace: {diff.namespace}, chart: ./app, secrets: [{SECRETS}]}}\n"
    )
    cli("set", SECRETS, "db.password", "another one", cwd=folder).ok()
    for changes in (True, False):
        done = subprocess.run([rare_peer("helmfile"), "apply"], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert ("db, Secret (v1) has changed" in done.stdout) is changes
        assert diff.password() == "another one"
        assert "another one" not in done.stdout + done.stderr
        assert [path.name for path in (folder / SECRETS).parent.glob("secret[0-9]*")] == []
