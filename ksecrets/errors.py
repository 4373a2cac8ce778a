"""Every error that a user can meet: what happened, to which file and line, and what to do next.

The text of an error never holds a secret: messages name files, lines, paths of keys, readers and key
services, and nothing that was decrypted. `str(error)` is the whole message in the form that the
command line prints after ``error: ``::

    env/prod/secrets.yaml:12: db.password: not a token that ksecrets or sops writes
    hint: ...

The classes exist because callers act on them; each carries the exit code of docs/cli.md.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_BUG = 3
EXIT_NO_KEY = 4
EXIT_TAMPERED = 5
EXIT_CHECK = 6
EXIT_INTERRUPTED = 130


class KsecretsError(Exception):
    """A failure with a cause that the user can act on.

    message: what happened, lower case, no full stop, no secret.
    file, line, path: where; `line` counts from 1, `path` is written as ``a.b[0].c``.
    details: further lines, each ``name: text`` or free text, printed indented below the message.
    hint: the next step, one line.
    """

    exit_code = EXIT_FAILED

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        path: str | None = None,
        details: Iterable[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.path = path
        self.details = tuple(details)
        self.hint = hint

    def at(self, file: str) -> KsecretsError:
        """The same error, with the file's name filled in where it was not known; returns itself."""
        if self.file is None:
            self.file = file
        return self

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = self.file + (f":{self.line}" if self.line is not None else "") + ": "
        elif self.line is not None:
            where = f"line {self.line}: "
        if self.path:
            where += f"{self.path}: "
        lines = [where + self.message]
        lines += [f"  {detail}" for detail in self.details]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(KsecretsError):
    """The command line or an argument of the API makes no sense."""

    exit_code = EXIT_USAGE


class SyntaxRefused(KsecretsError):
    """The text is not what its format allows, or is on the closed list of refusals (docs/file-format.md)."""


class ConfigError(KsecretsError):
    """`.ksecrets.yaml` or `.sops.yaml` is wrong, missing, or says something else than is asked."""


class RuleViolation(KsecretsError):
    """A write would go against the configuration; nothing was written."""


class NotEncrypted(KsecretsError):
    """The file has no metadata block: it is plaintext."""


class AlreadyEncrypted(KsecretsError):
    """The file that was to be encrypted is encrypted."""


class NoSuchValue(KsecretsError):
    """Nothing stands at the path that was asked for."""


class NoIdentity(KsecretsError):
    """None of the identities at hand opens the data key. found_any: whether there was an identity at all."""

    exit_code = EXIT_NO_KEY
    found_any = True


class ServiceFailed(KsecretsError):
    """A key service could not be asked, or said no. Whether anything is wrong with the file is not known.

    reason: one word that callers and tests act on: `timeout`, `unreachable`, `cut` (the connection ended in the
    middle), `tls`, `throttled`, `unavailable` (the service says that it cannot now), `credentials` (none, or expired),
    `denied`, `missing` (no such key, region or mount), `disabled`, `refused` (the service does not take this for
    something that it wrapped), `answer` (what it said makes no sense), `wrong-key` (it gave another thing than a data
    key), `extra` (a package is not installed).
    again: the same question may be answered in a moment. lasting: no other file will fare better with this key.
    """

    AGAIN = frozenset(("timeout", "unreachable", "cut", "throttled", "unavailable"))
    LASTING = frozenset(("timeout", "unreachable", "tls", "throttled", "unavailable", "credentials", "extra"))

    def __init__(  # every argument but one has a default: errors travel between processes
        self, message: str, *, reason: str = "", hint: str | None = None, details: Iterable[str] = ()
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.reason = reason

    @property
    def again(self) -> bool:
        return self.reason in self.AGAIN

    @property
    def lasting(self) -> bool:
        return self.reason in self.LASTING


class Tampered(KsecretsError):
    """A token, MAC or seal does not hold. Nothing was printed or written."""

    exit_code = EXIT_TAMPERED


class CheckFailed(KsecretsError):
    """`check` found something."""

    exit_code = EXIT_CHECK
