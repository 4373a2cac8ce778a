"""`.sops.yaml` as sops reads it."""

from __future__ import annotations

import pytest

from ksecrets.errors import ConfigError
from ksecrets.rules.policy import Policy
from ksecrets.rules.selector import Selector
from ksecrets.rules.sopsconfig import parse


def policy(text: str, path: str = "a.yaml") -> Policy:
    found = parse(text).policy(path)
    assert found is not None
    return found


def keys(found: Policy) -> list[str]:
    return [reader.name for reader in found.recipients]


def test_first_rule_that_matches() -> None:
    text = r"""
keys: [&alice age1alice, &bob age1bob]
creation_rules:
  - path_regex: prod/.*\.yaml$
    age: *alice
  - path_regex: ^dev/
    age: [*alice, *bob]
    encrypted_regex: ^(data|stringData)$
    mac_only_encrypted: true
  - age: >-
      age1alice,
      age1carol,
stores: {yaml: {indent: 2}}
something_new: 1
"""
    config = parse(text)
    assert keys(policy(text, "x/prod/a.yaml")) == ["age1alice"]
    dev = config.policy("dev/a.yaml")
    assert dev is not None
    assert keys(dev) == ["age1alice", "age1bob"]
    assert (dev.selector, dev.mac_only_encrypted) == (Selector("encrypted_regex", "^(data|stringData)$"), True)
    assert (dev.environment, dev.source, dev.shares) == (None, ".sops.yaml:6 creation_rules[1]", None)
    other = policy(text, "x/dev/a.yaml")
    assert keys(other) == ["age1alice", "age1carol"]
    assert other.selector == Selector()


def test_no_rule_matches_or_none_are_there() -> None:
    assert parse("creation_rules:\n  - path_regex: x\n    age: age1a\n").policy("y") is None
    assert parse("").rules is None
    assert parse("stores: {}\n").policy("a") is None
    assert parse("creation_rules: []\n").rules == []
    assert parse("creation_rules: [{age: age1a}]\n---\nsecond: [\n").policy("a") is not None  # only the first counts


def test_keys_of_every_service() -> None:
    text = """
creation_rules:
  - kms: 'arn:aws:kms:a:1:key/x+arn:aws:iam::1:role/r, arn:aws:kms:b:1:key/y'
    aws_profile: p
    age: age1a
    pgp: ['FBC7 B9', 'AAAA,BBBB']
    gcp_kms: projects/p/locations/l/keyRings/r/cryptoKeys/k
    hckms: ['eu:1']
    azure_keyvault: https://x.vault.azure.net/keys/k/v1
    hc_vault_transit_uri: https://v:8200/v1/some/engine/keys/k
"""
    got = [(reader.service, reader.fields) for reader in policy(text).recipients]
    assert got == [
        ("age", {"recipient": "age1a"}),
        ("pgp", {"fp": "FBC7B9"}),
        ("pgp", {"fp": "AAAA"}),
        ("pgp", {"fp": "BBBB"}),
        ("kms", {"arn": "arn:aws:kms:a:1:key/x", "role": "arn:aws:iam::1:role/r", "aws_profile": "p"}),
        ("kms", {"arn": "arn:aws:kms:b:1:key/y", "aws_profile": "p"}),
        ("gcp_kms", {"resource_id": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}),
        ("hckms", {"key_id": "eu:1"}),
        ("azure_kv", {"vault_url": "https://x.vault.azure.net", "name": "k", "version": "v1"}),
        ("hc_vault", {"vault_address": "https://v:8200", "engine_path": "some/engine", "key_name": "k"}),
    ]


