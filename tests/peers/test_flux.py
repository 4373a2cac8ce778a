"""What Flux gets to see: our files through sops's library as its kustomize-controller calls it, MAC check off.

The Go program in tests/peers/go/fluxdecrypt does that. The manifests go through the real kustomize first, as in Flux.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Cli, Repo
from tests.team import person

CONFIG = """\
version: 1
recipients:
  alice: {{age: {alice}}}
  flux: {{age: {flux}, kind: machine}}
environments:
  prod:
    files: ["apps/**"]
    readers: [alice, flux]
    encrypt: {{key-regex: "^(data|stringData|db|DB_.*)$"}}
    seal: required
"""
COMPACT = "apps/compact.json"
PASSWORD = '0042: "it\'s" # $HOME \\ ünïcode'
FILES = {
    "apps/values.yaml": "# top secret\ndb:\n  password: >-\n    s3cret\n    line\n  port: 1.10 # of it\nname: shop\n",
    "apps/values.json": '{"db": {"password": "s3cret", "port": 5432, "ratio": 1.0}, "name": "shop"}\n',
    "apps/db.env": "# how to reach it\nDB_PASSWORD=s3cret\nNAME=shop\n",
}
MANIFEST = f"""\
apiVersion: v1
kind: Secret
metadata:
  name: db
  labels: {{app: shop}}
type: Opaque
data:
  password: {base64.b64encode(PASSWORD.encode()).decode()}
stringData:
  app.conf: |
    user = shop

    [more]
"""
SECRET = "apps/db.secret.yaml"


class Flux:
    """The decryptor with the key of the cluster."""

    def __init__(self, program: str) -> None:
        self._program = program

    def ask(self, *argv: str, input: bytes) -> subprocess.CompletedProcess[bytes]:
        environ = {"SOPS_AGE_KEY": person("flux").secret, "HOME": "/nonexistent"}
        return subprocess.run([self._program, *argv], input=input, env=environ, capture_output=True, timeout=60)

    def source(self, path: Path) -> bytes:
        """A file that a secretGenerator or a patch names."""
        done = self.ask("source", path.name, input=path.read_bytes())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def resource(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """A manifest that stands at the end of a build."""
        done = self.ask("resource", input=json.dumps(manifest).encode())
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


@pytest.fixture
def flux(peer: Callable[[str], str]) -> Flux:
    return Flux(peer("fluxdecrypt"))


@pytest.fixture
def shop(repo: Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Encrypted files for alice and the cluster, and alice's key."""
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)
    repo.write(".ksecrets.yaml", CONFIG.format(alice=person("alice").public, flux=person("flux").public))
    for name, text in {**FILES, SECRET: MANIFEST}.items():
        repo.write(name, text)
    cli("encrypt", "-i", *FILES, SECRET).ok()
    repo.commit()
    return repo


@pytest.mark.parametrize("name", FILES)
def test_a_source_is_opened(shop: Repo, flux: Flux, name: str) -> None:
    """As values of helm-controller, of a secretGenerator, and as a patch: Flux goes by a marker in the bytes."""
    assert "s3cret" not in (shop / name).read_text()
    got = flux.source(shop / name).decode()
    assert "ENC[" not in got
    assert meaning(name, got) == meaning(name, FILES[name])


def meaning(name: str, text: str) -> object:
    """What stands in a file, whatever its look."""
    if name.endswith(".env"):
        return text
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def test_json_without_spaces_is_opened(shop: Repo, cli: Cli, flux: Flux) -> None:
    """Its marker is `"mac": "ENC[`, with the space, so ours has one there; as a manifest, a field counts."""
    plain = '{"db":{"password":"s3cret"},"name":"shop"}'
    shop.write(COMPACT, plain)
    cli("encrypt", "-i", COMPACT).ok()
    before = (shop / COMPACT).read_bytes()
    assert before.count(b": ") == 1  # nothing else has changed its look
    assert cli("decrypt", COMPACT).ok().stdout == plain
    assert json.loads(flux.source(shop / COMPACT)) == json.loads(plain)
    assert flux.resource(json.loads(before)) == {"db": {"password": "s3cret"}, "name": "shop"}
    cli("set", COMPACT, "db.password", "another").ok()
    assert json.loads(flux.source(shop / COMPACT))["db"] == {"password": "another"}


@pytest.mark.parametrize("name", ["apps/compact.json", "apps/braces.yaml"])
def test_what_flux_takes_for_plaintext(shop: Repo, cli: Cli, flux: Flux, name: str) -> None:
    """docs/how-to/gitops.md says it: JSON that another program wrote anew, and YAML in braces. Manifests are opened."""
    shop.write(name, '{"db":{"password":"s3cret"},"name":"shop"}\n')
    cli("encrypt", "-i", name).ok()
    if name.endswith(".json"):
        shop.write(name, json.dumps(json.loads((shop / name).read_bytes()), separators=(",", ":")))
    before = (shop / name).read_bytes()
    assert b"ENC[" in before
    assert flux.source(shop / name) == before
    assert flux.resource(yaml.safe_load(before)) == {"db": {"password": "s3cret"}, "name": "shop"}


