"""A repository that is asked about many files in one go: two processes of git in place of several a file."""

from __future__ import annotations

import os

from ksecrets.repository.batch import Batch
from ksecrets.repository.process import failed
from ksecrets.repository.repository import Repository

# A kid as our block has it, in either layout; as an extended regular expression of git's.
_KID = "kid[\"']?: *[\"']?[A-Za-z0-9_-]{22}"
_KID_LENGTH = 22


def first_seen_kids(repository: Repository) -> dict[str, int]:
    """Every data key's name in the history of HEAD, and when (seconds since 1970) the first commit with it was made."""
    import re

    if not repository.has_commit():
        return {}
    words = ["log", "-p", "-U0", "--format=%x00%ct", "-G", "kid[\"']?: ", "-E", "--no-renames", "-m", "--first-parent"]
    process = repository.start(*words, "--no-color", "--no-ext-diff", "--no-textconv", "--end-of-options", "HEAD")
    out, err = process.communicate()
    if process.returncode != 0:
        raise failed("log", err)
    found: dict[str, int] = {}
    pattern = re.compile(rb"^(?:\x00(\d+)$|\+.*?kid[\"']?: *[\"']?([A-Za-z0-9_-]{22}))", re.MULTILINE)
    time = 0
    for match in pattern.finditer(out):
        if match[1] is not None:
            time = int(match[1])
        else:
            kid = match[2].decode("ascii")
            found[kid] = min(found.get(kid, time), time)
    return found


class Bulk(Repository):
    """The answers of `Repository`, cheap when there are many questions.

    Blobs come from one `git cat-file --batch`. Which files hold a data key's name is looked up once, at the first
    question, for all of them: whoever acts on it looks at the file again (`operations.known` does).
    `rest` ends the process; the next question starts another one. Use it before a fork.
    """

    __slots__ = ("_batch", "_holders")

    def __init__(self, top: str) -> None:
        super().__init__(top)
        self._batch: Batch | None = None
        self._holders: dict[str, list[str]] | None = None

    def blob(self, spec: str) -> bytes | None:
        """As `Repository.blob`. What is staged is asked anew each time: the batch would know the index of its start."""
        if spec.startswith(":"):
            return super().blob(spec)
        if self._batch is None:
            self._batch = Batch(Repository(self.top))
        return self._batch.blob(spec)

    def files_with(self, word: str) -> list[str]:
        """As `Repository.files_with`, for the name of a data key as of the first question."""
        if len(word) != _KID_LENGTH:
            return super().files_with(word)
        self.prepare()
        assert self._holders is not None
        return self._holders.get(word, [])

    def prepare(self) -> None:
        """Look up now what would be looked up at the first question."""
        if self._holders is None:
            self._holders = self._all_holders()

    def rest(self) -> None:
        """End what runs."""
        if self._batch is not None:
            self._batch.close()
            self._batch = None

    def _all_holders(self) -> dict[str, list[str]]:
        words = [
            "grep",
            "-o",
            "-z",
            "-E",
            "-I",
            "--no-color",
            "--no-textconv",
            "--full-name",
            "--untracked",
            "-e",
            _KID,
        ]
        code, out, err = self._try(*words)
        if code > 1:
            raise failed("grep", err)
        found: dict[str, list[str]] = {}
        at = 0
        while at < len(out):  # NAME NUL MATCH LF; a name may hold line breaks, a match does not
            middle = out.index(b"\0", at)
            end = out.index(b"\n", middle)
            kid = out[end - _KID_LENGTH : end].decode("ascii")
            found.setdefault(kid, []).append(os.fsdecode(out[at:middle]))
            at = end + 1
        return {kid: sorted(set(names)) for kid, names in found.items()}
