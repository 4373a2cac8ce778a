"""The places in which age identities are found: variables, files, commands, the keyring of the system.

`keys.identities` says which places there are, and in which order they are asked. A source that cannot be read, or a
line that is no identity, stops nobody: it is kept for the message that says what was tried.
"""

from __future__ import annotations

import os

from ksecrets.envelope.recipient import short_recipient
from ksecrets.errors import ConfigError
from ksecrets.keys.age import native
from ksecrets.keys.prompt import run_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ksecrets.keys.age.native import AgeIdentity
    from ksecrets.keys.prompt import Prompt

_LARGEST_FILE = 1 << 24


class Source:
    """One place where identities are found. found, problems: of what was read so far."""

    __slots__ = ("_prompt", "_read", "found", "problems", "ssh", "where")

    def __init__(self, where: str, prompt: Prompt | None = None, *, ssh: bool) -> None:
        self.where = where
        self._prompt = prompt
        self.ssh = ssh
        self.found: list[AgeIdentity] = []
        self.problems: list[ConfigError] = []
        self._read = False

    def identities(self, recipients: Sequence[str]) -> Iterator[AgeIdentity]:
        """The identities here; recipients: the age recipients of the file, for sources that can be asked for one."""
        if not self._read:
            self._read = True
            self._load()
        return iter(self.found)

    def _load(self) -> None:
        raise NotImplementedError

    def _problem(self, text: str) -> None:
        if all(problem.message != text for problem in self.problems):
            self.problems.append(ConfigError(text))

    def _parse(self, content: bytes, *, words: bool = False) -> list[AgeIdentity]:
        if self.ssh:
            try:
                return [native.parse_ssh_identity(content, self.where, self._prompt)]
            except ConfigError as error:
                self._problem(error.message)
                return []
        found, problems = read_identities(content, self.where, words=words, prompt=self._prompt)
        for problem in problems:
            self._problem(problem.message)
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.where}>"


class TextSource(Source):
    """A variable that holds the identities themselves, separated by any white space."""

    __slots__ = ("_text",)

    def __init__(self, text: str, where: str, prompt: Prompt | None) -> None:
        super().__init__(where, prompt, ssh=False)
        self._text = text

    def _load(self) -> None:
        self.found = self._parse(self._text.encode("utf-8", "replace"), words=True)
        if not self.found and not self.problems:
            self._problem(f"{self.where}: empty")


class FileSource(Source):
    """A file of age identities, or one ssh private key."""

    __slots__ = ("_notes", "_optional", "_path")

    def __init__(
        self, path: str, where: str, prompt: Prompt | None, *, ssh: bool, notes: list[str], optional: bool = False
    ) -> None:
        super().__init__(where, prompt, ssh=ssh)
        self._path = path
        self._notes = notes
        self._optional = optional

    def _load(self) -> None:
        try:
            content, mode = _read_file(self._path)
        except FileNotFoundError:
            if not self._optional:
                self._problem(f"{self.where}: no such file: {self._path}")
            return
        except OSError as error:
            self._problem(f"{self.where}: cannot be read: {error.strerror}")
            return
        if mode & 0o077 and os.name == "posix":
            self._notes.append(f"{self._path} can be read by others (mode {mode:04o}); chmod 600 it")
        self.found = self._parse(content)
        if not self.found and not self.problems:
            self._problem(f"{self.where}: no identities in it")


