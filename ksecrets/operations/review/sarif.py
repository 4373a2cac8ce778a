"""Findings as SARIF 2.1.0 (OASIS), which code hosts show at the line that they are about."""

from __future__ import annotations

from ksecrets._version import __version__
from ksecrets.operations.diffview import visible
from ksecrets.operations.findings import CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.findings import Finding, Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(report: Report) -> dict[str, object]:
    """A report as the data of a SARIF log with one run. Paths are those of the findings, as relative references."""
    used = sorted({finding.code for finding in report.findings})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ksecrets",
                        "version": __version__,
                        "rules": [{"id": code, "shortDescription": {"text": CODES[code]}} for code in used],
                    }
                },
                "results": [_result(finding, used.index(finding.code)) for finding in report.findings],
            }
        ],
    }


def _result(finding: Finding, index: int) -> dict[str, object]:
    text = (f"{finding.path}: " if finding.path else "") + finding.message
    if finding.hint:
        text += f"\nhint: {finding.hint}"
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": "\n".join(visible(line) for line in text.split("\n"))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.file)},
                    "region": {"startLine": finding.line or 1},
                }
            }
        ],
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.encode("utf-8", "surrogateescape"), safe="/")
