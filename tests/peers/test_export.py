"""The `.sops.yaml` that we write, with the real sops: the same readers, selector and threshold, by its own choice."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import ksecrets
from ksecrets.envelope.metadata import Metadata
from ksecrets.files.open import read_metadata
from ksecrets.operations.known import identities_of
from ksecrets.rules.config import parse
from ksecrets.rules.export import to_sops
from ksecrets.rules.policy import Policy, identity
from ksecrets.rules.selector import Selector
from ksecrets.rules.sopsconfig import parse as parse_sops
from tests.conftest import Cli, Repo
from tests.team import person

HEAD = """\
version: 1
recipients:
  alice: {{age: {alice}}}
  bob: {{age: {bob}}}
  ci: {{age: {ci}, kind: machine}}
  safe: {{age: {safe}, kind: recovery}}
groups: {{platform: [alice, bob]}}
"""
CONFIGS = {
    "plain": """
environments:
  dev: {files: ["env/dev/secrets*.yaml"], readers: [platform]}
  prod: {files: ["env/prod/secrets*.yaml"], readers: [alice, ci]}
""",
    "rules that narrow": """
defaults: {readers: [safe], min-readers: 2, comments: keep}
environments:
  dev: {files: ["**/dev/**"], readers: [platform]}
  prod:
    files: ["services/*/prod/*.yaml", "env/prod/**"]
    readers: [platform, ci]
    seal: required
    rotate-after: 90d
    encrypt: {except-key-regex: "^(name|it's)$"}
    rules:
      - {files: ["**/*.k8s.yaml"], encrypt: {key-regex: "^(data|stringData)$"}}
      - {files: ["services/pay/**", "env/prod/pay.yaml"], readers: [ci], mac-only-encrypted: true}
      - {files: ["**/secrets*"], readers: [alice]}
""",
    "shares": """
environments:
  root:
    files: ["root/*.yaml", "[a-c]?/**/deep.yaml"]
    shares: {need: 2, of: [[alice], [bob, ci], [safe]]}
    rules: [{files: ["root/x*"], encrypt: {key-suffix: _secret}}]
  odd: {files: ["a+b (c)/{d}|$.yaml", "'quoted'.yaml", "y"], readers: [bob], encrypt: {comment-regex: "sops: *enc"}}
""",
}
PATHS = [
    f"{folder}/{name}.yaml"
    for folder in (
        "env/dev",
        "env/prod",
        "services/pay/prod",
        "services/web/prod",
        "services/pay/dev",
        "root",
        "ax/y/z",
    )
    for name in ("secrets", "secrets-a", "pay", "a.k8s", "secrets.k8s", "x1", "deep")
] + ["a+b (c)/{d}|$.yaml", "'quoted'.yaml", "env/dev.yaml", "ax/deep.yaml", "dx/deep.yaml", "other.yaml"]
TEXT = "# sops: enc\nname: n\nit's: 1\ndata: {a: s3cret}\nkey_secret: s\nplain_unencrypted: p\n"


def config_text(name: str) -> str:
    return HEAD.format(**{who: person(who).public for who in ("alice", "bob", "ci", "safe")}) + CONFIGS[name]


@pytest.mark.parametrize("name", CONFIGS)
def test_sops_chooses_what_we_choose(name: str, repo: Repo, sops: str) -> None:
    config = parse(config_text(name))
    repo.write(".sops.yaml", to_sops(config).text)
    for path in PATHS:
        repo.write(path, TEXT)

    def encrypted(path: str) -> tuple[str, subprocess.CompletedProcess[str]]:
        return path, subprocess.run([sops, "encrypt", path], capture_output=True, text=True)

    chosen = 0
    with ThreadPoolExecutor(2) as pool:
        for path, done in pool.map(encrypted, PATHS):
            policy = config.policy(path)
            if policy is None:
                assert done.returncode != 0, f"{path}: sops has a rule for it"
                assert "no matching creation rules found" in done.stderr
                continue
            assert done.returncode == 0, f"{path}: {done.stderr}"
            assert says(read_metadata(done.stdout)) == wants(policy), path
            chosen += 1
    assert chosen >= 6


def wants(policy: Policy) -> tuple[object, ...]:
    groups = policy.shares.groups if policy.shares is not None else (policy.recipients,)
    return (
        [{identity(reader.service, reader.fields) for reader in group} for group in groups],
        policy.shares.need if policy.shares is not None else 0,
        (policy.selector.kind, policy.selector.value),
        policy.mac_only_encrypted,
    )


def says(metadata: Metadata) -> tuple[object, ...]:
    return (
        [identities_of(metadata.replace(groups=(group,))) for group in metadata.groups],
        metadata.shamir_threshold if len(metadata.groups) > 1 else 0,
        metadata.selector,
        metadata.mac_only_encrypted,
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_our_own_reader_of_it_agrees(name: str) -> None:
    config = parse(config_text(name))
    exported = parse_sops(to_sops(config).text)
    for path in PATHS:
        ours, theirs = config.policy(path), exported.policy(path)
        assert (ours is None) == (theirs is None), path
        if ours is not None and theirs is not None:
            assert wants(ours) == wants(theirs), path


def test_every_service_stands_where_sops_looks_for_it() -> None:
    config = parse(
        """\
