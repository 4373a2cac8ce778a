"""What `doctor` finds, and every code that it has for it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.findings import Severity

CODES = {
    "config": "there is no configuration, or it cannot be read",
    "no-identity": "no private key was found",
    "identity": "a place where a private key should be has none that can be used",
    "key-mode": "a file with private keys can be read by others",
    "key-folder": "others can put another file in the place of one with private keys",
    "file-mode": "others can write what only its owner should, or its owner cannot",
    "clock": "something was written later than now",
    "opens-nothing": "a private key opens no file here",
    "git": "this is not a git repository",
    "drivers": "git of this clone does not show or merge encrypted files",
    "attributes": ".gitattributes does not name the encrypted files",
    "filter": "plaintext working copies are half set up",
    "left-behind": "a temporary file of a write that was killed",
    "helm-plugin": "another Helm plugin stands in the way",
    "helm-cache": "Helm cannot write to its cache folder",
    "helm-variable": "a variable of helm-secrets changes nothing here",
}
"""Every code and what it means; they are stable."""


class Trouble:
    """One thing that does not work. code: one of `CODES`. fix: the command that repairs it, or what else to do."""

    __slots__ = ("code", "fix", "message", "severity")

    def __init__(self, code: str, severity: Severity, message: str, fix: str) -> None:
        self.code = code
        self.severity: Severity = severity
        self.message = message
        self.fix = fix

    def to_json(self) -> dict[str, str]:
        """As data for `json`."""
        return {"code": self.code, "severity": self.severity, "message": self.message, "fix": self.fix}

    def __repr__(self) -> str:
        return f"<Trouble {self.code}>"
