"""`.ksecrets.yaml`: what is read, what is refused and how, and whether the JSON Schema says the same."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from ksecrets.errors import ConfigError
from ksecrets.rules.config import parse
from ksecrets.rules.selector import Selector

WHOLE = """\
version: 1
sops-compatible: require
recipients:
  alice:      {age: age1alice}
  bob:        {age: "ssh-ed25519 AAAAC3 bob@laptop"}
  ci-dev:     {age: age1ci, kind: machine}
  argo-eu:    {aws-kms: "arn:aws:kms:eu-west-1:111122223333:key/x", context: {b: "2", a: "1"}, kind: machine}
  vault:      {hc-vault: "https://vault.example.com:8200/v1/transit/keys/prod"}
  azure:      {azure-kv: "https://x.vault.azure.net/keys/k/v1"}
  google:     {gcp-kms: projects/p/locations/l/keyRings/r/cryptoKeys/k}
  huawei:     {hckms: "eu-1:abc"}
  old:        {pgp: "FBC7 B9E2"}
  recovery-1: {age: age1recovery, kind: recovery}
groups:
  platform: [alice, bob]
pending:
  carol: {age: age1carol, wants: [dev]}
defaults: {readers: [recovery-1], min-readers: 3, comments: keep, encrypt: all}
environments:
  dev:
    files: ["services/*/dev/secrets*.yaml"]
    readers: [platform, ci-dev, alice]
    comments: encrypt
  prod-eu:
    files: ["services/*/prod-eu/secrets*.yaml"]
    readers: [platform, argo-eu]
    seal: required
    rotate-after: 12w
    mac-only-encrypted: true
    rules:
      - {files: ["services/payments/**"], readers: [alice]}
      - {files: ["**/*.k8s.yaml"], encrypt: {key-regex: "^(data|stringData)$"}, comments: auto, min-readers: 1}
  root:
    files: ["root/*.yaml"]
    shares: {need: 2, of: [[alice, bob], argo-eu, [recovery-1]]}
