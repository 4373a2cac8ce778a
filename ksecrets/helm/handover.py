"""The handover to Helm: that of `storage.handover`, with the hint for a Helm that is not there."""

from __future__ import annotations

from ksecrets.storage import handover


class Handover(handover.Handover):
    """Gives files to Helm, then becomes Helm."""

    __slots__ = ()

    missing = "set HELM_BIN to the path of Helm"

    def __enter__(self) -> Handover:
        return self
