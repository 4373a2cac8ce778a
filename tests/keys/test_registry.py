"""The registry of key services."""

from __future__ import annotations

import subprocess

import pytest

from ksecrets import keys
from ksecrets.envelope.entries import SERVICES
from ksecrets.errors import ConfigError
from tests.conftest import Cli, Repo


def test_the_registry_knows_every_service_of_the_format() -> None:
    assert set(keys.services()) | set(keys._UNSUPPORTED) == set(SERVICES)


def test_a_service_that_is_not_supported_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Huawei Cloud KMS \(hckms\) is not supported by ksecrets"):
        keys.recipient("hckms", {"key_id": "tr-west-1:abc"})
    assert "hckms" not in keys.services()


HUAWEI = """sops:
    hckms:
        - key_id: tr-west-1:abc-123
          created_at: "2026-11-21T09:52:25Z"
          enc: c29tZQ==
"""


def test_a_file_with_a_reader_that_is_not_supported(
    repo: Repo, cli: Cli, sops: str, age_keygen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens by its other readers and keeps the one; what would have to wrap for it says so and changes nothing."""
    identity = repo / "key.txt"
    subprocess.run([age_keygen, "-o", str(identity)], check=True, capture_output=True)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(identity))
    public = next(word for word in identity.read_text().split() if word.startswith("age1"))
    file = repo.write("s.yaml", "a: hunter2\n")
    subprocess.run([sops, "encrypt", "--age", public, "-i", str(file)], check=True)
    repo.write("s.yaml", file.read_text().replace("sops:\n", HUAWEI, 1))
    repo.write(
        ".ksecrets.yaml",
        f'version: 1\nrecipients:\n  me: {{age: {public}}}\n  huawei: {{hckms: "tr-west-1:abc-123"}}\n'
        'environments:\n  dev: {files: ["*.yaml"], readers: [me, huawei]}\n',
    )
    repo.commit("files")
    assert cli("get", file, "a").ok().stdout == "hunter2"
    assert cli("set", file, "a", input="new").ok()
    assert "c29tZQ==" in file.read_text()
    assert "me, huawei" in cli("info", file).ok().stdout
    before = file.read_bytes()
    for words in (["rotate", file], ["encrypt", "-i", repo.write("n.yaml", "a: b\n")]):
        failed = cli(*words)
        assert (failed.code, "Huawei Cloud KMS (hckms) is not supported by ksecrets" in failed.stderr) == (1, True)
    assert file.read_bytes() == before
    assert (repo / "n.yaml").read_text() == "a: b\n"
    nobody = cli("get", file, "a", env={"SOPS_AGE_KEY_FILE": "/nonexistent"})
    assert nobody.code == 4
    assert "hckms tr-west-1:abc-123: Huawei Cloud KMS (hckms) is not supported" in nobody.stderr


def test_unknown_services() -> None:
    with pytest.raises(ConfigError, match="unknown key service: smoke") as caught:
        keys.recipient("smoke", {})
    assert "age" in str(caught.value.hint)
