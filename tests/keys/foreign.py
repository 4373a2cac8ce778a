"""What differs in the contract for services that sops does not have."""

from __future__ import annotations

from ksecrets.envelope.entries import SERVICES
from ksecrets.envelope.metadata import Extension, Metadata, identity_fields
from tests.keys.contract import KEY, ServiceContract


class ForeignContract(ServiceContract):
    """Their stanzas stand in our own block of the metadata, so there must be one."""

    def test_the_stanza_is_what_sops_stores(self) -> None:
        """It is not: sops has no such service. It is what `sops.ksecrets` stores, and sops's lists stay without it."""
        recipient, _ = self.pair()
        stanza = recipient.wrap(KEY)
        assert recipient.service == stanza.service == self.service
        needed = {name for name, kind in SERVICES[self.service].items() if kind == "needed"}
        assert needed <= set(stanza.fields) <= set(SERVICES[self.service])
        assert identity_fields(stanza) == recipient.identity_fields()
        metadata = Metadata(
            lastmodified="2026-11-21T09:52:25Z", mac="m", version="3", groups=((stanza,),), extension=Extension(kid="k")
        )
        assert self.service not in metadata.to_tree()
        assert Metadata.from_tree(metadata.to_tree()).stanzas == (stanza,)