class CommandSource(Source):
    """A command that prints identities; asked for each recipient in turn until it gives one that fits."""

    __slots__ = ("_asked", "_command", "_environ")

    def __init__(
        self, where: str, command: str, environ: Mapping[str, str], prompt: Prompt | None, *, ssh: bool
    ) -> None:
        super().__init__(where, prompt, ssh=ssh)
        self._command = command
        self._environ = environ
        self._asked: set[str] = set()

    def identities(self, recipients: Sequence[str]) -> Iterator[AgeIdentity]:
        yield from list(self.found)
        # a command for age keys cannot help with an ssh recipient, nor the other way round
        wanted = [recipient for recipient in recipients if recipient.startswith("ssh-") == self.ssh]
        for recipient in wanted if recipients else [""]:
            if recipient not in self._asked:
                self._asked.add(recipient)
                known = {identity.public for identity in self.found if identity.public is not None}
                fresh = [identity for identity in self._run(recipient) if identity.public not in known]
                self.found += fresh
                yield from fresh

    def _run(self, recipient: str) -> list[AgeIdentity]:
        environ = dict(self._environ)
        if recipient:
            environ["SOPS_AGE_RECIPIENT"] = recipient
        try:
            printed = run_command(self.where, self._command, environ)
        except ConfigError as error:
            self._problem(error.message)
            return []
        found = self._parse(printed)
        if not found and not self.problems:
            self._problem(f"{self.where}: the command printed no identities")
        return found


class KeyringSource(Source):
    """The keyring of the system: asked for a recipient of the file that the marker names, or for each (`always`)."""

    __slots__ = ("_always", "_asked", "_listed", "_marker")

    def __init__(self, marker: str | None, *, always: bool) -> None:
        super().__init__("keyring", ssh=False)
        self._marker = marker
        self._always = always
        self._asked: set[str] = set()
        self._listed: frozenset[str] | None = None

    def identities(self, recipients: Sequence[str]) -> Iterator[AgeIdentity]:
        if self._listed is None:
            self._listed = self._read_marker()
        yield from list(self.found)
        for recipient in recipients or sorted(self._listed):
            wanted = recipient in self._listed or (self._always and recipient.startswith("age1"))
            if not wanted or recipient in self._asked:
                continue
            self._asked.add(recipient)
            from ksecrets.keys import keyring

            try:
                text = keyring.load(recipient)
                if text is None:
                    if recipient in self._listed:
                        self._problem(
                            f"keyring: it has lost the key of {short_recipient('age', {'recipient': recipient})}"
                        )
                    continue
                identity = native.parse_identity(text, self.where)
            except ConfigError as error:
                self._problem(error.message if error.message.startswith("keyring") else f"keyring: {error.message}")
                return
            self.found.append(identity)
            yield identity

    def _read_marker(self) -> frozenset[str]:
        try:
            content, _ = _read_file(self._marker or "")
        except OSError:
            return frozenset()
        lines = content.decode("utf-8", "replace").split()
        return frozenset(line for line in lines if line.startswith("age1"))


def read_identities(
    content: bytes, where: str, *, words: bool = False, prompt: Prompt | None = None
) -> tuple[list[AgeIdentity], list[ConfigError]]:
    """The identities of a text in the format of age's identity files, and what is wrong with the other lines.

    One a line (words: also several, separated by white space); empty lines and lines that start with `#` are
    skipped, CRLF and a BOM are read. where: what messages name; a line number is added for a file of lines.
    prompt: asked for the passphrase of a text that `age -p` encrypted.
    """
    if content.lstrip().startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE")):
        from ksecrets.keys.age.locked import open_file

        try:
            content = open_file(content, where, prompt)
        except ConfigError as error:
            return [], [error]
    if content.lstrip().startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in content:
        return [], [
            ConfigError(f"{where}: this is an ssh private key; name its file in KSECRETS_AGE_SSH_PRIVATE_KEY_FILE")
        ]
    found: list[AgeIdentity] = []
    problems: list[ConfigError] = []
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        place = where if words else f"{where}:{number}"
        for word in line.split() if words else [line]:
            try:
                found.append(native.parse_identity(word, place, prompt))
            except ConfigError as error:
                problems.append(error)
    return found, problems


def _read_file(path: str) -> tuple[bytes, int]:
    # the content, and the permission bits of an ordinary file (0 for a pipe such as <(...), which has none to speak of)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        chunks = []
        size = 0
        while chunk := os.read(descriptor, 1 << 16):
            chunks.append(chunk)
            size += len(chunk)
            if size > _LARGEST_FILE:
                raise OSError(27, "too large for a file of identities")
    finally:
        os.close(descriptor)
    return b"".join(chunks), mode & 0o777 if mode & 0o170000 == 0o100000 else 0
