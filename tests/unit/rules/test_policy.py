"""Which entries of metadata are the same reader."""

from __future__ import annotations

import pytest

from ksecrets.envelope.entries import FOREIGN
from ksecrets.errors import ConfigError
from ksecrets.rules import config, sopsconfig
from ksecrets.rules.export import to_sops
from ksecrets.rules.policy import NOT_IN_SOPS, Policy, Reader, Shares, identity

AZURE = {"vault_url": "https://v.vault.azure.net", "name": "k"}


def test_a_version_of_an_azure_key_is_no_reader_of_its_own() -> None:
    reader = Reader("us", "machine", "azure_kv", AZURE)
    for version in ("", "1", "2"):
        assert reader.same_key("azure_kv", {**AZURE, "version": version, "enc": "x", "created_at": "t"})
    assert reader.same_key("azure_kv", {**AZURE, "vault_url": "https://v.vault.azure.net/"})
    assert not reader.same_key("azure_kv", {**AZURE, "name": "l"})
    assert not reader.same_key("azure_kv", {**AZURE, "vault_url": "https://w.vault.azure.net"})


def test_a_field_makes_another_reader_elsewhere() -> None:
    arn = {"arn": "arn:aws:kms:eu-west-1:111122223333:key/1"}
    assert identity("kms", arn) == identity("kms", {**arn, "role": "", "enc": "x"})
    assert identity("kms", arn) != identity("kms", {**arn, "role": "arn:aws:iam::1:role/r"})


def reader(name: str, service: str) -> Reader:
    return Reader(name, "person", service, {"uri": name})


def policy(*groups: tuple[Reader, ...], need: int = 0) -> Policy:
    readers = tuple(reader for group in groups for reader in group)
    return Policy(environment="e", source="s", recipients=readers, shares=Shares(need, groups) if need else None)


AGE, HSM, DSM = reader("a", "age"), reader("h", "pkcs11"), reader("d", "fortanix")


def test_what_sops_can_open() -> None:
    assert set(NOT_IN_SOPS) == set(FOREIGN)
    assert policy((AGE, HSM)).sops_opens
    assert policy((AGE, HSM)).warnings == ()
    assert not policy((HSM, DSM)).sops_opens
    assert policy((HSM, DSM)).warnings == ("sops opens no file of e: it does not know h, d",)
    assert policy((AGE,), (AGE, HSM), (HSM,), need=2).sops_opens
    assert not policy((AGE,), (DSM,), (HSM,), need=2).sops_opens


CONFIG = """\
version: 1
sops-compatible: {how}
recipients: {{a: {{age: age1x}}, h: {{pkcs11: "pkcs11:token=t;object=o", kind: machine}}}}
environments:
  dev: {{files: [dev/*], readers: [a, h]}}
  prod:
    files: [prod/*]
    readers: [{prod}]
    rules: [{{files: [prod/x], readers: [{rule}]}}]
"""


@pytest.mark.parametrize(("prod", "rule", "line"), [("a, h", "h", 9), ("h", "h", 6)])
def test_required_that_sops_reads_what_it_cannot(prod: str, rule: str, line: int) -> None:
    config.parse(CONFIG.format(how="prefer", prod=prod, rule=rule))
    config.parse(CONFIG.format(how="require", prod="a, h", rule="a"))
    with pytest.raises(ConfigError, match="prod: sops does not know") as caught:
        config.parse(CONFIG.format(how="require", prod=prod, rule=rule))
    assert caught.value.line == line


def test_an_export_says_whom_it_leaves_out() -> None:
    exported = to_sops(config.parse(CONFIG.format(how="prefer", prod="h", rule="h")))
    assert "readers whose services sops does not have: h" in exported.lost
    assert "pkcs11" not in exported.text
    rules = sopsconfig.parse(exported.text, ".sops.yaml").rules
    assert [len(each.policy().recipients) for each in rules or ()] == [1, 0, 0]