"""


def names(config_text: str, path: str) -> list[str]:
    policy = parse(config_text).policy(path)
    assert policy is not None
    return [reader.name for reader in policy.recipients]


def test_whole() -> None:
    config = parse(WHOLE)
    config.check()
    dev = config.policy("services/a/dev/secrets.yaml")
    assert dev is not None
    assert (dev.environment, dev.source, dev.rule) == ("dev", ".ksecrets.yaml:20 environments.dev", None)
    assert [reader.name for reader in dev.recipients] == ["alice", "bob", "ci-dev", "recovery-1"]
    assert [reader.kind for reader in dev.recipients] == ["person", "person", "machine", "recovery"]
    assert (dev.comments, dev.seal_required, dev.min_readers, dev.sops_compatible) == ("encrypt", False, 3, "require")
    assert dev.selector == Selector()
    assert dev.warnings == ()

    prod = config.policy("services/a/prod-eu/secrets.yaml")
    assert prod is not None
    assert (prod.comments, prod.seal_required, prod.rotate_after, prod.mac_only_encrypted) == ("keep", True, 84, True)
    payments = config.policy("services/payments/prod-eu/secrets.k8s.yaml")
    assert payments is not None
    assert payments.rule == ".ksecrets.yaml:31 environments.prod-eu.rules[0]"
    assert [reader.name for reader in payments.recipients] == ["alice", "recovery-1"]
    assert payments.selector == Selector()  # the first rule that matches, only
    assert payments.warnings == ("prod-eu has 2 readers, min-readers asks for 3",)
    k8s = config.policy("services/x/prod-eu/secrets.k8s.yaml")
    assert k8s is not None
    assert k8s.selector == Selector("encrypted_regex", "^(data|stringData)$")
    assert (k8s.comments, k8s.seal_required, k8s.min_readers) == ("auto", True, 1)

    root = config.policy("root/a.yaml")
    assert root is not None
    assert root.shares is not None
    assert root.shares.need == 2
    assert [[reader.name for reader in group] for group in root.shares.groups] == [
        ["alice", "bob"],
        ["argo-eu"],
        ["recovery-1"],
    ]
    assert config.policy("services/a/dev/sub/secrets.yaml") is None
    assert config.policy("root/sub/a.yaml") is None
    assert config.pending["carol"].wants == ("dev",)
    assert "carol" not in config.recipients


def test_fields_are_named_as_in_the_metadata() -> None:
    recipients = parse(WHOLE).recipients
    got = {name: (reader.service, reader.fields) for name, reader in recipients.items()}
    assert got["bob"] == ("age", {"recipient": "ssh-ed25519 AAAAC3 bob@laptop"})
    assert got["argo-eu"] == (
        "kms",
        {"arn": "arn:aws:kms:eu-west-1:111122223333:key/x", "context": '{"a":"1","b":"2"}'},
    )
    assert got["vault"] == (
        "hc_vault",
        {"vault_address": "https://vault.example.com:8200", "engine_path": "transit", "key_name": "prod"},
    )
    assert got["azure"] == ("azure_kv", {"vault_url": "https://x.vault.azure.net", "name": "k", "version": "v1"})
    assert got["google"] == ("gcp_kms", {"resource_id": "projects/p/locations/l/keyRings/r/cryptoKeys/k"})
    assert got["huawei"] == ("hckms", {"key_id": "eu-1:abc"})
    assert got["old"] == ("pgp", {"fp": "FBC7B9E2"})


def test_name_of_finds_keys_as_metadata_has_them() -> None:
    config = parse(WHOLE)
    assert config.name_of("age", {"recipient": "age1ci", "enc": "..."}) == "ci-dev"
    assert config.name_of("age", {"recipient": "ssh-ed25519 AAAAC3"}) == "bob"  # the remark does not count
    assert config.name_of("age", {"recipient": "age1carol"}) is None  # pending opens nothing
    assert config.name_of("pgp", {"fp": "FBC7B9E2", "created_at": "2020"}) == "old"
    assert config.name_of("pgp", {"fp": "age1ci"}) is None


def test_a_file_in_two_environments() -> None:
    text = WHOLE + '  other:\n    files: ["root/a*"]\n    readers: [alice]\n'
    config = parse(text)
    assert config.policy("root/b.yaml") is not None
    with pytest.raises(ConfigError, match=r"root/a.yaml is in two environments, root and other") as caught:
        config.policy("root/a.yaml")
    assert caught.value.line == 36


def test_check_reports_bad_expressions_with_their_line() -> None:
    text = WHOLE.replace("^(data|stringData)$", "(?=data)")
    config = parse(text)  # not looked at before it is used: `re` is dear
    with pytest.raises(ConfigError, match="lookaround") as caught:
        config.check()
    assert (caught.value.file, caught.value.line) == (".ksecrets.yaml", 32)


def test_aliases_and_merges_work_in_a_configuration() -> None:
    text = """\
