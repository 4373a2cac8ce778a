"""What helmfile calls, word for word as in its pkg/helmexec, on both Helms; and helmfile itself, where it is built.

It reads the version of the plugin `secrets` from the manifest in Helm's folder: below 4 it calls `view`, from 4 on
`decrypt`, and `helmfile init` installs another one below 4.7.4.

helmfile takes longer to build than all other peers together, so `./dev peers helmfile` does it by name only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.charts import FILES, MORE, SECRETS, Shop
from tests.conftest import ROOT, Cli, Repo
from tests.trace import CANARY, assert_nowhere

# What it adds for the cluster, and from --args: Helm takes its own options away from a plugin.
FLAGS = ["--kube-context", "there", "--namespace", "shop"]


def version(folder: Path) -> tuple[int, ...]:
    """Of the plugin, as helmfile sees it: semver, of which what stands behind a + counts for nothing."""
    for path in folder.glob("*/plugin.yaml"):
        manifest = yaml.safe_load(path.read_text())
        if manifest["name"] == "secrets":
            found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:\+[0-9A-Za-z.-]+)?", manifest["version"])
            assert found, manifest["version"]
            return tuple(map(int, found.groups()))
    raise AssertionError("plugin secrets not installed")


def test_the_version_is_one_that_helmfile_takes(shop: Shop) -> None:
    assert version(Path(os.environ["HELM_PLUGINS"])) >= (4, 7, 4)
    listed = shop("plugin", "list").stdout
    assert re.search(r"(?m)^secrets\s+4\.", listed), listed


@pytest.mark.parametrize("word", ["decrypt", "view"])
def test_a_file_of_secrets_is_decrypted(shop: Shop, tmp_path: Path, word: str) -> None:
    """By its absolute path, from any folder, with the options of the cluster; nothing else stands on the output."""
    path = str(shop.folder / SECRETS)
    done = shop("secrets", word, path, *FLAGS, cwd="app")
    assert done.returncode == 0, done.stderr
    assert done.stdout == FILES[SECRETS]


def test_many_at_a_time(shop: Shop) -> None:
    """helmfile decrypts for several releases at once."""
    names = list(FILES) * 3
    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(lambda name: shop("secrets", "decrypt", str(shop.folder / name), *FLAGS).stdout, names))
    assert outs == [FILES[name] for name in names]


def test_what_cannot_be_decrypted_stops_the_release(shop: Shop) -> None:
    path = shop.folder / SECRETS
    path.write_text(path.read_text().replace("from: ENC", "form: ENC"))
    for file in (path, shop.folder / "plain.yaml", shop.folder / "nope.yaml"):
        done = shop("secrets", "decrypt", str(file), *FLAGS)
        assert done.returncode != 0
        assert done.stdout == ""
        assert done.stderr.startswith(f"error: {file}")


def test_the_example(helm: str, repo: Repo, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that it makes of examples/helmfile, with a file in between as it writes one."""
    for name in ("shop", "helmfile"):
        shutil.copytree(ROOT / "examples" / name, repo / name)
    cli("init", "--name", "me", "--env", "prod", "--files", "shop/env/prod/secrets*.yaml").ok()
    cli("encrypt", "-i", "shop/env/prod/secrets.yaml").ok()
    monkeypatch.setenv("HELM_PLUGINS", str(tmp_path / "plugins"))
    cli("helm", "install-plugin", "--helm", helm).ok()
    text = (repo / "helmfile/helmfile.yaml").read_text().replace("{{ .Environment.Name }}", "prod")
    (release,) = list(yaml.safe_load_all(text))[1]["releases"]
    folder = repo / "helmfile"
    files = [str((folder / each).resolve()) for each in release["values"]]
    for each in release["secrets"]:
        argv = [helm, "secrets", "decrypt", os.path.abspath(folder / each), "--namespace", release["namespace"]]
        done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        files.append(str(tmp_path / "secret123.yaml"))
        Path(files[-1]).write_bytes(done.stdout)
    argv = [helm, "template", release["name"], str(folder / release["chart"]), "--namespace", release["namespace"]]
    done = subprocess.run([*argv, *(f"--values={each}" for each in files)], cwd=folder, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b'DB_PASSWORD: "correct: horse' in done.stdout


def test_the_plaintext_that_it_leaves_behind_is_not_committed(repo: Repo, cli: Cli) -> None:
    """`secret123.yaml` beside the file, after a SIGKILL, where the rule is about the whole folder."""
    cli("init", "--name", "me", "--env", "prod", "--files", "env/prod/secret*.yaml").ok()
    repo.write("env/prod/secret123.yaml", "db: {password: x}\n")
    repo.git("add", ".ksecrets.yaml", "env")
    assert cli("guard").code == 6


# -- helmfile itself ---------------------------------------------------------------------------------------------------

HELMFILE = f"""\
releases:
  - name: shop
    namespace: shop
    chart: ./app
    values: [plain.yaml]
    secrets: [{SECRETS}, {MORE}]
"""


class Helmfile:
    """The real helmfile with the Helm of the shop, in its folder."""

    def __init__(self, program: str, shop: Shop) -> None:
        self._program = program
        self.shop = shop

    def __call__(self, *argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PATH": os.path.dirname(self.shop.helm) + os.pathsep + os.environ["PATH"]}
        words = [self._program, *argv]
        return subprocess.run(
            words, cwd=cwd or self.shop.folder, env=environ, capture_output=True, text=True, timeout=120
        )

    def ok(self, *argv: str, cwd: Path | None = None) -> str:
        done = self(*argv, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def helmfile(rare_peer: Callable[[str], str], shop: Shop) -> Helmfile:
    (shop.folder / "helmfile.yaml").write_text(HELMFILE)
    return Helmfile(rare_peer("helmfile"), shop)


def test_helmfile_renders_secrets(helmfile: Helmfile) -> None:
    before = sorted(helmfile.shop.folder.rglob("*"))
    (manifest,) = [each for each in yaml.safe_load_all(helmfile.ok("template")) if each]
    values = json.loads(manifest["data"]["values"])
    assert values["db"] == {"password": CANARY}
    # Helm's YAML has `yes` for true, as a key too.
    assert (values["more"], values["order"], values["extra"]) == ({"pin": "0042", "true": 1.1}, "more", [1, 2])
    assert manifest["metadata"]["namespace"] == "shop"
    assert sorted(helmfile.shop.folder.rglob("*")) == before
    assert_nowhere(helmfile.shop.folder)


def test_helmfile_writes_values_and_lints(helmfile: Helmfile, tmp_path: Path) -> None:
    helmfile.ok("write-values", "--output-file-template", str(tmp_path / "values.yaml"))
    values = yaml.safe_load((tmp_path / "values.yaml").read_text())
    assert (values["db"], values["order"]) == ({"password": CANARY}, "more")
    helmfile.ok("lint")


def test_helmfile_reads_secrets_of_an_environment(helmfile: Helmfile) -> None:
    """They are values of its own templates."""
    folder = helmfile.shop.folder
    (folder / "helmfile.yaml").unlink()
    (folder / "helmfile.yaml.gotmpl").write_text(
        f"environments: {{default: {{secrets: [{SECRETS}]}}}}\n---\n"
        "releases:\n  - {name: r, chart: ./app, values: [{from: '{{ .Values.db.password }}'}]}\n"
    )
    (manifest,) = [each for each in yaml.safe_load_all(helmfile.ok("template")) if each]
    assert json.loads(manifest["data"]["values"])["from"] == CANARY


def test_helmfile_stops_where_a_file_cannot_be_decrypted(helmfile: Helmfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSECRETS_AGE_KEY", "")
    done = helmfile("template")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "no identity opens it" in done.stderr


def test_helmfile_renders_the_example(helmfile: Helmfile, cli: Cli) -> None:
    folder = helmfile.shop.folder
    for name in ("shop", "helmfile"):
        shutil.copytree(ROOT / "examples" / name, folder / name)
    cli("encrypt", "-i", "shop/env/prod/secrets.yaml", cwd=folder).ok()
    out = helmfile.ok("--environment", "prod", "template", cwd=folder / "helmfile")
    assert 'DB_PASSWORD: "correct: horse' in out