version: 1
recipients:
  aws: {aws-kms: "arn:aws:kms:eu-west-1:111122223333:key/1", context: {env: prod, "on": "1"}, role: "arn:r", profile: p}
  gcp: {gcp-kms: projects/p/locations/l/keyRings/r/cryptoKeys/k}
  azure: {azure-kv: "https://v.vault.azure.net/keys/n/abc"}
  vault: {hc-vault: "https://vault.example.com:8200/v1/transit/eu/keys/app"}
  huawei: {hckms: "eu-west-101:1234"}
  pgp: {pgp: 85D77543B3D624B63CEA9E6DBC17301B491B3F21}
  ssh: {age: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAILiqOlMMVccnQ1eC+6RR3XwT0X73hz/1BNG/6f2tss it's me"}
environments:
  all: {files: ["a.yaml"], readers: [aws, gcp, azure, vault, huawei, pgp, ssh]}
  none: {files: ["b.yaml"], readers: [aws], encrypt: all}
"""
    )
    exported = parse_sops(to_sops(config).text)
    for path in ("a.yaml", "b.yaml"):
        ours, theirs = config.policy(path), exported.policy(path)
        assert ours is not None
        assert theirs is not None
        assert wants(ours) == wants(theirs)


def test_what_is_lost_is_said_in_both_places(repo: Repo) -> None:
    repo.write(
        ".ksecrets.yaml", config_text("rules that narrow") + f"pending: {{eve: {{age: {person('eve').public}}}}}\n"
    )
    found = ksecrets.export_sops()
    said = "\n".join(found.lost)
    for word in ("seal: required", "min-readers: 2", "rotate-after: 90d", "(prod)", "comments", "pending`: eve"):
        assert word in said
    assert [f"# - {sentence}" for sentence in found.lost] == [
        line for line in found.text.splitlines() if line.startswith("# - ")
    ]
    assert f"{person('ci').public}  # ci (machine)" in found.text
    assert Selector().value not in found.text


def test_the_command_goes_where_the_text_belongs(repo: Repo, cli: Cli) -> None:
    repo.write(".ksecrets.yaml", config_text("shares"))
    done = cli("config", "export", "--sops").ok()
    assert done.stdout == to_sops(parse(config_text("shares"))).text
    assert "not in .sops.yaml: environments: " in done.stderr
    assert not (repo / ".sops.yaml").exists()
    assert cli("config", "export").code == 2
    (repo / ".ksecrets.yaml").rename(repo / ".sops.yaml")
    assert "there is no .ksecrets.yaml here" in cli("config", "export", "--sops").stderr
