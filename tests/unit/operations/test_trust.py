"""Which keys in services may be asked: what needs no server (tests/stories/test_remote_keys.py has the rest)."""

from __future__ import annotations

import pytest

from ksecrets.errors import ConfigError
from ksecrets.operations.session import Session
from ksecrets.operations.trust import Trust, allowlisted, keys_of_rules, own_keys, parse_key
from tests.conftest import Repo

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1"
ROLE = "arn:aws:iam::111122223333:role/r"
VAULT = {"vault_address": "https://vault.example.com:8200", "engine_path": "transit", "key_name": "prod"}
URI = "https://vault.example.com:8200/v1/transit/keys/prod"


@pytest.mark.parametrize(
    ("text", "service", "fields"),
    [
        (ARN, "kms", {"arn": ARN}),
        (f"{ARN}+{ROLE}", "kms", {"arn": ARN, "role": ROLE}),
        (f"{ARN}|deploy", "kms", {"arn": ARN, "aws_profile": "deploy"}),
        (f"{ARN}+{ROLE}|env:prod|deploy", "kms", {"arn": ARN, "role": ROLE, "aws_profile": "deploy"}),
        (URI, "hc_vault", VAULT),
        ("projects/p/locations/l/keyRings/r/cryptoKeys/k", "gcp_kms", None),
        ("https://shop.vault.azure.net/keys/k", "azure_kv", None),
    ],
)
def test_a_key_says_of_which_service_it_is(text: str, service: str, fields: dict[str, str] | None) -> None:
    found = parse_key(text)
    assert found[0] == service
    if fields is not None:
        assert found[1] == fields


def test_what_is_no_key_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="KSECRETS_TRUSTED_KEYS: "):
        list(own_keys({"KSECRETS_TRUSTED_KEYS": "https://example.com/"}))


def test_the_variables_of_sops_are_the_users_own() -> None:
    found = list(own_keys({"SOPS_KMS_ARN": f"{ARN}, {ARN}+{ROLE}", "SOPS_VAULT_URIS": URI, "SOPS_PGP_FP": "x"}))
    assert found == [("kms", {"arn": ARN}), ("kms", {"arn": ARN, "role": ROLE}), ("hc_vault", VAULT)]


@pytest.mark.parametrize(
    ("allowlist", "allowed"),
    [
        ("", True),
        ("all", True),
        ("none", False),
        ("https://vault.example.com", True),
        ("https://vault.example.com/", True),
        ("https://other.example.com, https://vault.example.com", True),
        ("https://vault.example", False),
        ("https://vault.example.co", False),
        ("vault.example.com", False),
        (",", False),
    ],
)
def test_the_allowlist_is_that_of_sops(allowlist: str, allowed: bool) -> None:
    assert allowlisted("https://vault.example.com", allowlist) is allowed


def test_every_key_of_a_configuration_and_none_of_a_broken_one() -> None:
    ours = f'version: 1\nrecipients:\n  a: {{aws-kms: "{ARN}", role: "{ROLE}"}}\n  v: {{hc-vault: {URI}}}\n'
    assert keys_of_rules(".ksecrets.yaml", ours.encode(), "x") == [
        ("kms", {"arn": ARN, "role": ROLE}),
        ("hc_vault", VAULT),
    ]
    theirs = f"creation_rules:\n  - path_regex: a\n    kms: {ARN}\n  - hc_vault_transit_uri: {URI}\n"
    assert [key[0] for key in keys_of_rules("a/.sops.yaml", theirs.encode(), "x")] == ["kms", "hc_vault"]
    for broken in (b"\xff", b"version: 2\n", b"- a: [", b"creation_rules: x"):
        assert keys_of_rules(".ksecrets.yaml", broken, "x") == []


def refused(repo: Repo, service: str, fields: dict[str, str], **environ: str) -> str | None:
    session = Session(environ)
    return Trust(session).refusal(session.place("prod/a.yaml"), service, fields)


@pytest.fixture
def ruled(repo: Repo) -> Repo:
    """A repository whose one commit knows the key `ARN` with a context, and a .sops.yaml of a folder."""
    repo.write("prod/.sops.yaml", f"creation_rules:\n  - kms: {ARN}+{ROLE}\n    aws_profile: deploy\n")
    repo.commit("rules")
    return repo


def test_all_of_the_identity_must_be_named(ruled: Repo) -> None:
    good = {"arn": ARN, "role": ROLE, "aws_profile": "deploy"}
    assert refused(ruled, "kms", good) is None
    # what travels with the question is no part of where it goes
    assert refused(ruled, "kms", {**good, "context": '{"env":"x"}'}) is None
    for change in ({"role": ""}, {"role": ROLE + "x"}, {"aws_profile": ""}, {"aws_profile": "x"}, {"arn": ARN + "2"}):
        assert "neither in the rules of HEAD nor" in (refused(ruled, "kms", {**good, **change}) or "")
    assert refused(ruled, "gcp_kms", good) is not None


def test_the_working_tree_does_not_count(ruled: Repo) -> None:
    ruled.write("prod/.sops.yaml", f"creation_rules:\n  - hc_vault_transit_uri: {URI}\n")
    assert refused(ruled, "hc_vault", VAULT) is not None
    assert refused(ruled, "kms", {"arn": ARN, "role": ROLE, "aws_profile": "deploy"}) is None
    ruled.commit("merged")
    assert refused(ruled, "hc_vault", VAULT) is None


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        ("https://vault.example.com:8200", True),
        ("https://vault.example.com:8200/", True),
        ("http://vault.example.com:8200", False),
        ("https://vault.example.com", False),
        ("https://vault.example.com:8200.evil.example.com", False),
        ("", False),
    ],
)
def test_vault_only_on_the_very_server_of_the_user(ruled: Repo, own: str, allowed: bool) -> None:
    assert (refused(ruled, "hc_vault", VAULT, VAULT_ADDR=own) is None) is allowed
    plain = {**VAULT, "vault_address": "http://vault.example.com"}
    assert refused(ruled, "hc_vault", plain, VAULT_ADDR="http://vault.example.com") is not None


def test_git_lets_them_and_zero_never_does(ruled: Repo) -> None:
    good = {"arn": ARN, "role": ROLE, "aws_profile": "deploy"}
    assert "git's drivers ask nobody" in (refused(ruled, "kms", good, KSECRETS_REMOTE_KEYS="in-git") or "")
    ruled.git("config", "ksecrets.remoteKeys", "true")
    assert refused(ruled, "kms", good, KSECRETS_REMOTE_KEYS="in-git") is None
    assert "asks nobody" in (refused(ruled, "kms", good, KSECRETS_REMOTE_KEYS="0") or "")
    ruled.git("config", "ksecrets.remoteKeys", "false")
    assert refused(ruled, "kms", good, KSECRETS_REMOTE_KEYS="in-git") is not None
