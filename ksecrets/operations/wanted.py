"""Which files are looked at without being named, and what it means that one of them is plaintext.

Shared by all who go through many files: `check` in the working tree and between revisions, `guard`, `updatekeys`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.findings import Severity
    from ksecrets.operations.session import Place

YAML = (".yaml", ".yml")
"""How the names of files end that can be secrets files without a rule of their own."""

NO_FILE = "ksecrets: a path that no file has"
"""Asked for in place of a file, to learn what rules there are, and which of them match everything."""


class Wanted:
    """What plaintext files are, for one set of rules."""

    __slots__ = ("_catch_all",)

    def __init__(self) -> None:
        self._catch_all: dict[str, bool] = {}

    def plaintext(self, place: Place) -> Severity | None:
        """What a plaintext file at this place is: an error, a warning, or nothing to be said.

        The rules of a `.sops.yaml` say how to encrypt, not what; but one with a `path_regex` is likely to mean it.
        """
        if place.environment is not None:
            return "error"
        if place.policy is None or place.rules is None or not place.path.endswith(YAML):
            return None
        source = place.policy.source
        if source not in self._catch_all:
            other = place.rules.policy(NO_FILE)
            self._catch_all[source] = other is not None and other.source == source
        return None if self._catch_all[source] else "warning"
