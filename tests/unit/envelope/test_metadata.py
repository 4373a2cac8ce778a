"""The `sops` mapping: read strictly, written as sops orders it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from ksecrets.envelope.emit import metadata_lines
from ksecrets.envelope.entries import FOREIGN, SERVICES, is_rfc3339
from ksecrets.envelope.metadata import DEFAULT_SELECTOR, SELECTORS, Extension, Metadata
from ksecrets.envelope.recipient import Stanza, context_mapping, context_text
from ksecrets.errors import KsecretsError, SyntaxRefused, Tampered

TIME = "2026-11-21T09:52:25Z"
AGE = {"recipient": "age1x", "enc": "-----BEGIN\n"}
ALL_SERVICES: dict[str, Any] = {
    "age": [AGE],
    "azure_kv": [{"vault_url": "https://v", "name": "n", "version": "", "created_at": TIME, "enc": "e"}],
    "gcp_kms": [{"resource_id": "projects/p", "created_at": TIME, "enc": "e"}],
    "hc_vault": [{"vault_address": "https://v", "engine_path": "t", "key_name": "k", "created_at": TIME, "enc": "e"}],
    "hckms": [{"key_id": "r:u", "created_at": TIME, "enc": "e"}],
    "kms": [{"arn": "arn:1", "created_at": TIME, "enc": "e", "aws_profile": ""}],
    "pgp": [{"fp": "F", "created_at": TIME, "enc": "e"}],
}


def tree(**changes: Any) -> dict[str, Any]:
    result = {"age": [dict(AGE)], "lastmodified": TIME, "mac": "ENC[m]", "version": "3.13.3", **changes}
    return {key: value for key, value in result.items() if value is not None}


def test_a_tree_comes_back_in_the_order_of_sops() -> None:
    metadata = Metadata.from_tree(tree())
    again = metadata.to_tree()
    assert list(again) == ["age", "lastmodified", "mac", "unencrypted_suffix", "version"]
    assert list(again["age"][0]) == ["enc", "recipient"]  # type: ignore[index,arg-type]
    assert Metadata.from_tree(again) == metadata
    assert metadata.groups == ((Stanza("age", AGE),),)
    assert metadata.selector == DEFAULT_SELECTOR
    assert (metadata.mac_only_encrypted, metadata.shamir_threshold, metadata.extension) == (False, 0, None)


def test_every_service_comes_back_with_every_field() -> None:
    assert set(ALL_SERVICES) == set(SERVICES) - set(FOREIGN)
    metadata = Metadata.from_tree(tree(**ALL_SERVICES))
    assert {stanza.service for stanza in metadata.stanzas} == set(ALL_SERVICES)
    again = metadata.to_tree()
    for service, entries in ALL_SERVICES.items():
        assert again[service] == entries
        (entry,) = again[service]
        assert list(entry) == sorted(entry)


HSM = {"created_at": TIME, "enc": "e", "service": "pkcs11", "uri": "pkcs11:token=t;object=o"}
DSM = {"created_at": TIME, "enc": "e", "endpoint": "https://d", "key_id": "k", "service": "fortanix"}


def test_readers_that_sops_does_not_know_stand_in_our_block() -> None:
    """sops reads past the block; its own lists are without them."""
    block = {"version": "1", "kid": "k", "readers": [DSM, HSM]}
    metadata = Metadata.from_tree(tree(ksecrets=block))
    (group,) = metadata.groups
    assert [stanza.service for stanza in group] == ["age", "fortanix", "pkcs11"]
    assert group[2] == Stanza("pkcs11", {name: value for name, value in HSM.items() if name != "service"})
    again = metadata.to_tree()
    assert set(again) & {"pkcs11", "fortanix"} == set()
    assert again["ksecrets"] == dict(sorted(block.items()))
    assert Metadata.from_tree(again) == metadata
    alone = Metadata.from_tree(tree(age=None, ksecrets=block))
    assert [stanza.service for stanza in alone.stanzas] == ["fortanix", "pkcs11"]
    assert Metadata.from_tree(alone.to_tree()) == alone
    with pytest.raises(ValueError, match="extension"):
        metadata.replace(extension=None).to_tree()


def test_readers_that_sops_does_not_know_in_key_groups() -> None:
    groups = [{"age": [{"recipient": "r", "enc": "e"}]}, {"age": [], "hc_vault": []}]
    block = {"version": "1", "kid": "k", "readers": [{**HSM, "group": "1"}]}
    metadata = Metadata.from_tree(tree(age=None, key_groups=groups, shamir_threshold="2", ksecrets=block))
    assert [[stanza.service for stanza in group] for group in metadata.groups] == [["age"], ["pkcs11"]]
    assert Metadata.from_tree(metadata.to_tree()) == metadata
    assert metadata.to_tree()["ksecrets"] == dict(sorted(block.items()))
    with pytest.raises(Tampered, match=r"key_groups\[1\]"):
        Metadata.from_tree(tree(age=None, key_groups=groups, shamir_threshold="2"))


@pytest.mark.parametrize(
    ("readers", "named"),
    [
        ("x", "sops.ksecrets.readers"),
        (["x"], r"sops.ksecrets.readers\[0\]"),
        ([{**HSM, "service": "age"}], r"sops.ksecrets.readers\[0\]"),
        ([{**HSM, "service": ""}], r"sops.ksecrets.readers\[0\].service"),
        ([{**HSM, "group": "1"}], "sops.ksecrets.readers"),
        ([{**HSM, "group": "-1"}], r"sops.ksecrets.readers\[0\].group"),
        ([{**HSM, "uri": ""}], r"sops.ksecrets.readers\[0\].uri"),
        ([{**HSM, "odd": "x"}], r"sops.ksecrets.readers\[0\].odd"),
    ],
)
def test_damaged_readers_in_our_block(readers: object, named: str) -> None:
    with pytest.raises(Tampered, match=named):
        Metadata.from_tree(tree(ksecrets={"version": "1", "kid": "k", "readers": readers}))


def test_the_fields_of_aws_that_may_be_absent() -> None:
    full = {
        "arn": "a",
        "role": "r",
        "context": {"z": "1", "env": "p"},
        "created_at": TIME,
        "enc": "e",
        "aws_profile": "p",
    }
    metadata = Metadata.from_tree(tree(age=None, kms=[full]))
    assert metadata.stanzas[0].fields["context"] == '{"env":"p","z":"1"}'
    (entry,) = metadata.to_tree()["kms"]
    assert entry == full
    assert list(entry["context"]) == ["env", "z"]  # type: ignore[arg-type,index,call-overload]


def test_contexts_are_one_text_and_back() -> None:
    assert context_mapping(context_text({"b": "ä", "a": ""})) == {"a": "", "b": "ä"}
    assert context_text({"b": "1", "a": "2"}) == context_text({"a": "2", "b": "1"})
    assert context_text({}) == ""
    assert context_mapping("") == {}
    with pytest.raises(ValueError, match="mapping"):
        context_mapping('{"a": {}}')


@pytest.mark.parametrize("kind", SELECTORS)
def test_each_selector(kind: str) -> None:
    metadata = Metadata.from_tree(tree(**{kind: "^x"}))
    assert metadata.selector == (kind, "^x")
    assert metadata.to_tree()[kind] == "^x"
    assert sum(name in metadata.to_tree() for name in SELECTORS) == 1


def test_flags_are_text_in_the_tree() -> None:
    metadata = Metadata.from_tree(tree(mac_only_encrypted="true", shamir_threshold="2"))
    assert (metadata.mac_only_encrypted, metadata.shamir_threshold) == (True, 2)
    assert metadata.to_tree()["mac_only_encrypted"] == "true"
    assert metadata.to_tree()["shamir_threshold"] == "2"


def test_key_groups_come_back_and_one_group_alone_is_flat() -> None:
    groups = [{"age": [AGE], "hc_vault": []}, {"pgp": ALL_SERVICES["pgp"], "age": [AGE]}]
    metadata = Metadata.from_tree(tree(age=None, key_groups=groups))
    assert [len(group) for group in metadata.groups] == [1, 2]
    again = metadata.to_tree()
    # sops writes these two lists even when they are empty
    assert again["key_groups"] == [
        {"age": [AGE], "hc_vault": []},
        {"age": [AGE], "hc_vault": [], "pgp": ALL_SERVICES["pgp"]},
    ]
    assert "age" not in again
    one = Metadata.from_tree(tree(age=None, key_groups=groups[:1])).to_tree()
    assert one["age"] == [AGE]
    assert "key_groups" not in one


def test_empty_lists_of_old_versions_are_nothing() -> None:
    assert Metadata.from_tree(tree(kms=[], pgp="", gcp_kms=None, key_groups=[])) == Metadata.from_tree(tree())


def test_unknown_entries_are_kept_aside_and_not_written() -> None:
    metadata = Metadata.from_tree(tree(future="x", age=[{**AGE, "more": "y"}]))
    assert metadata.unknown == ("future", "age[0].more")
    assert "future" not in metadata.to_tree()
    assert metadata.to_tree()["age"] == [AGE]


def broken(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(entries: dict[str, Any]) -> None:
        entries[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (broken("lastmodified", "yesterday"), "sops.lastmodified"),
        (broken("lastmodified", "2026-11-21T09:52:25.5Z"), "sops.lastmodified"),
        (broken("lastmodified", []), "sops.lastmodified"),
        (lambda t: t.pop("lastmodified"), "sops.lastmodified"),
        (broken("mac", {}), "sops.mac"),
        (broken("version", ["3"]), "sops.version"),
        (broken("age", "age1x"), "sops.age"),
        (broken("age", ["age1x"]), r"sops.age\[0\]"),
        (broken("age", [{"recipient": "age1x"}]), r"sops.age\[0\].enc"),
        (broken("age", [{"recipient": "", "enc": "x"}]), r"sops.age\[0\].recipient"),
        (broken("age", [{"recipient": ["age1x"], "enc": "x"}]), r"sops.age\[0\].recipient"),
        (lambda t: t.pop("age"), "no recipients"),
        (broken("Age", [AGE]), "sops.Age"),
        (broken("pgp", [{"fp": "F", "created_at": "now", "enc": "e"}]), r"sops.pgp\[0\].created_at"),
        (broken("kms", [{**ALL_SERVICES["kms"][0], "context": "a:b"}]), r"sops.kms\[0\].context"),
        (broken("kms", [{**ALL_SERVICES["kms"][0], "context": {"a": []}}]), r"sops.kms\[0\].context.a"),
        (broken("key_groups", [{"age": [AGE]}]), "key_groups and outside"),
        (broken("key_groups", [{}]), r"key_groups\[0\]"),
        (broken("key_groups", {"age": [AGE]}), "key_groups"),
        (broken("mac_only_encrypted", "yes"), "sops.mac_only_encrypted"),
        (broken("shamir_threshold", "-1"), "sops.shamir_threshold"),
        (broken("shamir_threshold", "two"), "sops.shamir_threshold"),
        (lambda t: t.update(encrypted_regex="a", unencrypted_suffix="b"), "more than one selector"),
        (broken("ksecrets", "1"), "sops.ksecrets"),
        (broken("ksecrets", {"version": "1"}), "sops.ksecrets.kid"),
        (broken("ksecrets", {"version": "1", "kid": "k", "path": ""}), "sops.ksecrets.path"),
        (broken("ksecrets", {"version": "1", "kid": "k", "odd": "x"}), "sops.ksecrets.odd"),
        (broken("ksecrets", {"version": "1", "kid": "k", "residues": ["x"]}), "sops.ksecrets.residues"),
        (broken("ksecrets", {"version": "1", "kid": "k", "residues": {"r": ""}}), "sops.ksecrets.residues.r"),
        (broken("ksecrets", {"kid": "k"}), "sops.ksecrets.version"),
    ],
)
def test_what_sops_would_not_write_is_refused(change: Callable[[dict[str, Any]], Any], names: str) -> None:
    entries = copy.deepcopy(tree())
    change(entries)
    with pytest.raises(Tampered, match=names):
        Metadata.from_tree(entries)


@pytest.mark.parametrize("value", [None, "x", [], {1: "x"}])
def test_the_block_must_be_a_mapping(value: object) -> None:
    with pytest.raises(Tampered, match="not a mapping in the metadata: sops"):
        Metadata.from_tree(value)


def test_the_extension_of_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(SyntaxRefused, match="newer ksecrets") as caught:
        Metadata.from_tree(tree(ksecrets={"version": "2", "whatever": []}))
    assert caught.value.hint == "upgrade ksecrets"


def test_the_extension_comes_back_in_its_place() -> None:
    extension = Extension(kid="00ff", environment="prod", path="env/prod/x.yaml", residues={"b": "2", "a": "1"})
    metadata = Metadata.from_tree(tree()).replace(extension=extension)
    again = metadata.to_tree()
    assert list(again) == ["age", "ksecrets", "lastmodified", "mac", "unencrypted_suffix", "version"]
    assert list(again["ksecrets"]) == ["environment", "kid", "path", "residues", "version"]
    assert list(again["ksecrets"]["residues"]) == ["a", "b"]  # type: ignore[index,call-overload,arg-type]
    assert Metadata.from_tree(again).extension == extension
    assert list(Extension(kid="k").to_tree()) == ["kid", "version"]


def test_the_mac_of_a_merge_in_progress_may_be_empty() -> None:
    extension = {"version": "1", "kid": "k", "pending": {"base": "1", "ours": "2", "theirs": "3"}}
    metadata = Metadata.from_tree(tree(mac="", ksecrets=extension))
    assert metadata.mac == ""
    assert metadata.extension is not None
    assert metadata.extension.pending == extension["pending"]
    assert metadata.to_tree()["ksecrets"] == extension


def test_a_copy_with_changes_leaves_the_first_alone() -> None:
    first = Metadata.from_tree(tree())
    second = first.replace(mac="other")
    assert (first.mac, second.mac) == ("ENC[m]", "other")
    assert second.groups is first.groups
    with pytest.raises(TypeError):
        first.replace(macc="x")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (TIME, True),
        ("2026-11-21T09:52:25+01:00", True),
        ("2026-11-21t09:52:25Z", False),
        ("2026-11-21 09:52:25Z", False),
        ("2026-13-21T09:52:25Z", False),
        ("2026-11-21T24:00:00Z", False),
        ("2026-11-21T09:52:25", False),
        ("2026-11-21T09:52:2٥Z", False),
        ("2026-11-21T09:52:25+0100", False),
        ("", False),
    ],
)
def test_times(text: str, good: bool) -> None:
    assert is_rfc3339(text) is good


def test_names_from_the_file_cannot_carry_terminal_controls() -> None:
    with pytest.raises(KsecretsError) as caught:
        Metadata.from_tree(tree(ksecrets={"version": "1", "kid": "k", "\x1b[2J" * 50: "x"}))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 150


def test_the_whole_block_as_sops_wrote_it() -> None:
    written = """\
sops:
    age:
        - enc: |
            -----BEGIN AGE ENCRYPTED FILE-----
            YWdl
            -----END AGE ENCRYPTED FILE-----
          recipient: age1494dxhqw8q57gzggrcjdqrdhyr7x2ydmgh3kdcr7n7w3q3kns56s8v5kqs
    encrypted_regex: '^(data|string: Data)$ #x'
    lastmodified: "2026-11-21T09:52:25Z"
    mac: ENC[AES256_GCM,data:JmbG,iv:uKhu,tag:sM38,type:str]
    mac_only_encrypted: true
    version: 3.13.3
"""
    import yaml

    block = yaml.load(written, Loader=yaml.BaseLoader)["sops"]
    assert "\n".join(metadata_lines(Metadata.from_tree(block).to_tree())) + "\n" == written