version: 1
recipients: {a: {age: age1a}, b: {age: age1b}}
environments:
  one: &one {files: [one/*], readers: &both [a, b], seal: required}
  two: {<<: *one, files: [two/*]}
  three: {files: [three/*], readers: *both}
"""
    assert names(text, "two/x") == names(text, "three/x") == ["a", "b"]
    policy = parse(text).policy("two/x")
    assert policy is not None
    assert policy.seal_required


R = "version: 1\nrecipients: {alice: {age: age1alice}, bob: {age: age1bob}}\n"
E = R + "environments:\n  dev:\n    files: [a/*]\n    readers: [alice]\n"

ACCEPTED = [
    "version: 1\n",
    "version: 1\nrecipients:\ngroups:\nenvironments:\n",
    "\ufeffversion: 1\n",
    R,
    E,
    WHOLE,
    E + "    rules: []\n",
    E + "    seal: optional\n    comments: auto\n    mac-only-encrypted: false\n",
    E + "    rotate-after: 1y\n    min-readers: 1\n",
    E + "    encrypt: {except-key-suffix: _plain}\n",
    E + "    encrypt: {comment-regex: secret}\n",
    E + "    rules: [{files: a/x, readers: alice, seal: required}]\n",
    R + "environments: {dev: {files: 'a/*', readers: alice}}\n",
    R + "pending: {carol: {age: age1carol}}\n",
    R + "pending: {bob: {age: age1bob, wants: []}}\n",
    "version: 1\nrecipients: {anna.l_2@example.com: {age: age1yubikey1abc}, \u00e5sa: {age: 'ssh-rsa AAAA x y'}}\n",
    "version: 1\nrecipients: {k: {aws-kms: 'arn:aws:kms:x', role: 'arn:aws:x', profile: p, context: {a: b}}}\n",
    "version: 1\ndefaults: {encrypt: {key-regex: '^x'}, seal: required}\n",
]

# text, line, what the message says, what the hint says; the last: whether a schema can know it
REFUSED: list[tuple[str, int, str, str | None, bool]] = [
    ("", 1, "`version: 1` is missing", "at the top", True),
    ("[]\n", 1, "a configuration is a mapping", None, True),
    ("recipients: {}\n", 1, "`version: 1` is missing", None, True),
    ("version: 2\n", 1, "reads version 1", "newer", True),
    ("version: 1\nversion: 1\n", 2, "twice", None, False),
    ("version: 1\n---\nversion: 1\n", 2, "second document", None, False),
    ("version: 1\nrecipient: {}\n", 2, "no setting is called `recipient`", "did you mean `recipients`?", True),
    ("version: 1\nsops_compatible: require\n", 2, "no setting is called", "did you mean `sops-compatible`?", True),
    ("version: 1\nsops-compatible: requires\n", 2, "`requires` is not possible here", "did you mean `require`?", True),
    ("version: 1\nrecipients: [a]\n", 2, "a mapping is expected here", None, True),
    ("version: 1\nrecipients:\n  a: age1x\n", 3, "a mapping is expected here", None, True),
    ("version: 1\nrecipients:\n  a: {}\n", 3, "exactly one key", None, True),
    ("version: 1\nrecipients:\n  a: {age: age1x, pgp: y}\n", 3, "exactly one key", None, True),
    ("version: 1\nrecipients:\n  a: {age: ''}\n", 3, "a text is expected", None, True),
    ("version: 1\nrecipients:\n  a: {age: bge1x}\n", 3, "`bge1x` is no age recipient", "begins with `age1`", True),
    ("version: 1\nrecipients:\n  a: {age: age1x, role: y}\n", 3, "`role` does not go with `age`", None, True),
    ("version: 1\nrecipients:\n  a: {age: age1x, kind: robot}\n", 3, "`robot` is not possible", "machine", True),
    ("version: 1\nrecipients:\n  a: {ages: age1x}\n", 3, "no setting is called `ages`", "did you mean `age`?", True),
    ("version: 1\nrecipients:\n  a,b: {age: age1x}\n", 3, "cannot be the name", "letters", True),
    ("version: 1\nrecipients:\n  a: {age: age1x}\n  b: {age: age1x}\n", 4, "b has the same key as a", None, False),
    ("version: 1\nrecipients: {a: {azure-kv: 'http://x/keys/y'}}\n", 2, "is no Azure key", "https://", True),
    ("version: 1\nrecipients: {a: {hc-vault: 'https://x/transit/keys/y'}}\n", 2, "is no Vault key", "https://", True),
    (R + "groups: {g: [alise]}\n", 3, "no recipient is called `alise`", "did you mean `alice`?", False),
    (R + "groups: {g: [alice], h: [g]}\n", 3, "stands in a group", None, False),
    (R + "groups: {alice: [bob]}\n", 3, "is a recipient, too", None, False),
    (R + "groups: {g: }\n", 3, "a list is expected here", None, True),
    (R + "pending: {bob: {age: age1other}}\n", 3, "bob is a recipient with another key", None, False),
    (R + "pending: {x: {age: age1x, wants: [prod]}}\n", 3, "no environment is called `prod`", None, False),
    (R + "defaults: {readers: [bobb]}\n", 3, "no recipient or group is called `bobb`", "did you mean `bob`?", False),
    (R + "defaults: {files: [x]}\n", 3, "no setting is called `files`", None, True),
    (R + "environments:\n  dev:\n    readers: [alice]\n", 4, "`files` is missing", "files:", True),
    (R + "environments:\n  dev:\n    files: []\n    readers: [alice]\n", 4, "`files` is missing", "files:", True),
    (R + "environments:\n  dev:\n    files: [a]\n", 4, "either `readers` or `shares`", None, True),
    (R + "environments:\n  dev:\n    files: [a]\n    readers: []\n", 6, "nobody would read", None, True),
    (R + "environments:\n  dev:\n    files: [/a]\n    readers: [alice]\n", 5, "matches nothing", "first `/`", True),
    (
        R + "environments:\n  dev:\n    files:\n    - b\n    - a/\n    readers: [alice]\n",
        7,
        "matches nothing",
        "a/**",
        True,
    ),
    (R + "environments:\n  dev:\n    files: ['!a']\n    readers: [alice]\n", 5, "matches nothing", None, True),
    (R + "environments:\n  dev:\n    files: ['a[']\n    readers: [alice]\n", 5, "without its `]`", None, False),
    (E + "    shares: {need: 2, of: [[alice], [bob]]}\n", 4, "either `readers` or `shares`", None, True),
    (R + "environments: {d: {files: a, shares: {need: 3, of: [[alice], [bob]]}}}\n", 3, "whole number", None, False),
    (R + "environments: {d: {files: a, shares: {of: [[alice], [bob]]}}}\n", 3, "`need` is missing", None, True),
    (R + "environments: {d: {files: a, shares: {need: 2, of: [[alice]]}}}\n", 3, "2 to 255 groups", None, True),
    (R + "environments: {d: {files: a, shares: {need: 2, of: [[alice], []]}}}\n", 3, "a list of names", None, True),
    (E + "    encrypt: some\n", 7, "`some` is not possible here", "all", True),
    (E + "    encrypt: {}\n", 7, "exactly one selector", None, True),
    (E + "    encrypt: {key-regex: a, key-suffix: b}\n", 7, "exactly one selector", None, True),
    (E + "    encrypt: {encrypted_regex: a}\n", 7, "no selector is called", "it is `key-regex` here", True),
    (E + "    encrypt: {keyregex: a}\n", 7, "no selector is called", "did you mean `key-regex`?", True),
    (E + "    rotate-after: 90\n", 7, "a number of days", "such as 90d", True),
    (E + "    rotate-after: 0d\n", 7, "a number of days", "such as 90d", True),
    (E + "    min-readers: 0\n", 7, "whole number", None, True),
    (E + "    min-readers: '2'\n", 7, "whole number", None, True),
    (E + "    mac-only-encrypted: 'true'\n", 7, "without quotes", None, True),
    (E + "    mac-only-encrypted: maybe\n", 7, "not possible here", None, True),
    (E + "    comments: [auto]\n", 7, "a text is expected here", None, True),
    (E + "    seals: required\n", 7, "no setting is called `seals`", "did you mean `seal`?", True),
    (E + "    rules: {files: x}\n", 7, "a list of rules", None, True),
    (E + "    rules:\n    - {readers: [alice]}\n", 8, "`files` is missing", None, True),
    (E + "    rules:\n    - {files: x, rotate-after: 1d}\n", 8, "no setting is called", None, True),
    (E + "    rules:\n    - {files: x}\n    - {files: x, readers: [bob]}\n", 9, "bob does not read", "narrow", False),
    (E + "    rules:\n    - {files: x, readers: []}\n", 8, "nobody would read", None, True),
    (E + "    seal: required\n    rules:\n    - {files: x, seal: optional}\n", 9, "only narrows", None, False),
    (
        R + "environments:\n  dev:\n    files: [a]\n    readers:\n    - alice\n    - zed\n",
        8,
        "`zed`",
        None,
        False,
    ),
]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads((files("ksecrets.rules") / "schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_by_the_parser_and_the_schema(text: str, validator: Any) -> None:
    parse(text).check()
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize(("text", "line", "message", "hint", "by_schema"), REFUSED)
def test_refused(text: str, line: int, message: str, hint: str | None, by_schema: bool, validator: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    error = caught.value
    assert message in error.message
    assert (error.file, error.line) == (".ksecrets.yaml", line)
    assert hint is None or hint in (error.hint or "")
    if by_schema:
        assert not validator.is_valid(yaml.safe_load(text)), "the schema takes it"


def test_a_private_key_is_refused_and_not_shown() -> None:
    for secret in ("AGE-SECRET-KEY-1QQQ", "age-secret-key-1qqq", "-----BEGIN OPENSSH PRIVATE KEY-----"):
        with pytest.raises(ConfigError, match="a private key stands") as caught:
            parse(f"version: 1\nrecipients: {{a: {{age: '{secret}'}}}}\n")
        assert secret not in str(caught.value)


def test_a_rule_may_not_touch_shares() -> None:
    text = WHOLE + "    rules: [{files: [root/x], readers: [alice]}]\n"
    with pytest.raises(ConfigError, match="no readers to choose from"):
        parse(text)


def test_defaults_readers_do_not_join_shares() -> None:
    text = WHOLE.replace(", [recovery-1]]}", "]}")
    policy = parse(text).policy("root/a.yaml")
    assert policy is not None
    assert [reader.name for reader in policy.recipients] == ["alice", "bob", "argo-eu"]
