"""Edits to `.ksecrets.yaml`: what is added is there, and nothing else has changed."""

from __future__ import annotations

import pytest

from ksecrets.errors import ConfigError
from ksecrets.rules.config import parse
from ksecrets.rules.edit import add_environment, add_recipient, new_config

TEXT = """\
# head
version: 1

recipients:                      # who
  alice:      {age: age1alice}   # me
  bob:
    age: "age1bob"               # him

  # the end of the recipients
groups:
  platform: [alice,   bob]

environments:
    dev:
        files: ["dev/**"]        # all of it
        readers: [platform]
# tail
"""


def added(before: str, after: str) -> list[str]:
    """The lines that were put in, when nothing else has changed."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = 0
    while start < len(old) and old[start] == new[start]:
        start += 1
    count = len(new) - len(old)
    assert new[start + count :] == old[start:], after
    return [line.rstrip("\n") for line in new[start : start + count]]


def test_new_config() -> None:
    text = new_config("alice", "age1alice", "dev", ["env/dev/**", "*.yaml"])
    config = parse(text)
    policy = config.policy("env/dev/x.yaml")
    assert policy is not None
    assert [reader.name for reader in policy.recipients] == ["alice"]
    assert policy.warnings == ("dev has one reader, min-readers asks for 2",)
    ssh = new_config("no", "ssh-ed25519 AAAA a: b", "on", ["a"])
    assert parse(ssh).recipients["no"].fields == {"recipient": "ssh-ed25519 AAAA a: b"}
    with pytest.raises(ConfigError):
        new_config("a b", "age1alice", "dev", ["x"])
    with pytest.raises(ConfigError):
        new_config("alice", "age1alice", "dev", ["/x"])


def test_add_recipient() -> None:
    text = add_recipient(TEXT, "ci", {"age": "age1ci"}, "machine")
    assert added(TEXT, text) == ["  ci: {age: age1ci, kind: machine}"]
    assert text.splitlines()[7] == "  ci: {age: age1ci, kind: machine}"
    assert parse(text).recipients["ci"].kind == "machine"
    assert add_recipient(text, "ci", {"age": "age1ci"}, "machine") == text
    kms = add_recipient(text, "k", {"aws-kms": "arn:aws:kms:x", "context": {"a": "1"}})
    assert parse(kms).recipients["k"].fields == {"arn": "arn:aws:kms:x", "context": '{"a":"1"}'}


def test_add_environment() -> None:
    text = add_environment(TEXT, "prod", ["prod/**", "x/*.yaml"], ["alice"])
    assert added(TEXT, text) == ["    prod:", '      files: ["prod/**", "x/*.yaml"]', "      readers: [alice]"]
    assert text.endswith("# tail\n")
    policy = parse(text).policy("prod/a")
    assert policy is not None
    assert policy.environment == "prod"
    assert add_environment(text, "prod", ["prod/**", "x/*.yaml"], ["alice"]) == text
    assert add_environment(TEXT, "dev", ["dev/**"], ["platform"]) == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "version: 1",
        "version: 1\nrecipients:\nenvironments:\n",
        "version: 1\nrecipients:   # nobody\n\n# x\nenvironments: # none",
        "version: 1\r\nrecipients:\r\n  a: {age: age1a}\r\n",
        "version: 1\nrecipients: {}\nenvironments: {}\n",
        "version: 1\nrecipients: {a: {age: age1a}}  # kept\n",
        "{version: 1, recipients: {a: {age: age1a}}}\n",
        "version: 1\nenvironments: {}\nrecipients:\n  a:\n    age: >-\n      age1a\n\n# end\n",
        "version: 1\nrecipients: &r\n  a: {age: age1a}\npending: {}\n",
        "\ufeffversion: 1\nrecipients:\n  a: {age: age1a}\n...\n",
        "---\nversion: 1\nrecipients:\n  a: {age: age1a}\n...\n",
    ],
)
def test_every_layout(text: str) -> None:
    text = add_recipient(text, "zoe", {"age": "age1zoe"})
    text = add_environment(text, "dev", ["dev/**"], ["zoe"])
    text = add_recipient(text, "y", {"age": "ssh-rsa AAAA x"}, "recovery")
    config = parse(text)
    assert config.recipients["y"].kind == "recovery"
    policy = config.policy("dev/x")
    assert policy is not None
    assert [reader.name for reader in policy.recipients] == ["zoe"]
    assert add_recipient(text, "zoe", {"age": "age1zoe"}) == text


def test_comments_and_ends_of_lines_stay() -> None:
    flow = "version: 1\nrecipients: {a: {age: age1a}}  # kept\n"
    assert "# kept" in add_recipient(flow, "b", {"age": "age1b"})
    crlf = "version: 1\r\nrecipients:\r\n  a: {age: age1a}\r\n"
    assert add_recipient(crlf, "b", {"age": "age1b"}) == crlf + "  b: {age: age1b}\r\n"


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="already a recipient, with another key"):
        add_recipient(TEXT, "alice", {"age": "age1other"})
    with pytest.raises(ConfigError, match="already a recipient"):
        add_recipient(TEXT, "alice", {"age": "age1alice"}, "machine")
    with pytest.raises(ConfigError, match="carol has the same key as alice"):
        add_recipient(TEXT, "carol", {"age": "age1alice"})
    with pytest.raises(ConfigError, match=r"(?s)already an environment.*hint: change environments.dev there"):
        add_environment(TEXT, "dev", ["other/**"], ["platform"])
    with pytest.raises(ConfigError, match="no recipient or group is called `zed`"):
        add_environment(TEXT, "prod", ["prod/**"], ["zed"])
    with pytest.raises(ConfigError, match="is a recipient, too"):
        add_recipient(TEXT, "platform", {"age": "age1p"})
