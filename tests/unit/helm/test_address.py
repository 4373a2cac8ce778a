"""How a values file is written."""

from __future__ import annotations

import pytest

from ksecrets.errors import UsageError
from ksecrets.helm.address import Address


@pytest.mark.parametrize(
    ("text", "file", "optional", "backend", "marked", "url"),
    [
        ("a", "a", False, "", False, False),
        ("?a", "a", True, "", False, False),
        ("secrets://a", "a", False, "", True, False),
        ("secrets://../a", "../a", False, "", True, False),
        ("secrets:///a b", "/a b", False, "", True, False),
        ("?secrets://?a", "a", True, "", True, False),
        ("secrets://?vals!a!b", "a!b", True, "vals", True, False),
        ("sops!a", "a", False, "sops", False, False),
        ("!sops!a", "sops!a", False, "", False, False),
        ("a!b", "a!b", False, "", False, False),
        ("other!b", "other!b", False, "", False, False),
        (" - ", "-", False, "", False, False),
        ("a?b", "a?b", False, "", False, False),
        ("1://a", "1://a", False, "", False, False),
        ("ä://a", "ä://a", False, "", False, False),
        ("C:\\a.yaml", "C:\\a.yaml", False, "", False, False),
        ("https://example.com/a?b=c", "https://example.com/a?b=c", False, "", False, True),
        ("secrets://https://example.com/a", "https://example.com/a", False, "", True, True),
        ("?https://example.com/a", "https://example.com/a", True, "", False, True),
        ("secrets+other://a", "secrets+other://a", False, "", False, True),
    ],
)
def test_prefixes(text: str, file: str, optional: bool, backend: str, marked: bool, url: bool) -> None:
    found = Address(text)
    assert (found.file, found.optional, found.backend) == (file, optional, backend)
    assert (found.marked, found.is_url, found.literal, found.key) == (marked, url, False, None)


@pytest.mark.parametrize(
    ("text", "service", "in_cluster", "where", "file", "optional"),
    [
        ("secrets+age-import://k.txt?a", "age", False, "k.txt", "a", False),
        ("secrets+gpg-import:///k.asc?a?b=c", "gpg", False, "/k.asc", "a?b=c", False),
        ("secrets+age-import://?k.txt?a", "age", False, "k.txt", "a", True),
        ("secrets+age-import://sops!k.txt?a", "age", False, "k.txt", "a", False),
        ("secrets+age-import-kubernetes://ns/name#key?a", "age", True, "ns/name#key", "a", False),
        (
            "secrets+gpg-import-kubernetes://name#key?git+https://x/y@a?ref=b",
            "gpg",
            True,
            "name#key",
            "git+https://x/y@a?ref=b",
            False,
        ),
    ],
)
def test_a_key_comes_along(text: str, service: str, in_cluster: bool, where: str, file: str, optional: bool) -> None:
    found = Address(text)
    assert found.key is not None
    assert (found.key.service, found.key.in_cluster, found.key.where) == (service, in_cluster, where)
    assert (found.file, found.optional, found.marked) == (file, optional, True)


@pytest.mark.parametrize("text", ["secrets+age-import://a", "secrets+gpg-import://?a", "secrets+age-import://k?"])
def test_a_key_without_a_file_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no key and file"):
        Address(text)


def test_a_literal_is_its_own_content_and_never_shown() -> None:
    found = Address("secrets+literal://vals!ref+echo://a!b?c#/d")
    assert (found.literal, found.backend, found.file) == (True, "vals", "ref+echo://a!b?c#/d")
    assert not found.is_url
    assert repr(found) == "<Address>"


def test_the_same_file_with_another_key_is_another_file() -> None:
    texts = ["a", "secrets://a", "vals!a", "secrets+age-import://k?a", "secrets+age-import://l?a"]
    assert len({Address(text).identity for text in [*texts, "secrets+literal://a"]}) == 5
