"""A repository with encrypted values files, and a Helm with our plugins: what the stories about Helm stand on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import Cli
from tests.trace import CANARY

CHART = """\
apiVersion: v2
name: app
version: 0.1.0
"""

# Shows every value that the chart got, and where it would go.
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: all
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values | toJson | quote }}
"""

FILES = {
    "env/prod/secrets.yaml": f"# top secret\ndb:\n  password: {CANARY}  # rotate me\norder: first\nfrom: prod\n",
    "env/prod/secrets-more.yaml": "more: {pin: '0042', yes: 1.10}\norder: more\n",
    "env/dev/secrets.yaml": "db: {password: dev}\norder: dev\n",
}
PLAIN: dict[str, str | bytes] = {
    "app/Chart.yaml": CHART,
    "app/templates/all.yaml": TEMPLATE,
    "app/values.yaml": "order: chart\nfrom: chart\n",
    "plain.yaml": "order: plain\nextra: [1, 2]\n",
    "a,b.yaml": "comma: true\n",
    "blob.bin": b"\xff\x00sops\xfe",
    "script.sh": "if sops; then : {[; fi\n",
}


class Made:
    """A repository with encrypted files, made once. keys: private age keys by name."""

    def __init__(self, folder: Path, cli: Cli) -> None:
        self.folder = folder / "repo"
        self.folder.mkdir()
        environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "KSECRETS_AGE_KEY": ""}
        subprocess.run(["git", "init", "-q"], cwd=self.folder, check=True)
        contents: dict[str, str | bytes] = {**FILES, **PLAIN}
        for name, content in contents.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        cli("init", "--name", "me", env=environ, cwd=self.folder).ok()
        self.keys = {
            "me": (folder / "config/sops/age/keys.txt").read_text(),
            "ci": cli("env", "add", "prod", "--machine", "ci", env=environ, cwd=self.folder).ok().stdout,
        }
        cli("encrypt", "-i", *FILES, env=environ, cwd=self.folder).ok()
        for name in FILES:
            assert "ENC[" in (self.folder / name).read_text()


class Shop:
    """A copy of the repository, and a Helm with our plugins."""

    def __init__(self, folder: Path, helm: str) -> None:
        self.folder = folder
        self.helm = helm

    def __call__(
        self, *argv: str, input: str | bytes = b"", cwd: str = ".", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.helm, *argv],
            cwd=self.folder / cwd,
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            env={**os.environ, **(env or {})},
            timeout=60,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def rendered(self, *argv: str, input: str | bytes = b"", cwd: str = ".") -> dict[str, object]:
        """What the manifest is that Helm makes."""
        done = self(*argv, input=input, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return dict(yaml.safe_load(done.stdout[done.stdout.index("---\n") :].split("\nNOTES:")[0]))

    def values(self, *argv: str, input: str | bytes = b"", cwd: str = ".") -> dict[str, object]:
        """The values that the chart got."""
        data = self.rendered(*argv, input=input, cwd=cwd)["data"]
        assert isinstance(data, dict)
        return dict(json.loads(data["values"]))

    def template(self, *argv: str, **more: str) -> dict[str, object]:
        return self.values("secrets", "template", "r", "app", *argv, **more)


class Pgp:
    """A file for a PGP key that is in no keyring. key: its private half in a file."""

    def __init__(self, folder: Path, key: str, file: str) -> None:
        self.folder = folder
        self.key = key
        self.file = file


def checkout(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made.folder, tmp_path / "repo")
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("KSECRETS_AGE_KEY", made.keys["me"])
    return tmp_path / "repo"


SECRETS = "env/prod/secrets.yaml"
MORE = "env/prod/secrets-more.yaml"
