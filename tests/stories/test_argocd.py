"""What Argo CD's repo-server calls: the `helm` of examples/argocd, the getter and the kustomize plugin, as it does.

Its command line is that of its util/helm/cmd.go: paths of a second source as absolute ones into another checkout, the
values of the Application as a file in the folder for temporary files.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.charts import MORE, SECRETS, Shop
from tests.conftest import ROOT, Cli, Repo
from tests.trace import CANARY

EXAMPLE = ROOT / "examples/argocd"


class RepoServer:
    """Checkouts as Argo CD lays them out: one of the chart, one with values, one of another team; and the shim."""

    def __init__(self, shop: Shop, cli: Cli, folder: Path) -> None:
        self.shop = shop
        self.checkouts = folder / "_argocd-repo"
        self.chart = self.checkouts / "11111111"
        self.values = self.checkouts / "22222222"
        self.other = self.checkouts / "33333333"
        for each in (self.chart, self.values, self.other):
            shutil.copytree(shop.folder, each, symlinks=True)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "ksecrets").write_text(f'#!/bin/sh\nexec {shlex.join(cli.program)} "$@"\n')
        (programs / "ksecrets").chmod(0o755)
        shutil.copy(EXAMPLE / "helm", programs / "helm")
        self.log = folder / "log"
        real = programs / "real"
        real.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{self.log}\nexec {shlex.quote(shop.helm)} "$@"\n')
        real.chmod(0o755)
        self.programs = programs
        self.environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KSECRETS_REAL_HELM": str(real),
            "KSECRETS_ARGOCD_CHECKOUTS": str(self.checkouts),
            "TMPDIR": str(folder / "tmp"),
        }
        (folder / "tmp").mkdir()
        (folder / "tmp/44444444").write_text("order: application\n")
        self.extra = str(folder / "tmp/44444444")

    def template(self, *values: str) -> subprocess.CompletedProcess[str]:
        """`helm template` as the repo-server says it."""
        words = ["helm", "template", ".", "--name-template", "shop", "--namespace", "shop", "--kube-version", "1.31.0"]
        for each in values:
            words += ["--values", each]
        words += ["--api-versions", "v1", "--api-versions", "apps/v1", "--include-crds"]
        return self(*words)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.chart / "app",
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self) -> list[str]:
        """What the real Helm was called with."""
        return self.log.read_text().splitlines()


@pytest.fixture
def server(shop: Shop, cli: Cli, tmp_path: Path) -> RepoServer:
    folder = tmp_path / "server"
    folder.mkdir()
    return RepoServer(shop, cli, folder)


def test_values_of_a_second_source_are_decrypted(server: RepoServer) -> None:
    """`$values/env/prod/secrets.yaml`: an absolute path into another checkout, beside those of the chart itself."""
    done = server.template(f"{server.values}/{SECRETS}", f"../{MORE}", server.extra)
    assert done.returncode == 0, done.stderr
    text = yaml.safe_load(done.stdout[done.stdout.index("---\n") :])["data"]["values"]
    assert CANARY in text
    assert '"more":{' in text
    assert '"order":"application"' in text
    assert done.stderr == ""
    (call,) = server.calls()
    assert CANARY not in call


def test_helm_runs_as_it_is_when_nothing_is_encrypted(server: RepoServer) -> None:
    """Word for word, and without ksecrets where there are no values at all or where it is another command."""
    plain = str(server.values / "plain.yaml")
    assert server.template(plain, server.extra).returncode == 0
    (server.programs / "ksecrets").write_text("#!/bin/sh\nexit 99\n")
    assert server.template().returncode == 0
    assert server("helm", "version", "--short").returncode == 0
    assert server.template(plain).returncode == 99
    assert server.calls() == [
        "template . --name-template shop --namespace shop --kube-version 1.31.0 "
        f"--values {plain} --values {server.extra} --api-versions v1 --api-versions apps/v1 --include-crds",
        "template . --name-template shop --namespace shop --kube-version 1.31.0 "
        "--api-versions v1 --api-versions apps/v1 --include-crds",
        "version --short",
    ]


def test_no_file_from_outside_of_its_checkout(server: RepoServer, tmp_path: Path) -> None:
    """The attack: a repository of one team links to the values of another, or to what the repo-server holds."""
    secret = server.other / SECRETS
    shutil.copy(secret, tmp_path / "held.yaml")
    (server.values / "link.yaml").symlink_to(secret)
    (server.values / "folder").symlink_to(server.other)
    (server.values / "out.yaml").symlink_to(tmp_path / "held.yaml")
    (server.checkouts / "55555555").symlink_to(tmp_path)
    (Path(server.extra).parent / "link").symlink_to(tmp_path / "held.yaml")
    for path in (
        f"{server.values}/link.yaml",
        f"{server.values}/folder/{SECRETS}",
        f"{server.values}/out.yaml",
        f"{server.values}/../33333333/{SECRETS}",
        f"{server.checkouts}/55555555/held.yaml",
        f"{Path(server.extra).parent}/link",
        f"../../33333333/{SECRETS}",
        str(tmp_path / "held.yaml"),
        "/proc/self/environ",
    ):
        for word in (path, f"secrets://{path}", f"?{path}"):
            done = server.template(word)
            assert done.returncode == 1, word
            assert "lies outside of" in done.stderr, done.stderr
            assert CANARY not in done.stdout + done.stderr
    # What Argo CD may name itself, an Application may not: its author sees what comes of it.
    for word in (f"secrets://{server.other}/{SECRETS}", f"?{server.extra}", f"sops!{server.extra}"):
        assert "lies outside of" in server.template(word).stderr, word
    assert not server.log.exists()


def test_a_file_that_cannot_be_opened_stops_the_sync(server: RepoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KSECRETS_AGE_KEY")
    done = server.template(f"{server.values}/{SECRETS}")
    assert done.returncode == 4
    assert "no identity opens it" in done.stderr
    assert not server.log.exists()


def test_the_getter_in_the_repo_server(server: RepoServer) -> None:
    """`secrets://../env/prod/secrets.yaml` in valueFiles, without the shim: Argo CD hands the address on."""
    server.environ["ARGOCD_APP_NAME"] = "argocd"
    (server.programs / "helm").unlink()
    (server.programs / "helm").symlink_to(server.programs / "real")
    done = server.template(f"secrets://../{SECRETS}")
    assert done.returncode == 0, done.stderr
    assert CANARY in done.stdout
    done = server.template(f"secrets://../../33333333/{SECRETS}")
    assert done.returncode != 0
    assert "lies outside of" in done.stderr


def test_the_kustomize_plugin(
    repo: Repo, cli: Cli, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command of plugin.yaml, in the example of examples/kustomize."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kustomize").symlink_to(peer("kustomize"))
    (tmp_path / "bin/ksecrets").write_text(f'#!/bin/sh\nexec {shlex.join(cli.program)} "$@"\n')
    (tmp_path / "bin/ksecrets").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    shutil.copytree(ROOT / "examples/kustomize", repo.path, dirs_exist_ok=True)
    cli("init", "--name", "me", "--env", "prod", "--files", "*.secret.*").ok()
    cli("encrypt", "-i", "db.secret.yaml", "app.secret.conf").ok()
    command = yaml.safe_load((EXAMPLE / "plugin.yaml").read_text())["spec"]["generate"]["command"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "correct: horse" in done.stdout


def test_the_files_of_the_example_fit_together() -> None:
    """What one of them mounts, names or allows stands in another."""
    documents = {
        path.name: [each for each in yaml.safe_load_all(path.read_text()) if each] for path in EXAMPLE.glob("*.yaml")
    }
    (deployment,) = documents["repo-server.yaml"]
    pod = deployment["spec"]["template"]["spec"]
    mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
    # The others are those of Argo CD's own Deployment.
    assert mounted - {volume["name"] for volume in pod["volumes"]} == {"var-files", "plugins"}
    (plugin,) = documents["plugin.yaml"]
    used = [each["spec"]["source"]["plugin"]["name"] for each in documents["applications.yaml"][2:]]
    assert used == [plugin["metadata"]["name"]]
    assert documents["argocd-cm.yaml"][0]["data"]["helm.valuesFileSchemes"] == "secrets"
    assert "COPY helm /usr/local/sbin/helm" in (EXAMPLE / "Dockerfile").read_text()
