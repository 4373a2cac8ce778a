"""What `check` found, as objects, as text for people and as data for programs. Never with a value."""

from __future__ import annotations

from ksecrets.operations.diffview import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.errors import KsecretsError

    Severity = Literal["error", "warning"]

CODES = {
    "config": "the configuration is broken, or does not say one thing about a file",
    "plaintext": "a file that must be encrypted is not",
    "half-decrypted": "values are plaintext where the rules want them encrypted",
    "not-yaml": "a file cannot be read as YAML",
    "conflict-markers": "git's conflict markers, or a merge that was not finished",
    "merge-pending": "a merge without a key, which nobody has sealed yet",
    "tampered": "a token, MAC, seal or the metadata does not hold",
    "readers": "the readers of the file are not those of the rules",
    "threshold": "the key groups are not those of the rules",
    "selector": "the file chooses other values than the rules",
    "environment": "the file was sealed for another environment",
    "path": "the file was sealed under another path",
    "same-data-key": "two files have one data key",
    "seal-missing": "the file has no seal (an error where one is required, or where git has a sealed version)",
    "sops-refuses": "sops could not read the file",
    "dialect": "Helm reads a value differently than sops and Flux do",
    "no-rule": "an encrypted file that no rule is about",
    "symlink": "a link that crosses environments",
    "no-key": "an identity that fits could not be used",
    "min-readers": "fewer readers than min-readers asks for",
    "one-reader": "one reader only: lose this key, lose the secrets",
    "pq-mixed": "post-quantum readers beside others: the weakest counts (harvest now, decrypt later)",
    "rotate-due": "a data key is older than rotate-after says",
    "git-setup": "this clone is not set up to show differences",
    "config-vanished": "a change takes the configuration away",
    "config-new": "a change brings a configuration where there was none",
    "config-nested": "a configuration below the top of the repository",
    "environment-added": "a change adds an environment",
    "environment-removed": "a change removes an environment",
    "environment-changed": "a file moved from one environment to another",
    "files-changed": "an environment has fewer files than before",
    "reader-added": "a change lets somebody read (by key, whatever the name)",
    "reader-removed": "a change takes a reader away",
    "encryption-lost": "files that had to be encrypted no longer have to be",
    "selector-changed": "a change chooses other values to be encrypted",
    "shares-changed": "a change makes other key groups, or needs another number of them",
    "seal-dropped": "an environment no longer requires a seal",
    "seal-lost": "a file that was sealed is not any more",
    "new-data-key": "a new file under a data key that nobody has vouched for",
    "replaced-data-key": "a file has another data key than before",
    "replay": "a file is older than the one that it replaces",
}
"""Every code and what it means; they are stable."""


class Finding:
    """One thing that is not as it should be. code: one of `CODES`. file: relative to the working folder.

    line: from 1, or None. path: of the value, or None. hint: the next step, or None.
    """

    __slots__ = ("code", "file", "hint", "line", "message", "path", "severity")

    def __init__(
        self,
        code: str,
        severity: Severity,
        file: str,
        message: str,
        *,
        line: int | None = None,
        path: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.code = code
        self.severity: Severity = severity
        self.file = file
        self.message = message
        self.line = line
        self.path = path
        self.hint = hint

    @classmethod
    def of(cls, error: KsecretsError, code: str, file: str) -> Finding:
        """An error as a finding."""
        return cls(
            code, "error", error.file or file, error.message, line=error.line, path=error.path or None, hint=error.hint
        )

    def __repr__(self) -> str:
        return f"<Finding {self.code} {self.severity} {self.file}:{self.line}>"


class Report:
    """The result of a check.

    findings: by file and line. files: how many were looked at. verified: how many were opened, MAC and seal held.
    unverified: the files that no identity at hand opens; all else about them was checked. scope: what was looked at,
    where that is a change and not the files themselves.
    """

    __slots__ = ("files", "findings", "scope", "unverified", "verified")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.files = 0
        self.verified = 0
        self.unverified: list[str] = []
        self.scope: str | None = None

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_json(self) -> dict[str, object]:
        """The report as data for `json`."""
        return {
            "ok": self.ok,
            **({"scope": self.scope} if self.scope is not None else {}),
            "files": self.files,
            "verified": self.verified,
            "unverified": list(self.unverified),
            "findings": [{name: getattr(finding, name) for name in _FIELDS} for finding in self.findings],
        }


_FIELDS = ("code", "severity", "file", "line", "path", "message", "hint")


def render(report: Report, color: bool = False) -> str:
    """The report as text: a line for each finding, its hint below, and a summary at the end."""
    lines = []
    for finding in report.findings:
        where = visible(finding.file) + (f":{finding.line}" if finding.line is not None else "")
        path = f"{finding.path}: " if finding.path else ""
        word: str = finding.severity
        if color:
            word = f"\x1b[{'31;1' if word == 'error' else '33'}m{word}\x1b[0m"
        lines.append(f"{where}: {word}: {path}{visible(finding.message)} [{finding.code}]")
        if finding.hint:
            lines.append(f"  hint: {visible(finding.hint)}")
    lines.append(_summary(report))
    return "\n".join(lines) + "\n"


def _summary(report: Report) -> str:
    parts = [_count(report.files, "file"), f"{report.verified} verified"]
    if report.scope is not None:
        parts = [f"{parts[0]} {report.scope}"]
    elif report.unverified:
        parts.append(f"{len(report.unverified)} not verified (no identity opens them)")
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    found = [_count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    return f"{', '.join(parts)}: {', '.join(found) or 'all in order'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
