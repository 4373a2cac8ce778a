"""Keys in services: real processes, real git, a real OpenBao, moto; sops opens the same files, and we open sops's."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import ksecrets
from tests.conftest import Cli, Repo
from tests.keys.faulty import cut, faulty, free_port, hang, silent
from tests.services import Aws, Vault

PLAIN = "db:\n  user: app # who\n  password: correct horse\nport: 5432\n"


def config(*recipients: str, readers: str = "", **environments: str) -> str:
    """A .ksecrets.yaml whose environment `prod` is read by all of these recipients (`name: {...}`)."""
    names = [each.partition(":")[0] for each in recipients]
    lines = ["version: 1", "recipients:", *(f"  {each}" for each in recipients), "environments:"]
    lines += ["  prod:", '    files: ["prod/*.yaml"]', f"    readers: [{readers or ', '.join(names)}]"]
    return "\n".join([*lines, ""])


def transit(vault: Vault, name: str, url: str = "") -> str:
    return f"{url or vault.url}/v1/transit/keys/{name}"


class Remote:
    """A repository whose files one remote key opens; `environ` is what its user has."""

    def __init__(self, repo: Repo, recipient: str, environ: dict[str, str]) -> None:
        self.repo = repo
        self.recipient = recipient
        self.environ = environ
        repo.write(".ksecrets.yaml", config(f"cloud: {recipient}"))
        repo.commit("rules")


@pytest.fixture(params=["aws", "vault"])
def remote(request: pytest.FixtureRequest, repo: Repo) -> Remote:
    service = request.getfixturevalue(request.param)
    if isinstance(service, Aws):
        arn = service.new_key()
        recipient = f'{{aws-kms: "{arn}", context: {{env: prod}}, kind: machine}}'
        return Remote(repo, recipient, service.environ())
    assert isinstance(service, Vault)
    return Remote(repo, f"{{hc-vault: {transit(service, service.new_key())}, kind: machine}}", service.environ())


def test_a_file_lives_with_a_remote_key(remote: Remote, cli: Cli, sops: str) -> None:
    path = remote.repo.write("prod/secrets.yaml", PLAIN)
    environ = remote.environ
    assert "for cloud" in cli("encrypt", "-i", path, env=environ).ok().stderr
    assert cli("decrypt", path, env=environ).ok().stdout == PLAIN
    assert cli("get", path, "db.password", env=environ).ok().stdout.strip() == "correct horse"
    before = path.read_text().splitlines()
    cli("set", path, "db.password", input="battery staple", env=environ).ok()
    after = path.read_text().splitlines()
    # quiet: the data key was opened and used again
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    assert changed in (2, 3)  # two within one second: `lastmodified` is the same
    found = sops_opens(sops, path, environ)
    assert "battery staple" in found
    # and what sops changes is ours again
    subprocess.run(
        [sops, "set", str(path), '["db"]["password"]', '"tr0ub4dor"'], env={**os.environ, **environ}, check=True
    )
    assert cli("get", path, "db.password", env=environ).ok().stdout.strip() == "tr0ub4dor"


def sops_opens(sops: str, path: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(
        [sops, "decrypt", str(path)], env={**os.environ, **environ}, capture_output=True, check=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("service", ["aws", "vault"])
def test_a_file_of_sops_with_its_own_rules(
    service: str, request: pytest.FixtureRequest, repo: Repo, cli: Cli, sops: str
) -> None:
    server = request.getfixturevalue(service)
    if isinstance(server, Aws):
        role = "arn:aws:iam::123456789012:role/deploy"
        keys = f"    kms: {server.new_key()}+{role}\n"
    else:
        keys = f"    hc_vault_transit_uri: {transit(server, server.new_key())}\n"
    repo.write(".sops.yaml", f"creation_rules:\n  - path_regex: prod/\n{keys}")
    path = repo.write("prod/secrets.yaml", PLAIN)
    repo.commit("rules")
    environ = server.environ()
    subprocess.run([sops, "encrypt", "-i", str(path)], env={**os.environ, **environ}, check=True, capture_output=True)
    assert cli("get", path, "db.password", env=environ).ok().stdout.strip() == "correct horse"
    cli("set", path, "db.user", input="other", env=environ).ok()
    assert "other" in sops_opens(sops, path, environ)
    second = repo.write("prod/second.yaml", PLAIN)
    cli("encrypt", "-i", second, env=environ).ok()
    assert "correct horse" in sops_opens(sops, second, environ)


def test_whoever_may_only_encrypt_writes_and_cannot_read(repo: Repo, cli: Cli, vault: Vault) -> None:
    name = vault.new_key()
    repo.write(".ksecrets.yaml", config(f"cloud: {{hc-vault: {transit(vault, name)}}}"))
    path = repo.write("prod/secrets.yaml", PLAIN)
    repo.commit("rules")
    writer = {"VAULT_TOKEN": vault.new_token((f"transit/encrypt/{name}", "update"))}
    reader = {"VAULT_TOKEN": vault.new_token((f"transit/decrypt/{name}", "update"))}
    cli("encrypt", "-i", path, env=writer).ok()
    refused = cli("decrypt", path, env=writer)
    assert refused.code != 0
    assert f"{path}: Vault {transit(vault, name)}: access denied" in refused.stderr
    assert refused.stdout == ""
    assert cli("decrypt", path, env=reader).ok().stdout == PLAIN
    # a whole new version needs no right to read the old one, either
    remembered = path.read_text()
    repo.commit("encrypted")
    path.write_text(PLAIN + "more: x\n")
    assert "not used" in cli("encrypt", "-i", path, env=writer).ok().stderr
    assert cli("get", path, "more", env=reader).ok().stdout.strip() == "x"
    # what opens a file and writes it needs both, and leaves the file alone without
    path.write_text(remembered)
    assert cli("set", path, "db.user", input="other", env=writer).code != 0
    assert path.read_text() == remembered
    cli("set", path, "db.user", input="other", env=reader).ok()


# -- trust -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def hostile(repo: Repo, recipient: str, path: str = "prod/secrets.yaml") -> Iterator[Path]:
    """A branch that brings a file, and rules, which name this recipient; the rules of main do not."""
    person = ksecrets.keygen().public
    repo.write(".ksecrets.yaml", config(f"alice: {{age: {person}}}"))
    repo.commit("main")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.git("remote", "add", "origin", "https://git.example.com/x.git")
    repo.git("switch", "--quiet", "--create", "hostile")
    repo.write(".ksecrets.yaml", config(f"cloud: {recipient}"))
    yield repo.write(path, PLAIN)


@pytest.fixture
def encrypted_for_vault(repo: Repo, cli: Cli, vault: Vault) -> Iterator[tuple[Path, str]]:
    """A hostile branch with a file for a Vault key, and the address in it."""
    with hostile(repo, f"{{hc-vault: {transit(vault, vault.new_key())}}}") as path:
        environ = {**vault.environ(), "KSECRETS_TRUSTED_KEYS": _key_of(repo)}
        cli("encrypt", "-i", path, env=environ).ok()
        repo.commit("hostile")
        yield path, vault.url


def _key_of(repo: Repo) -> str:
    line = next(line for line in (repo.path / ".ksecrets.yaml").read_text().splitlines() if "hc-vault" in line)
    return line.partition("hc-vault: ")[2].rstrip("}")


COMMANDS = [
    ("decrypt", "{}"),
    ("get", "{}", "db.password"),
    ("check", "{}"),
    ("diff", "origin/main", "--", "{}"),
    ("updatekeys", "{}"),
    ("rotate", "{}"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_an_address_of_a_hostile_branch_hears_nothing(
    encrypted_for_vault: tuple[Path, str], cli: Cli, command: tuple[str, ...]
) -> None:
    path, url = encrypted_for_vault
    with silent() as server:
        mine = f"http://127.0.0.1:{server.port}"
        path.write_text(path.read_text().replace(url, mine))
        words = [word.format(path) for word in command]
        # the token is there, and VAULT_ADDR names another server
        environ = {"VAULT_TOKEN": "hvs.secret-token", "VAULT_ADDR": f"http://127.0.0.1:{free_port()}"}
        done = cli(*words, env=environ)
        assert "hvs.secret-token" not in done.stdout + done.stderr
        assert "correct horse" not in done.stdout
        if command[0] in ("decrypt", "get"):
            assert done.code == 4
            says = "not asked, as it stands neither in the rules of origin/main nor in settings of your own"
            assert says in done.stderr


@pytest.mark.parametrize("command", ["encrypt", "updatekeys"])
def test_rules_of_a_hostile_branch_are_wrapped_for_nobody(repo: Repo, cli: Cli, command: str) -> None:
    with silent() as server, hostile(repo, f"{{hc-vault: http://127.0.0.1:{server.port}/v1/transit/keys/x}}") as path:
        done = cli(command, "-i" if command == "encrypt" else path, path, env={"VAULT_TOKEN": "hvs.secret-token"})
        assert done.code != 0
        if command == "encrypt":
            assert "the key of cloud is not asked" in done.stderr
            assert "ksecrets.trustedKey" in done.stderr
        assert path.read_text() == PLAIN


def test_hostile_fields_of_aws_are_not_asked_for(repo: Repo, cli: Cli, aws: Aws) -> None:
    arn = aws.new_key()
    repo.write(".ksecrets.yaml", config(f'cloud: {{aws-kms: "{arn}"}}'))
    path = repo.write("prod/secrets.yaml", PLAIN)
    repo.commit("rules")
    cli("encrypt", "-i", path, env=aws.environ()).ok()
    text = path.read_text()
    with faulty(aws.url) as proxy:
        environ = {**aws.environ(), "AWS_ENDPOINT_URL": proxy.url}
        for old, new in (
            (arn, aws.new_key()),
            (f"arn: {arn}\n", f"arn: {arn}\n          role: arn:aws:iam::666666666666:role/evil\n"),
            ('aws_profile: ""', "aws_profile: evil"),
            ("kms:eu-west-1:", "kms:evil.example.com/:"),
        ):
            assert old in text
            path.write_text(text.replace(old, new))
            done = cli("decrypt", path, env=environ)
            assert done.code in (4, 5), (old, str(done))
            assert proxy.seen == [], old
        path.write_text(text)
        cli("decrypt", path, env=environ).ok()
        assert len(proxy.seen) == 1


@pytest.mark.parametrize("name", ["../../sys/seal", "..", "x/../../sys/seal", "x%2f..", "x?y"])
def test_a_key_name_cannot_become_another_call(repo: Repo, cli: Cli, vault: Vault, name: str) -> None:
    key = vault.new_key()
    repo.write(".ksecrets.yaml", config(f"cloud: {{hc-vault: {transit(vault, key)}}}"))
    path = repo.write("prod/secrets.yaml", PLAIN)
    repo.commit("rules")
    cli("encrypt", "-i", path, env=vault.environ()).ok()
    with faulty(vault.url) as proxy:
        text = path.read_text().replace(vault.url, proxy.url)
        # even where the very server is the user's own
        environ = {"VAULT_TOKEN": vault.token, "VAULT_ADDR": proxy.url}
        path.write_text(text.replace(f"key_name: {key}", f'key_name: "{name}"'))
        done = cli("decrypt", path, env=environ)
        assert done.code == 4
        assert "not a key_name of Vault" in done.stderr
        assert proxy.seen == []
        # the same with its own name is asked for, and the seal knows that the address is another
        path.write_text(text)
        assert cli("decrypt", path, env=environ).code == 5
        assert len(proxy.seen) == 1


def test_the_users_own_server_is_asked_and_the_allowlist_of_sops_narrows_it(
    encrypted_for_vault: tuple[Path, str], cli: Cli
) -> None:
    path, url = encrypted_for_vault
    environ = {"VAULT_TOKEN": "root-token-of-a-test"}
    assert cli("decrypt", path, env={**environ, "VAULT_ADDR": url}).ok().stdout == PLAIN
    assert cli("decrypt", path, env={**environ, "VAULT_ADDR": url + "/"}).ok().stdout == PLAIN
    assert cli("decrypt", path, env={**environ, "VAULT_ADDR": url, "SOPS_HC_VAULT_ALLOWLIST": url}).code == 0
    for allowlist in ("none", "https://vault.example.com", url[:-1]):
        done = cli("decrypt", path, env={**environ, "VAULT_ADDR": url, "SOPS_HC_VAULT_ALLOWLIST": allowlist})
        assert done.code == 4
        assert "SOPS_HC_VAULT_ALLOWLIST does not have" in done.stderr
    # the list of sops allows, and does not vouch
    assert cli("decrypt", path, env={**environ, "SOPS_HC_VAULT_ALLOWLIST": "all"}).code == 4
    assert cli("decrypt", path, env={**environ, "VAULT_ADDR": url + "0"}).code == 4


def test_a_key_in_gits_own_settings_is_asked(encrypted_for_vault: tuple[Path, str], repo: Repo, cli: Cli) -> None:
    path, _ = encrypted_for_vault
    environ = {"VAULT_TOKEN": "root-token-of-a-test"}
    assert cli("decrypt", path, env=environ).code == 4
    repo.git("config", "--global", "--add", "ksecrets.trustedKey", _key_of(repo))
    assert cli("decrypt", path, env=environ).ok().stdout == PLAIN
    done = cli("decrypt", path, env={**environ, "KSECRETS_REMOTE_KEYS": "0"})
    assert done.code == 4
    assert "KSECRETS_REMOTE_KEYS=0 asks nobody" in done.stderr


def test_gits_drivers_stay_on_this_machine_unless_the_user_lets_them(
    remote: Remote, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = remote.repo
    cli("git", "setup").ok()
    path = repo.write("prod/secrets.yaml", PLAIN)
    cli("encrypt", "-i", path, env=remote.environ).ok()
    repo.commit("encrypted")
    cli("set", path, "db.password", input="battery staple", env=remote.environ).ok()
    name = "AWS_ENDPOINT_URL" if "AWS_ENDPOINT_URL" in remote.environ else "VAULT_ADDR"
    with silent() as server:
        for key, value in {**remote.environ, name: f"http://127.0.0.1:{server.port}"}.items():
            monkeypatch.setenv(key, value)
        # Vault's address stands in the file: only the drivers' own refusal keeps it silent there
        assert "battery staple" not in repo.git("diff")
        assert "correct horse" not in repo.git("log", "-p")
        repo.git("status")
    for key, value in remote.environ.items():
        monkeypatch.setenv(key, value)
    assert "battery staple" not in repo.git("diff")
    monkeypatch.setenv("KSECRETS_REMOTE_KEYS", "1")
    assert "+  password: battery staple" in repo.git("diff")
    monkeypatch.delenv("KSECRETS_REMOTE_KEYS")
    repo.git("config", "--global", "ksecrets.remoteKeys", "true")
    assert "+  password: battery staple" in repo.git("diff")
    monkeypatch.setenv("KSECRETS_REMOTE_KEYS", "0")
    assert "battery staple" not in repo.git("diff")


def test_outside_of_git_only_settings_of_the_user_count(tmp_path: Path, cli: Cli, vault: Vault) -> None:
    uri = transit(vault, vault.new_key())
    (tmp_path / "prod").mkdir()
    path = tmp_path / "prod/secrets.yaml"
    path.write_text(PLAIN)
    (tmp_path / ".ksecrets.yaml").write_text(config(f"cloud: {{hc-vault: {uri}}}"))
    environ = {"VAULT_TOKEN": vault.token}
    assert cli("encrypt", "-i", path, env=environ, cwd=tmp_path).code != 0
    trusted = {**environ, "KSECRETS_TRUSTED_KEYS": f"arn:aws:kms:eu-west-1:1:key/x {uri}"}
    cli("encrypt", "-i", path, env=trusted, cwd=tmp_path).ok()
    assert cli("decrypt", path, env=environ, cwd=tmp_path).code == 4
    assert cli("decrypt", path, env=trusted, cwd=tmp_path).ok().stdout == PLAIN
    assert cli("decrypt", path, env={**environ, "SOPS_VAULT_URIS": uri}, cwd=tmp_path).ok().stdout == PLAIN


# -- failures ----------------------------------------------------------------------------------------------------------


def test_one_service_that_fails_does_not_lock_people_out(repo: Repo, cli: Cli, aws: Aws, vault: Vault) -> None:
    with faulty(vault.url) as proxy:
        uri = transit(vault, vault.new_key(), proxy.url)
        arn = aws.new_key()
        repo.write(".ksecrets.yaml", config(f"a-vault: {{hc-vault: {uri}}}", f'aws: {{aws-kms: "{arn}"}}'))
        path = repo.write("prod/secrets.yaml", PLAIN)
        repo.commit("rules")
        environ = {**aws.environ(), "VAULT_TOKEN": vault.token, "KSECRETS_KEY_TIMEOUT": "1"}
        cli("encrypt", "-i", path, env=environ).ok()
        for fault in (cut, hang):
            proxy.always = fault
            assert cli("decrypt", path, env=environ).ok().stdout == PLAIN
        # both: each is named
        done = cli("decrypt", path, env={**environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"})
        assert done.code == 1
        assert done.stdout == ""
        assert done.stderr.count("AWS KMS arn:") == 1
        assert f"Vault {uri}" in done.stderr
        assert str(path) in done.stderr
        # a write needs all of them, and leaves the file as it is
        before = path.read_bytes()
        (repo.path / "prod/other.yaml").write_text(PLAIN)
        assert cli("encrypt", "-i", "prod/other.yaml", env=environ).code == 1
        assert (repo.path / "prod/other.yaml").read_text() == PLAIN
        assert cli("rotate", path, env=environ).code == 1
        assert path.read_bytes() == before


def test_what_is_at_hand_is_tried_before_anybody_is_asked(repo: Repo, cli: Cli, vault: Vault) -> None:
    key = ksecrets.keygen()
    with faulty(vault.url) as proxy:
        uri = transit(vault, vault.new_key(), proxy.url)
        repo.write(".ksecrets.yaml", config(f"cloud: {{hc-vault: {uri}}}", f"alice: {{age: {key.public}}}"))
        path = repo.write("prod/secrets.yaml", PLAIN)
        repo.commit("rules")
        cli("encrypt", "-i", path, env={"VAULT_TOKEN": vault.token}).ok()
        proxy.seen.clear()
        assert cli("decrypt", path, env={"VAULT_TOKEN": vault.token}).ok().stdout == PLAIN
        assert proxy.seen == []


# -- readers come and go -----------------------------------------------------------------------------------------------


def test_a_remote_reader_joins_and_leaves(repo: Repo, cli: Cli, aws: Aws, vault: Vault, sops: str) -> None:
    key = ksecrets.keygen()
    uri, arn = transit(vault, vault.new_key()), aws.new_key()
    recipients = [f"alice: {{age: {key.public}}}", f'aws: {{aws-kms: "{arn}"}}', f"vault: {{hc-vault: {uri}}}"]
    repo.write(".ksecrets.yaml", config(*recipients, readers="alice"))
    path = repo.write("prod/secrets.yaml", PLAIN)
    cli("encrypt", "-i", path).ok()
    before = path.read_text()
    repo.write(".ksecrets.yaml", config(*recipients))
    repo.commit("aws and vault may read")
    both = {**aws.environ(), "VAULT_TOKEN": vault.token}
    done = cli("updatekeys", path, env=both).ok()
    assert "+aws" in done.stdout + done.stderr
    nobody = {"KSECRETS_AGE_KEY_FILE": os.devnull, "XDG_CONFIG_HOME": str(repo.path / "none")}
    for environ in (aws.environ(), {"VAULT_TOKEN": vault.token}):
        assert cli("decrypt", path, env={**nobody, **environ}).ok().stdout == PLAIN
        assert "correct horse" in sops_opens(sops, path, {**nobody, **environ})
    # no value changed, as the data key is the same
    tokens = [line for line in before.splitlines() if "ENC[" in line and "mac:" not in line]
    assert [line for line in path.read_text().splitlines() if line in tokens] == tokens
    # one leaves: a new data key, which it cannot open
    repo.write(".ksecrets.yaml", config(*recipients, readers="alice, vault"))
    repo.commit("aws may not")
    cli("updatekeys", path, env=both).ok()
    assert cli("decrypt", path, env={**nobody, **aws.environ()}).code == 4
    assert cli("decrypt", path, env={**nobody, "VAULT_TOKEN": vault.token}).ok().stdout == PLAIN


def test_keys_on_the_command_line_are_the_users_own(tmp_path: Path, cli: Cli, aws: Aws, vault: Vault) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text(PLAIN)
    uri, arn = transit(vault, vault.new_key()), aws.new_key()
    environ = {**aws.environ(), "VAULT_TOKEN": vault.token, "VAULT_ADDR": vault.url}
    cli("encrypt", "-i", "--hc-vault-transit", uri, path, env=environ, cwd=tmp_path).ok()
    assert cli("decrypt", path, env=environ, cwd=tmp_path).ok().stdout == PLAIN
    cli("rotate", "-i", "--add-kms", arn, path, env=environ, cwd=tmp_path).ok()
    only_aws = {**aws.environ(), "SOPS_KMS_ARN": arn}
    assert cli("decrypt", path, env=only_aws, cwd=tmp_path).ok().stdout == PLAIN
    # reading it is another matter: this file could come from anywhere
    assert cli("decrypt", path, env=aws.environ(), cwd=tmp_path).code == 4


def test_what_helm_and_commands_inherit(repo: Repo, cli: Cli, vault: Vault, tmp_path: Path) -> None:
    """Identities never (docs/threat-model.md); the logins of clouds unless the user hides them."""
    url = transit(vault, vault.new_key())
    repo.write(".ksecrets.yaml", config(f"cloud: {{hc-vault: {url}}}"))
    repo.commit("rules")
    path = repo.write("prod/secrets.yaml", "PASSWORD: correct horse\n")
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\ncase "$1" in template) env ;; *) echo v4.0.0 ;; esac\n')
    helm.chmod(0o755)
    identities = dict.fromkeys(("KSECRETS_PKCS11_PIN", "FORTANIX_API_KEY", "SOPS_AGE_KEY_CMD"), "an-identity")
    environ = {**vault.environ(), **identities, "AWS_SESSION_TOKEN": "of-a-cloud", "HELM_BIN": str(helm)}
    cli("encrypt", "-i", path, env=environ).ok()
    for words in (["helm", "wrap", "template", "x", ".", "-f", path], ["exec-env", path, "env"]):
        seen = cli(words, env=environ).ok().stdout
        assert "an-identity" not in seen
        assert "AWS_SESSION_TOKEN=of-a-cloud" in seen
        assert f"VAULT_TOKEN={vault.token}" in seen
        seen = cli(words, env={**environ, "KSECRETS_HIDE": "AWS_* VAULT_TOKEN"}).ok().stdout
        assert "of-a-cloud" not in seen
        assert vault.token not in seen
        assert f"VAULT_ADDR={vault.url}" in seen
