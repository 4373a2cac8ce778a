"""Where identities are found: where sops looks, the same under our own name, and the keyring of the system.

Sources, in the order in which they are asked:

    KSECRETS_AGE_KEY, KSECRETS_AGE_KEY_FILE, KSECRETS_AGE_KEY_CMD
    SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD
    {KSECRETS,SOPS}_AGE_SSH_PRIVATE_KEY_FILE, {KSECRETS,SOPS}_AGE_SSH_PRIVATE_KEY_CMD, ~/.ssh/id_ed25519, ~/.ssh/id_rsa
    sops/age/keys.txt in the user's configuration folder
    the keyring of the system: with KSECRETS_KEYRING=1, or where keygen put a key there (=0: never)
    the user's gpg, for a file with PGP recipients

Files and ssh keys may be under a passphrase; `keys.prompt` asks for it when the key is needed.

None is read before the ones above it have nothing that fits, ssh keys are touched only for a file with ssh recipients,
and the other sources only for a file with others. A source that cannot be read, or a line that is no identity, stops
nobody: it is kept for the message that says what was tried. All of it comes from the user's own environment, never
from a file in a repository.

Commands are run as sops runs them (age/keysource.go): split into words, no shell, once for each recipient of the
file, which stands in SOPS_AGE_RECIPIENT, until one fits.
"""

from __future__ import annotations

import os
import sys

from ksecrets.envelope.recipient import short_recipient
from ksecrets.errors import ConfigError
from ksecrets.keys import age
from ksecrets.keys.prompt import COMMAND_VARIABLE, Prompt, run_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ksecrets.envelope.recipient import Identity, Stanza
    from ksecrets.keys.age import AgeIdentity
    from ksecrets.keys.pgp import PgpIdentity

PREFIXES = ("KSECRETS_", "SOPS_")
_KEYS = ("AGE_KEY", "AGE_KEY_FILE", "AGE_KEY_CMD")
_SSH_KEYS = ("AGE_SSH_PRIVATE_KEY_FILE", "AGE_SSH_PRIVATE_KEY_CMD")
VARIABLES = frozenset((*(prefix + name for prefix in PREFIXES for name in (*_KEYS, *_SSH_KEYS)), COMMAND_VARIABLE))
"""Every variable that holds an identity, or says where one is or how to get it."""
KEYRING_VARIABLE = "KSECRETS_KEYRING"

