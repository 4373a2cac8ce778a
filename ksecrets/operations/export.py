"""config export: the configuration as another tool reads it."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.session import Session
from ksecrets.operations.wanted import NO_FILE
from ksecrets.rules import FILE
from ksecrets.rules.config import parse
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.rules.export import Exported


def export_sops(path: str = ".", *, session: Session | None = None) -> Exported:
    """The `.sops.yaml` that means the same as the `.ksecrets.yaml` around `path`, and what cannot be said there.

    Nothing is written. Raises ConfigError where there is no `.ksecrets.yaml`, or something in it has no form for sops.
    """
    from ksecrets.rules.export import to_sops

    session = session or Session()
    place = session.place(os.path.join(path, NO_FILE))
    refuse_vanished_rules(place, session)
    if place.rules is None or place.rules.kind != "ksecrets":
        raise ConfigError(f"there is no {FILE} here", hint="ksecrets init")
    return to_sops(parse(atomic.read(place.rules.file).text, FILE))
