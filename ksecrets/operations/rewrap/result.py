"""What came of updatekeys and rotate over many files."""

from __future__ import annotations

from ksecrets.errors import EXIT_INTERRUPTED, EXIT_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ksecrets.errors import KsecretsError

    Status = Literal["changed", "planned", "unchanged", "plaintext", "failed"]


class FileResult:
    """What came of one file.

    status: `changed` (and written), `planned` (it would be: a dry run), `unchanged`, `plaintext` (no metadata block),
    or `failed` (nothing was written; `error` says why). environment: by the rules. values: how many are encrypted, 0
    where the file was not opened. readers: by name, as the rules have them. added, removed: readers by name, against
    what the file had. new_key: it has a new data key, or will have one; reason: why. other: what else is brought in
    line with the rules. notes: remarks that came up.
    """

    __slots__ = (
        "added",
        "environment",
        "error",
        "new_key",
        "notes",
        "other",
        "path",
        "readers",
        "reason",
        "removed",
        "status",
        "values",
    )

    def __init__(self, path: str, status: Status, environment: str | None = None) -> None:
        self.path = path
        self.status: Status = status
        self.environment = environment
        self.values = 0
        self.readers: list[str] = []
        self.added: list[str] = []
        self.removed: list[str] = []
        self.new_key = False
        self.reason: str | None = None
        self.other: list[str] = []
        self.notes: list[str] = []
        self.error: KsecretsError | None = None

    def to_json(self) -> dict[str, object]:
        """The result as data; never with a value."""
        data: dict[str, object] = {
            "path": self.path,
            "status": self.status,
            "environment": self.environment,
            "readers": self.readers,
            "added": self.added,
            "removed": self.removed,
            "new_data_key": self.new_key,
            "reason": self.reason,
            "other": self.other,
        }
        if self.error is not None:
            error = self.error
            data["error"] = {
                "message": error.message,
                "line": error.line,
                "details": list(error.details),
                "hint": error.hint,
                "exit_code": error.exit_code,
            }
        return data

    def __repr__(self) -> str:
        return f"<FileResult {self.status} {self.path}>"


class TreeReport:
    """All files, in the order of their selection. interrupted: Ctrl-C came first; `left` files were not looked at."""

    __slots__ = ("dry_run", "files", "interrupted", "left")

    def __init__(self, *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.files: list[FileResult] = []
        self.interrupted = False
        self.left = 0

    def of(self, *statuses: Status) -> list[FileResult]:
        """The files that ended so."""
        return [result for result in self.files if result.status in statuses]

    @property
    def exit_code(self) -> int:
        """0, that of an interrupt, or that of the first failure."""
        if self.interrupted:
            return EXIT_INTERRUPTED
        failed = self.of("failed")
        return failed[0].error.exit_code if failed and failed[0].error is not None else EXIT_OK

    def to_json(self) -> dict[str, object]:
        """The report as data; stable names, never with a value."""
        return {
            "dry_run": self.dry_run,
            "interrupted": self.interrupted,
            "left": self.left,
            "changed": len(self.of("changed")),
            "planned": len(self.of("planned")),
            "unchanged": len(self.of("unchanged")),
            "plaintext": len(self.of("plaintext")),
            "failed": len(self.of("failed")),
            "files": [result.to_json() for result in self.files],
        }
