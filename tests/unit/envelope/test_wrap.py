"""Who opens a data key, and what is said when nobody does. With key services made of paper."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Stanza, check_length, short_recipient
from ksecrets.envelope.wrap import unwrap, wrap, wrap_groups
from ksecrets.errors import ConfigError, NoIdentity, Tampered

KEY = bytes(range(32))
LONG = "age1494dxhqw8q57gzggrcjdqrdhyr7x2ydmgh3kdcr7n7w3q3kns56s8v5kqs"


class Paper:
    """Recipient and identity in one: the wrapped key is the key in hex."""

    service = "age"

    def __init__(self, name: str) -> None:
        self.where = f"KEY_{name}"
        self.public: str | None = name
        self.asked = 0

    def identity_fields(self) -> dict[str, str]:
        return {"recipient": self.public or ""}

    def wrap(self, data_key: bytes) -> Stanza:
        return Stanza("age", {"recipient": self.public or "", "enc": check_length(data_key).hex()})

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        self.asked += 1
        for stanza in stanzas:
            if stanza.fields["recipient"] == self.public:
                return bytes.fromhex(stanza.enc)
        return None


class Torn(Paper):
    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        raise Tampered("torn")


def metadata(*groups: Sequence[Stanza], threshold: int = 0) -> Metadata:
    return Metadata(
        lastmodified="2026-11-21T09:52:25Z",
        mac="m",
        version="3.13.3",
        groups=tuple(tuple(group) for group in groups),
        shamir_threshold=threshold,
    )


def test_the_first_identity_that_fits_opens_it_and_later_ones_are_not_asked() -> None:
    a, b, c = Paper("a"), Paper("b"), Paper("c")
    opened = unwrap(metadata(wrap(KEY, [b, c])), [a, b, c])
    assert opened == (KEY, b)
    assert (a.asked, b.asked, c.asked) == (1, 1, 0)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_data_keys_are_wrapped(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(bytes(length), [Paper("a")])


def test_nobody_is_no_recipient() -> None:
    with pytest.raises(ValueError, match="no recipients"):
        wrap(KEY, [])


def test_nobody_opens_it() -> None:
    stanzas = wrap(KEY, [Paper("age1alice"), Paper(LONG), Paper("ssh-ed25519 AAAAxyzw12345678 bob@home")])
    names = {"age1alice": "alice"}
    with pytest.raises(NoIdentity) as caught:
        unwrap(metadata(stanzas), [Paper("x")], name_of=lambda service, fields: names.get(fields["recipient"]))
    assert str(caught.value) == (
        "no identity opens it\n"
        "  readers: alice, age1494dxhqw...5kqs, ssh-ed25519 bob@home\n"
        "  tried:   KEY_x\n"
        "hint: use the identity of one of the readers"
    )
    assert caught.value.exit_code == 4


def test_nothing_was_there_to_try() -> None:
    with pytest.raises(NoIdentity) as caught:
        unwrap(metadata(wrap(KEY, [Paper("a")])), [])
    assert "  tried:   nothing, no identity was found" in str(caught.value)
    assert "KSECRETS_AGE_KEY" in str(caught.value.hint)


def test_a_damaged_stanza_stops_nobody_else_and_is_what_is_said_in_the_end() -> None:
    a = Paper("a")
    file = metadata(wrap(KEY, [a]))
    assert unwrap(file, [Torn("a"), a])[0] == KEY
    with pytest.raises(Tampered, match="torn"):
        unwrap(file, [Torn("a"), Paper("b")])


def test_a_key_of_another_length_is_never_given_out() -> None:
    for wrong in (b"x" * 31, b"x" * 33, b""):
        file = metadata([Stanza("age", {"recipient": "a", "enc": wrong.hex()})])
        with pytest.raises(Tampered, match=f"{len(wrong)} bytes instead of 32"):
            unwrap(file, [Paper("a")])


def test_identities_that_choose_for_themselves_are_let() -> None:
    class Choosing:
        def __iter__(self) -> Iterator[Paper]:
            raise AssertionError("must be asked for the fitting ones")

        def for_stanzas(self, stanzas: Sequence[Stanza]) -> Iterator[Paper]:
            return iter([Paper(stanzas[0].fields["recipient"])])

    assert unwrap(metadata(wrap(KEY, [Paper("a")])), Choosing())[0] == KEY


def test_key_groups() -> None:
    people = [Paper(name) for name in "abcd"]
    a, b, c, d = people
    groups = wrap_groups(KEY, [[a, b], [c], [d]], 2)
    assert [len(group) for group in groups] == [2, 1, 1]
    assert groups[0][0].enc == groups[0][1].enc
    file = metadata(*groups, threshold=2)
    assert unwrap(file, [a, d])[0] == KEY
    assert unwrap(file, [c, b])[0] == KEY
    assert unwrap(file, people)[0] == KEY
    with pytest.raises(NoIdentity, match="1 of 2 key groups"):
        unwrap(file, [a, b])
    # no threshold in the file: all of them
    assert unwrap(metadata(*wrap_groups(KEY, [[a], [b]], 2)), [a, b])[0] == KEY
    with pytest.raises(NoIdentity, match="2 of 3 key groups"):
        unwrap(metadata(*wrap_groups(KEY, [[a], [b], [c]], 2)), [a, b])


def test_one_group_is_wrapped_without_shares() -> None:
    assert wrap_groups(KEY, [[Paper("a")]], 1)[0][0].enc == KEY.hex()


def test_key_groups_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="without recipients"):
        wrap_groups(KEY, [[Paper("a")], []], 2)
    with pytest.raises(ValueError, match="cannot split"):
        wrap_groups(KEY, [[Paper("a")], [Paper("b")]], 1)
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_groups(os.urandom(33), [[Paper("a")], [Paper("b")]], 2)


@pytest.mark.parametrize(
    ("service", "fields", "shown"),
    [
        ("age", {"recipient": "age1short"}, "age1short"),
        ("age", {"recipient": LONG}, "age1494dxhqw...5kqs"),
        ("age", {"recipient": "ssh-rsa AAAAB3NzaC1yc2EAAAA"}, "ssh-rsa ...yc2EAAAA"),
        ("age", {"recipient": "ssh-rsa AAAA a\x1b[2Jb"}, "ssh-rsa a?[2Jb"),
        ("kms", {"arn": "arn:x", "role": "r"}, "kms arn:x"),
        ("hc_vault", {"vault_address": "https://v", "engine_path": "t", "key_name": "k"}, "hc_vault https://v/t/k"),
    ],
)
def test_recipients_without_a_name(service: str, fields: dict[str, str], shown: str) -> None:
    assert short_recipient(service, fields) == shown


def test_config_errors_of_an_identity_are_kept_too() -> None:
    class Locked(Paper):
        def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
            raise ConfigError("locked")

    with pytest.raises(ConfigError, match="locked"):
        unwrap(metadata(wrap(KEY, [Paper("a")])), [Locked("a")])
