"""kustomize with encrypted manifests: its exec generator, with the real kustomize and the example of examples/."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Cli, Repo
from tests.team import person
from tests.trace import CANARY

CONFIG = """\
version: 1
recipients: {{alice: {{age: {alice}}}}}
environments:
  prod: {{files: ["app/*.secret.*", "app/*.enc*", "base/*"], readers: [alice]}}
"""
GENERATOR = """\
apiVersion: viaduct.ai/v1
kind: {kind}
metadata:
  name: secrets
  annotations:
    config.kubernetes.io/function: |
      exec:
        path: ./ksecrets
        args: [kustomize]
"""
# What one reader of YAML takes for one thing, and another for something else; and what indentation could break.
SCALARS = """\
apiVersion: v1
kind: Secret
metadata: {name: scalars}
stringData:
  yes: "1"
  word: yes
  octal: "0o17"
  date: 2001-01-01
  folded: >-
    one
    two

    three
  kept: |+
    text

  indented: |2
      two more
    none
  quoted: "a \\
    b\\tc

    d"
  anchor: &a "value # no comment"
  alias: *a
  # a comment
  last: |
    --- no marker
      ünïcode \U0001f600
"""


class Kustomize:
    """A folder of a repository that kustomize builds, and ksecrets beside it, where the generator finds it."""

    def __init__(self, program: str, repo: Repo, cli: Cli) -> None:
        self.program = program
        self.repo = repo
        self.cli = cli
        (repo / "app").mkdir()
        script = repo / "app/ksecrets"
        script.write_text("#!/bin/sh\nexec " + shlex.join(cli.program) + ' "$@"\n')
        script.chmod(0o755)
        repo.write("app/kustomization.yaml", "generators: [secrets.yaml]\n")

    def encrypted(self, **files: str | bytes) -> None:
        """Write and encrypt files of app/; `__` in a name is a dot."""
        names = [f"app/{name.replace('__', '.')}" for name in files]
        for name, content in zip(names, files.values(), strict=True):
            self.repo.write(name, content)
        self.cli("encrypt", "-i", *names).ok()

    def build(self, config: str, kind: str = "ksecrets") -> subprocess.CompletedProcess[str]:
        """Run it with a generator, from another folder."""
        self.repo.write("app/secrets.yaml", GENERATOR.format(kind=kind) + config)
        return subprocess.run(
            [self.program, "build", "--enable-alpha-plugins", "--enable-exec", str(self.repo / "app")],
            capture_output=True,
            cwd="/",
            text=True,
            timeout=60,
        )

    def __call__(self, config: str, kind: str = "ksecrets") -> dict[str, dict[str, Any]]:
        """The resources that it builds, by name."""
        done = self.build(config, kind)
        assert done.returncode == 0, done.stderr
        return {each["metadata"]["name"]: each for each in yaml.safe_load_all(done.stdout)}


@pytest.fixture
def kustomize(repo: Repo, cli: Cli, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Kustomize:
    monkeypatch.setenv("SOPS_AGE_KEY", person("alice").secret)
    repo.write(".ksecrets.yaml", CONFIG.format(alice=person("alice").public))
    return Kustomize(peer("kustomize"), repo, cli)


def manifest(name: str, **values: str) -> str:
    return json.dumps(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}, indent="\t"
    )


@pytest.mark.parametrize("kind", ["ksecrets", "ksops"])
def test_manifests_are_generated(kustomize: Kustomize, kind: str) -> None:
    """YAML and JSON, several documents in a file, and what kustomize then does to them."""
    two = f"--- # first\nkind: Secret\napiVersion: v1\nmetadata: {{name: one}}\nstringData: {{a: {CANARY}}}\n"
    two += "---\n# nothing\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: two}\n...\n"
    kustomize.encrypted(
        two__secret__yaml="\ufeff" + two.replace("\n", "\r\n"), j__secret__json=manifest("three", b="c")
    )
    kustomize.repo.write("app/kustomization.yaml", "namePrefix: x-\ngenerators: [secrets.yaml]\n")
    got = kustomize("files: [two.secret.yaml, ./j.secret.json]\n", kind)
    assert set(got) == {"x-one", "x-two", "x-three"}
    assert got["x-one"]["stringData"] == {"a": CANARY}
    assert got["x-three"]["stringData"] == {"b": "c"}
    assert "sops" not in got["x-one"]


def test_kustomize_reads_every_scalar_itself(kustomize: Kustomize) -> None:
    """The same manifest, encrypted through the generator and plain as a resource, builds the same."""
    kustomize.encrypted(s__secret__yaml=SCALARS)
    through = kustomize.build("files: [s.secret.yaml]\n")
    kustomize.repo.write("app/kustomization.yaml", "resources: [plain.yaml]\n")
    kustomize.repo.write("app/plain.yaml", SCALARS)
    plain = kustomize.build("")
    assert plain.returncode == 0, plain.stderr
    assert through.stdout == plain.stdout
    assert yaml.safe_load(plain.stdout)["stringData"]["last"] == "--- no marker\n  ünïcode \U0001f600\n"


def test_a_secret_from_files(kustomize: Kustomize) -> None:
    odd = 'a = "b"\n\x85\u2028\ufeff\x7f\U0001f600\ttab\n'
    kustomize.encrypted(app__enc=odd, p12__enc=bytes(range(256)), v__enc__yaml="a: b\n")
    got = kustomize(
        "secretFrom:\n"
        "  - metadata: {name: made, annotations: {kustomize.config.k8s.io/needs-hash: 'false'}}\n"
        "    type: Opaque\n"
        "    files: [app.conf=app.enc, ./v.enc.yaml]\n"
        "    binaryFiles: [tls.p12=p12.enc]\n"
    )["made"]
    data = {name: base64.b64decode(value) for name, value in got["data"].items()}
    assert data == {"app.conf": odd.encode(), "v.enc.yaml": b"a: b\n", "tls.p12": bytes(range(256))}
    assert (got["type"], got["kind"], got["apiVersion"]) == ("Opaque", "Secret", "v1")


def test_a_file_elsewhere_in_the_repository(kustomize: Kustomize) -> None:
    """An overlay names the file of its base, as kustomizations do."""
    kustomize.repo.write("base/db.yaml", manifest("db", a="b"))
    kustomize.cli("encrypt", "-i", "base/db.yaml").ok()
    assert kustomize("files: [../base/db.yaml]\n")["db"]["stringData"] == {"a": "b"}


def test_no_file_from_outside_of_the_repository(kustomize: Kustomize, tmp_path: Path) -> None:
    """The attack: a pull request names the keys of the machine that builds, or another tenant's checkout."""
    kustomize.encrypted(db__secret__yaml=manifest("db", a=CANARY))
    shutil.copy(kustomize.repo / "app/db.secret.yaml", tmp_path / "other.secret.yaml")
    (kustomize.repo / "app/link.secret.yaml").symlink_to(tmp_path / "other.secret.yaml")
    (kustomize.repo / "app/folder").symlink_to(tmp_path)
    for path in (
        "../../other.secret.yaml",
        "link.secret.yaml",
        "folder/other.secret.yaml",
        str(tmp_path / "other.secret.yaml"),
        str(kustomize.repo / "app/db.secret.yaml"),
        "/proc/self/environ",
        "file:///etc/passwd",
    ):
        for config in (f"files: [{path}]\n", f"secretFrom: [{{metadata: {{name: x}}, binaryFiles: ['k={path}']}}]\n"):
            done = kustomize.build(config)
            assert done.returncode != 0
            assert "lies outside of" in done.stderr or "is an absolute path" in done.stderr, done.stderr
            assert CANARY not in done.stdout + done.stderr


