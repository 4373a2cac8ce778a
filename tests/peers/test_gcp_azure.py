"""Files for Google Cloud KMS and Azure Key Vault, in turns with the real sops, over our stand-ins for the services.

sops speaks its own SDKs here: what they take from a stand-in, and give it, is what ksecrets has to match.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from tests.conftest import Cli, Repo
from tests.keys.faulty import silent
from tests.keys.standins.azurekv import AUTHORITY, CRYPTO_USER, TENANT, VAULT, EntraId, KeyVault
from tests.keys.standins.base import Proxy, write_authority
from tests.keys.standins.gcpkms import GcpKms
from tests.unit.cli.test_start import modules

TEXT = "a: 1.10 # note\nb: [two]\n"


@pytest.fixture
def gcp(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcpKms]:
    """A service with one key; this process's children reach it, sops and ksecrets by the same variables."""
    with GcpKms() as server:
        settings = {
            "SOPS_GCP_KMS_CLIENT_TYPE": "rest",
            "SOPS_GCP_KMS_ENDPOINT": server.url,
            "GOOGLE_OAUTH_ACCESS_TOKEN": "x",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        server.add("k", location="europe-west1")
        yield server


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KeyVault]:
    """A vault with one key of two versions, under its real host name behind a proxy."""
    authority = trustme.CA()
    with EntraId(authority) as entra, KeyVault(authority, entra) as vault:
        entra.clients["app"] = ("a-client-secret", CRYPTO_USER)
        with Proxy({AUTHORITY: entra, VAULT: vault}) as proxy:
            settings = {
                "HTTPS_PROXY": proxy.url,
                "SSL_CERT_FILE": str(write_authority(authority, tmp_path)),
                "AZURE_TENANT_ID": TENANT,
                "AZURE_CLIENT_ID": "app",
                "AZURE_CLIENT_SECRET": "a-client-secret",
            }
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            vault.add("k")
            vault.add("k")
            yield vault


GCP = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
AZURE = f"https://{VAULT}/keys/k"
RULES = {
    "sops-gcp": (".sops.yaml", f"creation_rules: [{{gcp_kms: {GCP}}}]\n"),
    "sops-azure": (".sops.yaml", f"creation_rules: [{{azure_keyvault: {AZURE}}}]\n"),
    "ksecrets-gcp": (".ksecrets.yaml", f"{{gcp-kms: {GCP}}}"),
    "ksecrets-azure": (".ksecrets.yaml", f"{{azure-kv: {AZURE}}}"),
}


def run(*argv: str | os.PathLike[str]) -> bytes:
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def put_rules(repo: Repo, which: str) -> None:
    name, content = RULES[which]
    if name == ".ksecrets.yaml":
        content = (
            f"version: 1\nrecipients: {{us: {content}}}\nenvironments: {{dev: {{files: ['*.yaml'], readers: [us]}}}}\n"
        )
    repo.write(name, content)
    repo.git("add", name)
    repo.git("commit", "-qm", "rules")


@pytest.mark.parametrize("which", sorted(RULES))
def test_a_file_in_turns(which: str, sops: str, cli: Cli, repo: Repo, request: pytest.FixtureRequest) -> None:
    """We encrypt by either configuration, sops edits, we edit, sops reads; and a file that sops made, we open."""
    service = which.partition("-")[2]
    request.getfixturevalue(service)
    put_rules(repo, which)
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    assert cli("decrypt", file).ok().stdout == TEXT
    assert yaml.safe_load(run(sops, "decrypt", file)) == {"a": 1.1, "b": ["two"]}
    run(sops, "set", file, '["a"]', '"new"')
    assert cli("get", file, "a").ok().stdout == "new"
    cli("set", file, "a", input="newer\n").ok()
    assert yaml.safe_load(run(sops, "decrypt", file)) == {"a": "newer", "b": ["two"]}
    flag, key = ("--gcp-kms", GCP) if service == "gcp" else ("--azure-kv", AZURE)
    plain = repo.write("plain.txt", TEXT)
    theirs = repo.write(
        "theirs.yaml", run(sops, "encrypt", flag, key, "--input-type", "yaml", "--output-type", "yaml", plain)
    )
    assert cli("get", theirs, "b[0]").ok().stdout == "two"
    assert cli("updatekeys", "--dry-run", file, theirs).code in (0, 6)


