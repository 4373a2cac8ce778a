"""Which entries of metadata are the same reader."""

from __future__ import annotations

from ksecrets.rules.policy import Reader, identity

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
