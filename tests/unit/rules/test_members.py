"""Changes to the people of `.ksecrets.yaml`: the lines that are meant, and no other byte."""

from __future__ import annotations

import difflib

import pytest

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.rules.config import parse
from ksecrets.rules.members import add_default_reader, add_pending, grant, revoke

TEXT = """\
# head
version: 1
recipients:
  alice:   {age: age1alice}   # me
  bob:
    age: age1bob   # him
  ci: {age: age1ci, kind: machine}
groups:
  platform: [alice, bob]
  solo: [bob]
defaults: {min-readers: 2}    # two
environments:
  dev:
    files: ["dev/**"]
    readers: [platform, solo]  # all
  prod:
    files: ["prod/**"]
    readers:
      - alice  # boss
      - bob    # second
      - ci
    rules:
      - {files: ["prod/x/**"], readers: [alice, bob]}
# tail
"""


def changed(before: str, after: str) -> list[str]:
    """What differs, line by line: `-old`, `+new`."""
    found = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line[0] + line[2:].rstrip("\r\n") for line in found if line[0] in "+-"]


@pytest.fixture(params=["\n", "\r\n"], ids=["lf", "crlf"])
def text(request: pytest.FixtureRequest) -> str:
    return TEXT.replace("\n", request.param)


def test_a_request_and_its_grant(text: str) -> None:
    asked = add_pending(text, "carol", "age1carol", "dev")
    assert changed(text, asked) == ["+", "+pending:", "+  carol: {age: age1carol, wants: [dev]}"]
    assert add_pending(asked, "carol", "age1carol", "dev") == asked
    both = add_pending(asked, "carol", "age1carol", "prod")
    assert parse(both).pending["carol"].wants == ("dev", "prod")
    first = grant(both, "carol", ["dev"])
    assert changed(both, first) == [
        "+  carol: {age: age1carol}",
        "-    readers: [platform, solo]  # all",
        "+    readers: [platform, solo, carol]  # all",
        "-  carol: {age: age1carol, wants: [dev, prod]}",
        "+  carol: {age: age1carol, wants: [prod]}",
    ]
    second = grant(first, "carol", ["prod"])
    assert changed(text, second) == [
        "+  carol: {age: age1carol}",
        "-    readers: [platform, solo]  # all",
        "+    readers: [platform, solo, carol]  # all",
        "+      - carol",
    ]
    assert grant(second, "carol", ["dev", "prod"]) == second
    assert revoke(second, "carol") == text
    assert second.count("\n") == second.count("\r\n") or "\r\n" not in text


def test_revoke_everywhere(text: str) -> None:
    assert changed(text, revoke(text, "bob")) == [
        "-  bob:",
        "-    age: age1bob   # him",
        "-  platform: [alice, bob]",
        "+  platform: [alice]",
        "-  solo: [bob]",
        "-    readers: [platform, solo]  # all",
        "+    readers: [platform]  # all",
        "-      - bob    # second",
        '-      - {files: ["prod/x/**"], readers: [alice, bob]}',
        '+      - {files: ["prod/x/**"], readers: [alice]}',
    ]


def test_revoke_of_one_environment(text: str) -> None:
    """Groups are spelled out there, and stay as they are for the others."""
    assert changed(text, revoke(text, "bob", ["dev"])) == [
        "-    readers: [platform, solo]  # all",
        "+    readers: [alice]  # all",
    ]
    assert parse(revoke(text, "bob", ["prod"])).groups["platform"] == ("alice", "bob")


def test_default_readers(text: str) -> None:
    first = add_default_reader(text, "ci")
    assert changed(text, first) == [
        "-defaults: {min-readers: 2}    # two",
        "+defaults: {readers: [ci], min-readers: 2}    # two",
    ]
    assert add_default_reader(first, "ci") == first
    assert "readers: [ci, alice]" in add_default_reader(first, "alice")
    block = text.replace("defaults: {min-readers: 2}    # two", "defaults:\n  # some\n  min-readers: 2")
    assert changed(block, add_default_reader(block, "ci")) == ["+  readers: [ci]"]
    with pytest.raises(ConfigError, match="reads every environment"):
        revoke(first, "ci", ["dev"])


@pytest.mark.parametrize(
    ("name", "key", "environment", "message"),
    [
        ("carol", "age1carol", "dve", "no environment is called `dve`"),
        ("bob", "age1other", "dev", "bob is already a recipient, with another key"),
        ("robert", "age1bob", "dev", "already in the configuration, as bob"),
        ("bob", "age1bob", "dev", "bob reads dev already"),
        ("a b", "age1carol", "dev", "cannot be the name of a recipient"),
    ],
)
def test_requests_that_cannot_be(name: str, key: str, environment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        add_pending(TEXT, name, key, environment)


def test_a_key_under_a_name_that_waits_is_not_exchanged() -> None:
    asked = add_pending(TEXT, "carol", "age1carol", "dev")
    with pytest.raises(ConfigError, match="already waiting, with another key"):
        add_pending(asked, "carol", "age1mallory", "prod")


def test_the_last_reader_stays() -> None:
    with pytest.raises(ConfigError, match="bob is the only one in the readers of environments dev") as caught:
        revoke(TEXT.replace("[platform, solo]", "[bob]"), "bob")
    assert caught.value.line == 15


def test_what_cannot_be_edited_safely_is_refused() -> None:
    """One list that two environments share by an alias: a change for one would be a change for the other."""
    shared = TEXT.replace("[platform, solo]", "&team [alice, ci]")
    at = shared.index("    readers:\n")
    shared = shared[:at] + "    readers: *team\n" + shared[shared.index("    rules:") :]
    shared = shared.replace("readers: [alice, bob]}", "readers: [alice]}")
    assert [reader.name for reader in parse(shared).environments["prod"].readers] == ["alice", "ci"]
    for edit in (lambda: revoke(shared, "ci", ["prod"]), lambda: grant(shared, "bob", ["prod"])):
        with pytest.raises(KsecretsError, match="did not come out as meant"):
            edit()
    shares = TEXT.replace("readers: [platform, solo]", "shares: {need: 2, of: [[alice], [bob]]}")
    with pytest.raises(ConfigError, match="only one in a group of the shares of environments dev"):
        revoke(shares, "bob")


@pytest.mark.parametrize(
    ("written", "granted"),
    [
        ("[[alice], [bob]]", "[[alice], [bob, ci]]"),
        ("[alice, bob]", "[alice, [bob, ci]]"),
    ],
)
def test_a_reader_goes_into_the_group_of_somebody(written: str, granted: str) -> None:
    shares = f"shares: {{need: 2, of: {written}}}  # kept"
    text = TEXT.replace("readers: [platform, solo]", shares)
    before = parse(text)
    after = grant(text, "ci", ["dev"], beside="bob")
    assert after == text.replace(f"of: {written}", f"of: {granted}")
    without = granted.replace(", ci", "")
    assert revoke(after, "ci", ["dev"]) == text.replace(f"of: {written}", f"of: {without}")
    with pytest.raises(ConfigError, match="belongs into the group of somebody"):
        grant(text, "ci", ["dev"])
    with pytest.raises(ConfigError, match="`ci` is in no group of the shares"):
        grant(text, "ci", ["dev"], beside="ci")
    assert parse(after).environments["dev"].shares is not None
    assert before.environments["prod"].readers == parse(after).environments["prod"].readers
