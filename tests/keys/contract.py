"""What every key service promises; each subclasses `ServiceContract` and says how its recipients are made."""

from __future__ import annotations

import os

import pytest

from ksecrets import keys
from ksecrets.envelope.entries import SERVICES
from ksecrets.envelope.metadata import Metadata, identity_fields
from ksecrets.envelope.recipient import Identity, Recipient, Stanza
from ksecrets.errors import KsecretsError

KEY = bytes(range(32))


class ServiceContract:
    """Subclasses set `service` and give fresh pairs; `secret_of` is a text that must never be shown."""

    service: str

    def pair(self) -> tuple[Recipient, Identity]:
        """A new recipient and the identity that belongs to it."""
        raise NotImplementedError

    def secret_of(self, identity: Identity) -> str:
        """The secret of an identity, as text."""
        raise NotImplementedError

    def test_what_is_wrapped_is_opened(self) -> None:
        recipient, identity = self.pair()
        assert identity.unwrap([recipient.wrap(KEY)]) == KEY

    def test_a_share_is_wrapped_too(self) -> None:
        recipient, identity = self.pair()
        share = os.urandom(33)
        assert identity.unwrap([recipient.wrap(share)]) == share

    @pytest.mark.parametrize("length", [0, 1, 16, 31, 34, 64])
    def test_nothing_but_a_data_key_is_wrapped(self, length: int) -> None:
        recipient, _ = self.pair()
        with pytest.raises(ValueError, match="32 bytes"):
            recipient.wrap(bytes(length))

    def test_wrapping_twice_gives_two_stanzas_that_both_open(self) -> None:
        recipient, identity = self.pair()
        one, two = recipient.wrap(KEY), recipient.wrap(KEY)
        assert one.enc != two.enc
        assert identity.unwrap([one]) == identity.unwrap([two]) == KEY

    def test_an_identity_finds_its_stanza_among_others(self) -> None:
        recipient, identity = self.pair()
        others = [self.pair()[0].wrap(os.urandom(32)) for _ in range(2)]
        assert identity.unwrap([others[0], recipient.wrap(KEY), others[1]]) == KEY

    def test_a_wrong_identity_gives_none_and_no_error(self) -> None:
        recipient, _ = self.pair()
        _, other = self.pair()
        assert other.unwrap([recipient.wrap(KEY)]) is None
        assert other.unwrap([]) is None

    def test_stanzas_of_other_services_are_passed_over(self) -> None:
        _, identity = self.pair()
        other = next(name for name in SERVICES if name != self.service)
        assert identity.unwrap([Stanza(other, {"enc": "x"})]) is None

    def test_the_stanza_is_what_sops_stores(self) -> None:
        recipient, _ = self.pair()
        stanza = recipient.wrap(KEY)
        assert recipient.service == stanza.service == self.service
        needed = {name for name, kind in SERVICES[self.service].items() if kind == "needed"}
        assert needed <= set(stanza.fields) <= set(SERVICES[self.service])
        assert identity_fields(stanza) == recipient.identity_fields()
        metadata = Metadata(lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=((stanza,),))
        assert Metadata.from_tree(metadata.to_tree()).stanzas == (stanza,)

    def test_the_registry_makes_the_same_recipient_of_a_stanza(self) -> None:
        recipient, identity = self.pair()
        again = keys.recipient(self.service, recipient.wrap(KEY).fields)
        assert again.identity_fields() == recipient.identity_fields()
        assert identity.unwrap([again.wrap(KEY)]) == KEY
        assert self.service in keys.services()

    def test_nothing_shows_a_secret(self) -> None:
        recipient, identity = self.pair()
        stanza = recipient.wrap(KEY)
        secret = self.secret_of(identity)
        for thing in (recipient, identity, stanza):
            for shown in (repr(thing), str(thing)):
                assert secret not in shown
                assert KEY.hex() not in shown
        assert identity.where in repr(identity)

    @pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
    def test_a_damaged_stanza_is_none_or_a_clear_error(self, damage: str) -> None:
        recipient, identity = self.pair()
        stanza = recipient.wrap(KEY)
        enc = stanza.enc
        middle = len(enc) // 2
        broken = {
            "cut": enc[:middle],
            "flip": enc[:middle] + ("A" if enc[middle] != "A" else "B") + enc[middle + 1 :],
            "empty": "",
            "text": "not a wrapped key\n",
        }[damage]
        opened: bytes | None = None
        said = "damaged"
        try:
            opened = identity.unwrap([Stanza(self.service, {**stanza.fields, "enc": broken})])
        except KsecretsError as error:
            said = str(error)
        assert opened is None
        assert "damaged" in said
        assert self.secret_of(identity) not in said