def test_what_stops_a_build(kustomize: Kustomize) -> None:
    """Nothing is printed, also of the files that are fine, and no message holds a value."""
    secret = manifest("db", a=CANARY)
    kustomize.encrypted(
        ok__secret__yaml=secret,
        bad__secret__yaml=secret,
        list__secret__yaml=f"- {CANARY}\n",
        end__secret__yaml=f"kind: Secret\na: |\n  {CANARY}",
        ctl__secret__yaml=secret.replace("db", "d\\x7fb").replace("\t", " "),
        env__enc__env=f"A={CANARY}\n",
    )
    bad = kustomize.repo / "app/bad.secret.yaml"
    bad.write_text(bad.read_text().replace("metadata", "metadatum"))
    kustomize.repo.write("app/plain.yaml", secret)
    token = bad.read_text().split('"a": ')[1].splitlines()[0].strip('",')
    kustomize.encrypted(token__secret__yaml=manifest("t", a=f"was {token}"))
    for config, message in (
        ("files: [ok.secret.yaml, bad.secret.yaml]\n", "error: bad.secret.yaml"),
        ("files: [ok.secret.yaml, plain.yaml]\n", "error: plain.yaml"),
        ("files: [ok.secret.yaml, nope.yaml]\n", "error: nope.yaml"),
        ("files: [ok.secret.yaml, token.secret.yaml]\n", "is still encrypted: kustomize would deploy the ciphertext"),
        ("files: [list.secret.yaml]\n", "kustomize could not read it as a manifest"),
        ("files: [end.secret.yaml]\n", "kustomize could not read it as a manifest"),
        ("files: [ctl.secret.yaml]\n", "holds a control character"),
        ("files: [env.enc.env]\n", "kustomize could not read it as a manifest"),
        ("files: ok.secret.yaml\n", "is no list of paths"),
        ("files: [1]\n", "is no list of paths"),
        ("files: []\n", "names no files"),
        ("fail-silently: true\nfiles: [ok.secret.yaml]\n", "unknown field fail-silently"),
        ("secretFrom: [{metadata: {name: x}, envs: [env.enc.env]}]\n", "unknown field envs"),
        ("secretFrom: [{files: [env.enc.env]}]\n", "has no metadata.name"),
    ):
        done = kustomize.build(config)
        assert done.returncode != 0, config
        assert message in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert CANARY not in done.stdout + done.stderr