def test_a_file_after_each_kind_of_write_is_opened(shop: Repo, cli: Cli, flux: Flux) -> None:
    for name in FILES:
        key = "DB_PASSWORD" if name.endswith(".env") else "db.password"
        cli("set", name, key, "another").ok()
        cli("rotate", name).ok()
        assert b"another" in flux.source(shop / name), name


def built(kustomize: str, folder: Path) -> list[dict[str, Any]]:
    """What the real kustomize makes of a folder."""
    done = subprocess.run([kustomize, "build", str(folder)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_a_secret_manifest_is_opened_after_the_build(
    shop: Repo, cli: Cli, flux: Flux, peer: Callable[[str], str]
) -> None:
    """Kustomize makes JSON of the manifest and patches it, which breaks MAC and seal; therefore the check is off."""
    kustomize = peer("kustomize")
    shop.write("apps/kustomization.yaml", "resources: [db.secret.yaml]\nnamespace: shop\nnamePrefix: prod-\n")
    (manifest,) = built(kustomize, shop / "apps")
    assert manifest["data"]["password"].startswith("ENC[")
    assert manifest["sops"]["ksecrets"]
    opened = flux.resource(manifest)
    assert opened == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "prod-db", "namespace": "shop", "labels": {"app": "shop"}},
        "type": "Opaque",
        "data": {"password": base64.b64encode(PASSWORD.encode()).decode()},
        "stringData": {"app.conf": "user = shop\n\n[more]\n"},
    }
    # The same bytes, for us, are no longer what was sealed.
    shop.write("apps/patched.secret.yaml", yaml.safe_dump(manifest))
    assert cli("decrypt", "apps/patched.secret.yaml").code == 5


def test_files_in_a_generated_secret_are_opened(shop: Repo, flux: Flux, peer: Callable[[str], str]) -> None:
    """A file of a secretGenerator that the controller did not see before the build: as base64 in `data`."""
    shop.write(
        "apps/kustomization.yaml",
        "secretGenerator:\n  - name: files\n    files: [values.yaml, values.json, db.env]\n"
        "generatorOptions: {disableNameSuffixHash: true}\n",
    )
    (manifest,) = built(peer("kustomize"), shop / "apps")
    data = {name: base64.b64decode(value).decode() for name, value in flux.resource(manifest)["data"].items()}
    assert data["db.env"] == FILES["apps/db.env"]
    for name in ("values.yaml", "values.json"):
        assert meaning(name, data[name]) == meaning(name, FILES[f"apps/{name}"])


def test_what_flux_does_not_notice_is_noticed_by_check(shop: Repo, cli: Cli, flux: Flux) -> None:
    """The attack that the missing MAC check allows: without any key, readable parts change and values disappear."""
    text = (shop / SECRET).read_text()
    attacks = {
        "another name": text.replace("  name: db\n", "  name: admin\n"),
        "a value less": re.sub(r"(?m)^  password: ENC\[.*\n", "", text),
        "mac of nothing": re.sub(r"mac: ENC\[AES256_GCM,data:[^,]*", "mac: ENC[AES256_GCM,data:AAAA", text),
    }
    for name, changed in attacks.items():
        assert changed != text, name
        (shop / SECRET).write_text(changed)
        opened = flux.resource(yaml.safe_load(changed))
        assert opened["stringData"]["app.conf"] == "user = shop\n\n[more]\n", name
        assert cli("decrypt", SECRET).code == 5, name
        assert cli("check", SECRET).code == 6, name


def test_a_value_itself_cannot_be_forged(shop: Repo, flux: Flux) -> None:
    """Tokens are bound to their place: one that was moved or changed stops Flux, too."""
    manifest = yaml.safe_load((shop / SECRET).read_text())
    token = manifest["data"].pop("password")
    for changed in (
        {**manifest, "data": {"moved": token}},
        {**manifest, "data": {"password": token.replace("data:", "data:AAAA", 1)}},
    ):
        done = flux.ask("resource", input=json.dumps(changed).encode())
        assert done.returncode == 1
        assert b"fluxdecrypt: " in done.stderr
        assert done.stdout == b""


def test_too_large_for_flux(shop: Repo, flux: Flux) -> None:
    done = flux.ask("source", "large.yaml", input=b"a: b\n" * (1 << 20))
    assert done.returncode == 0
    done = flux.ask("source", "large.yaml", input=b"a: b\n" * (1 << 20) + b"c: d\n" * 1024 * 80)
    assert (done.returncode, done.stdout) == (1, b"")