_LARGEST_FILE = 1 << 24


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child (Helm, an editor, git): all but the variables through which it could read secrets.

    KSECRETS_REQUIRE_SEAL and other settings stay.
    """
    return {name: value for name, value in environ.items() if name not in VARIABLES}


def config_folder(environ: Mapping[str, str]) -> str | None:
    """The user's configuration folder where sops (Go's os.UserConfigDir) has it, or None where there is none.

    $XDG_CONFIG_HOME, which macOS knows too, else ~/.config, ~/Library/Application Support, or %AppData%.
    """
    if sys.platform == "win32":
        return environ.get("AppData") or environ.get("APPDATA") or None
    xdg = environ.get("XDG_CONFIG_HOME", "")
    if xdg and (os.path.isabs(xdg) or sys.platform == "darwin"):
        return xdg
    home = environ.get("HOME", "")
    if not home:
        return None
    return os.path.join(home, "Library", "Application Support") if sys.platform == "darwin" else home + "/.config"


def keys_path(environ: Mapping[str, str]) -> str | None:
    """The default file of age identities, shared with sops."""
    folder = config_folder(environ)
    return os.path.join(folder, "sops", "age", "keys.txt") if folder else None


def keyring_marker(environ: Mapping[str, str]) -> str | None:
    """The file that lists the public halves of keys in the keyring, one a line; `keygen` writes it."""
    folder = config_folder(environ)
    return os.path.join(folder, "ksecrets", "keyring.txt") if folder else None


class Identities:
    """All identities at hand, found as they are needed; each source is read once.

    Iterating gives every age identity (and runs every command); `for_stanzas` is what opening a file uses.
    notes: remarks for stderr, such as a key file that others can read; grows as sources are read.
    """

    __slots__ = ("_gpg", "_gpg_of", "_sources", "notes")

    def __init__(
        self,
        sources: Sequence[Source],
        notes: list[str] | None = None,
        gpg_of: tuple[Mapping[str, str], Prompt] | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._gpg_of = gpg_of
        self._gpg: PgpIdentity | None = None
        self.notes = [] if notes is None else notes

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Identities:
        """The sources that this environment has. Nothing is read yet."""
        notes: list[str] = []
        prompt = Prompt(environ)
        home = environ.get("HOME", "")
        sources: list[Source] = []

        def add(name: str, *, ssh: bool) -> None:
            value = environ.get(name)
            if value is None:
                return
            if name.endswith("_CMD"):
                sources.append(CommandSource(name, value, environ, prompt, ssh=ssh))
            elif name.endswith("_FILE"):
                path = home + value[1:] if home and value.startswith("~/") else value
                sources.append(FileSource(path, name, prompt, ssh=ssh, notes=notes))
            else:
                sources.append(TextSource(value, name, prompt))

        for prefix in PREFIXES:
            for name in _KEYS:
                add(prefix + name, ssh=False)
        for name in _SSH_KEYS:
            for prefix in PREFIXES:
                add(prefix + name, ssh=True)
        if home:
            for name in ("id_ed25519", "id_rsa"):
                path = os.path.join(home, ".ssh", name)
                sources.append(FileSource(path, _tilde(path, home), prompt, ssh=True, notes=notes, optional=True))
        path = keys_path(environ) or ""
        if path:
            sources.append(FileSource(path, _tilde(path, home), prompt, ssh=False, notes=notes, optional=True))
        if environ.get(KEYRING_VARIABLE) != "0":
            sources.append(
                KeyringSource(keyring_marker(environ), always=environ.get(KEYRING_VARIABLE, "") not in ("", "0"))
            )
        return cls(sources, notes, (environ, prompt))

    def __iter__(self) -> Iterator[AgeIdentity]:
        for source in self._sources:
            yield from source.identities([])

    def for_stanzas(self, stanzas: Sequence[Stanza]) -> Iterator[Identity]:
        """The identities that some stanza is labelled for, source by source, read only as far as it is asked.

        An identity that hides its recipient (an RSA key in a PEM file) is given where its kind fits.
        """
        recipients = [stanza.fields.get("recipient", "") for stanza in stanzas if stanza.service == age.SERVICE]
        kinds = {recipient.startswith("ssh-") for recipient in recipients}
        for source in self._sources:
            if source.ssh not in kinds:
                continue
            for identity in source.identities(recipients):
                if any(identity.fits(stanza) for stanza in stanzas):
                    yield identity
        if self._gpg_of is not None and any(stanza.service == "pgp" for stanza in stanzas):
            if self._gpg is None:
                from ksecrets.keys.pgp import PgpIdentity

                self._gpg = PgpIdentity(*self._gpg_of)
            yield self._gpg

    def describe(self, name_of: Callable[[str, dict[str, str]], str | None] | None = None) -> list[str]:
        """What was read so far, for messages: `KSECRETS_AGE_KEY (ci-dev)`, `~/.ssh/id_rsa: has a passphrase`.

        name_of: the name of a recipient (service, identity fields), or None. Only names of sources and public
        halves, never an identity. Optional files that do not exist are left out.
        """
        tried = []
        for source in self._sources:
            for identity in source.found:
                text = identity.where
                if identity.public is not None:
                    fields = {"recipient": identity.public}
                    name = name_of("age", fields) if name_of is not None else None
                    text += f" ({name or short_recipient('age', fields)})"
                tried.append(text)
            tried += [problem.message for problem in source.problems]
        if self._gpg is not None:
            tried.append(f"{self._gpg.where} (PGP)")
        return tried

    @property
    def problems(self) -> list[ConfigError]:
        """What is wrong with the sources that were read, with file and line, never their content."""
        return [problem for source in self._sources for problem in source.problems]

    def __repr__(self) -> str:
        return f"<Identities {len(self._sources)} sources>"


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
                return [age.parse_ssh_identity(content, self.where, self._prompt)]
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
                identity = age.parse_identity(text, self.where)
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
        from ksecrets.keys.locked import open_file

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
                found.append(age.parse_identity(word, place, prompt))
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


def _tilde(path: str, home: str) -> str:
    return "~" + path[len(home) :] if home and path.startswith(home + os.sep) else path
