"""The environment under which git's drivers open files: what this machine has, and nobody is asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def local(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what could ask somebody: programs that fetch keys or passphrases, prompts (git calls
    a driver once for each file, under a pager), and the keyring, unless KSECRETS_KEYRING says that it is wanted. Keys
    on a network are left alone, unless KSECRETS_REMOTE_KEYS or git's configuration wants them (operations/trust.py).
    """
    kept = {name: value for name, value in environ.items() if not name.endswith(("_KEY_CMD", "_PASSPHRASE_CMD"))}
    kept["KSECRETS_PROMPT"] = "never"
    kept.setdefault("KSECRETS_KEYRING", "0")
    kept.setdefault("KSECRETS_REMOTE_KEYS", "in-git")
    return kept
