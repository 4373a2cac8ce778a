"""Another metadata block over the same values: to the byte what encrypting again gives, and nothing unverified."""

from __future__ import annotations

import re

import pytest

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Stanza
from ksecrets.errors import Tampered
from ksecrets.files.formats import by_name
from ksecrets.files.open import Opened
from ksecrets.files.relabel import Relabel
from ksecrets.values.cipher import DataKey
from tests.cases import cases
from tests.pipe import KEY, open_, seal

YAML = by_name("yaml")
READER = Stanza("age", {"recipient": "age1another", "enc": "-----BEGIN\nnothing\n"})
LATER = "2031-01-02T03:04:05Z"
PLAIN = "password: hunter2\nport_unencrypted: 1\n"


def _more(opened: Opened) -> Metadata:
    """What the file has, with another reader and another date."""
    (group,) = opened.metadata.groups
    return opened.metadata.replace(lastmodified=LATER, groups=((*group, READER),))


def _relabelled(text: str) -> str | None:
    relabel = Relabel(_more)
    relabel.open(text, data_key_for=lambda _: KEY, format=YAML)
    return relabel.text(relabel.metadata, YAML) if relabel.metadata is not None else None


def test_it_gives_what_encrypting_again_gives() -> None:
    done = 0
    for case in cases():
        if case.flags & {"refused", "refused-or-go"}:
            continue
        sealed = seal(case.text)
        text = _relabelled(sealed.text)
        if text is None:
            continue
        done += 1
        old = open_(sealed.text, keep_tokens=True)
        groups = _more(old).groups
        assert text == seal(case.text, old=old, lastmodified=LATER, groups=groups).text, case
        assert open_(text, require_seal=True).plaintext == case.text, case
    assert done > 200


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("password:", "passwort:"),
        ("port_unencrypted: 1", "port_unencrypted: 2"),
        ("port_unencrypted: 1", "port_unencrypted: '1'"),  # only the seal sees it
        ("environment: dev", "environment: prod"),
        ("recipient: age1qqqq", "recipient: age1mallory"),
    ],
)
def test_what_was_tampered_with_is_not_sealed_again(was: str, now: str) -> None:
    text = seal(PLAIN).text
    assert was in text
    with pytest.raises(Tampered):
        _relabelled(text.replace(was, now))


def test_a_planted_data_key_is_refused() -> None:
    relabel = Relabel(_more)
    with pytest.raises(Tampered):
        relabel.open(seal(PLAIN).text, data_key_for=lambda _: DataKey(bytes(32)), format=YAML)
    assert relabel.metadata is None


@pytest.mark.parametrize("behind", ["# a comment\n", "    # a comment\n", "...\n"])
def test_what_stands_behind_the_block_is_never_lost(behind: str) -> None:
    assert _relabelled(seal(PLAIN).text + behind) is None


def test_a_second_document_stays_behind_the_block() -> None:
    text = seal(PLAIN + "---\na: b\n").text
    assert _relabelled(text) is None
    assert _relabelled(seal("---\n" + PLAIN).text) is not None


def test_other_metadata_than_the_seal_counted_is_not_given_out() -> None:
    relabel = Relabel(_more)
    opened = relabel.open(seal(PLAIN).text, data_key_for=lambda _: KEY, format=YAML)
    assert relabel.metadata is not None
    assert relabel.text(relabel.metadata, YAML) is not None
    assert relabel.text(_more(opened).replace(lastmodified="2032-01-01T00:00:00Z"), YAML) is None


def test_a_file_without_a_seal_is_only_opened() -> None:
    unsealed = re.sub(r"    ksecrets:\n(        .*\n)+", "", seal(PLAIN).text)
    relabel = Relabel(_more)
    opened = relabel.open(unsealed, data_key_for=lambda _: KEY, format=YAML, keep_tokens=True)
    assert relabel.metadata is None
    assert opened.plaintext == PLAIN
    assert opened.tokens
    assert not opened.sealed