def test_key_groups() -> None:
    text = """
creation_rules:
  - shamir_threshold: 2
    age: age1ignored
    key_groups:
      - age: [age1a, age1a]
        kms: [{arn: 'arn:aws:kms:x', role: r, context: {a: b}, aws_profile: p}]
      - merge: [{age: [age1b]}, {pgp: [F1]}]
        azure_keyvault: [{vaultUrl: https://v, key: k, version: v1}]
        gcp_kms: [{resource_id: g}]
      - hc_vault: ['https://v/v1/transit/keys/k']
        hckms: [{key_id: 'eu:1'}]
"""
    found = policy(text)
    assert found.shares is not None
    assert found.shares.need == 2
    assert [[reader.service for reader in group] for group in found.shares.groups] == [
        ["age", "kms"],
        ["age", "pgp", "gcp_kms", "azure_kv"],
        ["hckms", "hc_vault"],
    ]
    assert found.recipients[1].fields == {
        "arn": "arn:aws:kms:x",
        "role": "r",
        "context": '{"a":"b"}',
        "aws_profile": "p",
    }
    assert policy(text.replace("shamir_threshold: 2", "shamir_threshold: 0")).shares.need == 3  # type: ignore[union-attr]
    one = policy("creation_rules: [{key_groups: [{age: [age1a]}]}]")
    assert one.shares is None
    assert keys(one) == ["age1a"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("creation_rules:\n- age: age1a\n  encrypted_regex: a\n  unencrypted_suffix: b\n", 2, "only one selector"),
        ("creation_rules:\n- age: age1a\n  encrypted_regex: '(?=a)'\n", 3, "lookaround"),
        ("creation_rules:\n- path_regex: '(?=a)'\n  age: age1a\n", 2, "lookaround"),
        ("creation_rules:\n- age: [bge1]\n", 2, "no age recipient"),
        ("creation_rules:\n- age:\n  - age1a\n  - [x]\n", 4, "expected to be a text"),
        ("creation_rules: {}\n", 1, "a list of rules"),
        ("creation_rules: [x]\n", 1, "a mapping"),
        ("creation_rules:\n- age: age1a\n  mac_only_encrypted: maybe\n", 3, "`true` or `false`"),
        ("creation_rules:\n- age: age1a\n  mac_only_encrypted: 'true'\n", 3, "`true` or `false`"),
        ("creation_rules:\n- age: age1a\n  shamir_threshold: '2'\n", 3, "a number"),
        ("creation_rules:\n- age: age1a\n  age: age1b\n", 3, "twice"),
        ("creation_rules:\n- shamir_threshold: 3\n  key_groups: [{age: [age1a]}, {age: [age1b]}]\n", 2, "2 groups"),
        ("creation_rules:\n- key_groups: [{kms: [{role: x}]}]\n", 2, "`arn` is missing"),
        ("creation_rules: [\n", 2, "not YAML"),
        ("x\n", 1, "a mapping"),
    ],
)
def test_refusals(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text).policy("a.yaml")
    assert message in caught.value.message
    assert (caught.value.file, caught.value.line) == (".sops.yaml", line)


def test_a_rule_without_keys_has_no_readers() -> None:
    assert policy("creation_rules: [{path_regex: a}]").recipients == ()


def test_what_is_not_for_us_is_no_error_and_is_named() -> None:
    text = """
destination_rules:
  - s3_bucket: b
    path_regex: (
    recreation_rule: {pgp: AAAA}
creation_rules: [{age: age1a}]
"""
    config = parse(text)
    assert [line.partition(" ")[0] for line in config.unused] == [".sops.yaml:2"]
    assert config.policy("a") is not None
    assert config.policy("a").warnings == ()  # type: ignore[union-attr]


def test_indents_but_those_that_are_defaults_of_sops() -> None:
    text = "stores: {yaml: {indent: 2}, json: {indent: 0}, json_binary: {indent: -1}, ini: {}, other: 1}\n"
    assert parse(text).indents == {"yaml": 2, "json": 0}
    assert parse("stores: {yaml: {indent: 0}, json: }\n").indents == {}


def test_a_slip_is_ignored_as_sops_does_and_said() -> None:
    """With `path_regexp` sops takes the rule for one about every file, and with `encrypted_regexp` for all values."""
    found = policy(
        "creation_rules:\n  - path_regexp: ^prod/\n    encrypted-regex: ^x$\n    note: of ours\n    age: age1a\n",
        "dev/a.yaml",
    )
    assert found.warnings == (
        ".sops.yaml:2 creation_rules[0].path_regexp is no setting of sops: did you mean `path_regex`?",
        ".sops.yaml:3 creation_rules[0].encrypted-regex is no setting of sops: did you mean `encrypted_regex`?",
    )
    assert found.selector == Selector()


def test_merge_keys_of_yaml() -> None:
    text = "base: &b {age: age1a, encrypted_suffix: _x}\ncreation_rules:\n  - {<<: *b, path_regex: ^p/}\n  - *b\n"
    assert [keys(policy(text, path)) for path in ("p/a", "q")] == [["age1a"]] * 2
    assert policy(text, "p/a").selector == Selector("encrypted_suffix", "_x")