def test_the_version_that_wrapped_is_written(azure: KeyVault, sops: str, cli: Cli, repo: Repo) -> None:
    """A key without a version: the newest is written, an older one stays in its files until a new data key is made."""
    put_rules(repo, "ksecrets-azure")
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    before = list(azure.keys["k"])[-1]
    assert f"version: {before}" in file.read_text()
    after = azure.add("k")
    cli("set", file, "a", input="new\n").ok()
    assert f"version: {before}" in file.read_text()
    cli("updatekeys", file).ok()
    assert f"version: {before}" in file.read_text()
    cli("rotate", file).ok()
    assert f"version: {after}" in file.read_text()
    assert cli("get", file, "a").ok().stdout == "new"
    assert yaml.safe_load(run(sops, "decrypt", file))["a"] == "new"


@pytest.mark.parametrize("service", ["gcp", "azure"])
def test_a_hostile_file_asks_nobody(service: str, cli: Cli, repo: Repo, request: pytest.FixtureRequest) -> None:
    """The attack: a file names a key, a vault, a host of the attacker's; opening it, or its diff, must not go there."""
    server: GcpKms | KeyVault = request.getfixturevalue(service)
    which = f"ksecrets-{service}"
    put_rules(repo, which)
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    good = file.read_text()
    with silent() as nobody:
        hostile = {
            "gcp": [
                ("cryptoKeys/k", "cryptoKeys/evil"),
                ("projects/p/", "projects/evil/"),
                ("keyRings/r", "keyRings/.."),
            ],
            "azure": [
                (f"https://{VAULT}", "https://evil.vault.azure.net"),
                (f"https://{VAULT}", f"https://127.0.0.1:{nobody.port}"),
                ("name: k", "name: evil"),
                ("name: k", "name: ../secrets/s"),
            ],
        }[service]
        for old, new in hostile:
            assert old in good
            file.write_text(good.replace(old, new))
            server.asked.clear()
            for command in (["decrypt", file], ["get", file, "a"], ["set", file, "a"], ["git", "textconv", file]):
                done = cli(*command, input="x\n")
                assert "1.10" not in done.stdout
                if command[0] != "git":
                    assert done.code in (1, 4, 5), done.stderr
                    assert "ours.yaml" in done.stderr
            assert server.asked == []


def test_gits_drivers_stay_on_this_machine(gcp: GcpKms, cli: Cli, repo: Repo) -> None:
    put_rules(repo, "ksecrets-gcp")
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    gcp.asked.clear()
    assert "1.10" not in cli("git", "textconv", file).stdout
    assert gcp.asked == []


@pytest.mark.parametrize("service", ["gcp", "azure"])
def test_no_sdk_is_loaded_for_a_read(
    service: str, cli: Cli, repo: Repo, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """With what CI gives (an access token, a service principal), a `get` pays for HTTP and nothing of the clouds."""
    request.getfixturevalue(service)
    put_rules(repo, f"ksecrets-{service}")
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    names = {name.split(".")[0] for name in modules(tmp_path, "get", str(file), "a")}
    assert "http" in names
    assert names & {"google", "azure", "msal", "requests", "urllib3", "grpc", "jwt", "asyncio", "click"} == set()


def test_a_failure_names_key_and_file_and_writes_nothing(gcp: GcpKms, cli: Cli, repo: Repo) -> None:
    put_rules(repo, "ksecrets-gcp")
    file = repo.write("ours.yaml", TEXT)
    cli("encrypt", "-i", file).ok()
    before = file.read_bytes()
    gcp.disabled.add(GCP)
    for command in (["get", file, "a"], ["set", file, "a"], ["rotate", file]):
        done = cli(*command, input="x\n")
        assert done.code == 1
        assert "ours.yaml" in done.stderr
        assert f"Google Cloud KMS {GCP}: the key is disabled" in done.stderr
        assert "hint: " in done.stderr
    assert file.read_bytes() == before
    new = repo.write("new.yaml", "c: d\n")
    assert cli("encrypt", "-i", new).code == 1
    assert new.read_text() == "c: d\n"