def test_without_a_key_nothing_is_built(kustomize: Kustomize, monkeypatch: pytest.MonkeyPatch) -> None:
    kustomize.encrypted(ok__secret__yaml=manifest("db", a=CANARY))
    monkeypatch.delenv("SOPS_AGE_KEY")
    done = kustomize.build("files: [ok.secret.yaml]\n")
    assert done.returncode != 0
    assert "no identity opens it" in done.stderr


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        ("", "is no ResourceList"),
        ("a: [", "is no ResourceList"),
        ("[]", "is no ResourceList"),
        ("functionConfig: {kind: Secret}", "neither ksecrets nor ksops"),
        ("functionConfig: {kind: ksops, files: [a]}\nitems: [{kind: Deployment}]", "is a generator"),
    ],
)
def test_by_hand(cli: Cli, repo: Repo, stdin: str, message: str) -> None:
    done = cli("kustomize", input=stdin)
    assert done.code == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_the_example(
    repo: Repo, cli: Cli, peer: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Word for word what its README says."""
    shutil.copytree(ROOT / "examples/kustomize", repo.path, dirs_exist_ok=True)
    (tmp_path / "bin").mkdir()
    for name, program in (("ksecrets", cli.program), ("kustomize", (peer("kustomize"),))):
        script = tmp_path / "bin" / name
        script.write_text("#!/bin/sh\nexec " + shlex.join(program) + ' "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    steps = (ROOT / "examples/kustomize/README.md").read_text().split("```\n")[1]
    done = subprocess.run(["sh", "-e"], input=steps, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ENC[" in (repo / "db.secret.yaml").read_text()
    made = {each["metadata"]["name"].split("-")[0]: each for each in yaml.safe_load_all(done.stdout)}
    assert made["db"]["stringData"]["password"] == "correct: horse"
    assert made["db"]["metadata"]["namespace"] == "shop"
    assert made["db"]["metadata"]["name"] != "db"  # with the hash
    assert base64.b64decode(made["app"]["data"]["app.conf"]) == b"user = shop\npassword = battery\n"
