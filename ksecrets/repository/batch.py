"""Many blobs from one process of git, one question after the other."""

from __future__ import annotations

import os

from ksecrets.repository.process import failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from types import TracebackType

    from ksecrets.errors import KsecretsError
    from ksecrets.repository.repository import Repository


class Batch:
    """One `git cat-file --batch` process. It reads the index once, so it is for a moment, not for a session."""

    __slots__ = ("_process", "_repository")

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._process: Popen[bytes] | None = None

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def blob(self, spec: str) -> bytes | None:
        """As `Repository.blob`."""
        if not spec or "\n" in spec or "\0" in spec:  # the protocol has one request a line
            return self._repository.blob(spec)
        if self._process is None:
            self._process = self._repository.start("cat-file", "--batch")
        process = self._process
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018 (both are pipes)
        try:
            process.stdin.write(os.fsencode(spec) + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise self._died()
        # `ID TYPE SIZE`, or `SPEC missing` and the like; an answer of three words can be either.
        words = answer.rstrip(b"\n").rsplit(b" ", 2)
        if len(words) != 3 or not words[2].isdigit() or words[1] not in (b"blob", b"tree", b"commit", b"tag"):
            return None
        size = int(words[2])
        content = process.stdout.read(size + 1)
        if len(content) != size + 1:
            raise self._died()
        return content[:-1] if words[1] == b"blob" else None

    def close(self) -> None:
        """End the process; a later `blob` starts another one."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def _died(self) -> KsecretsError:
        process, self._process = self._process, None
        err = process.communicate()[1] if process is not None else b""
        return failed("cat-file", err)
