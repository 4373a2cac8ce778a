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
from ksecrets.keys.age.sources import CommandSource, FileSource, KeyringSource, TextSource
from ksecrets.keys.prompt import COMMAND_VARIABLE, Prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ksecrets.envelope.recipient import Identity, Stanza
    from ksecrets.keys.age.native import AgeIdentity
    from ksecrets.keys.age.sources import Source
    from ksecrets.keys.pgp import PgpIdentity

PREFIXES = ("KSECRETS_", "SOPS_")
_KEYS = ("AGE_KEY", "AGE_KEY_FILE", "AGE_KEY_CMD")
_SSH_KEYS = ("AGE_SSH_PRIVATE_KEY_FILE", "AGE_SSH_PRIVATE_KEY_CMD")
_REMOTE = ("KSECRETS_PKCS11_PIN", "FORTANIX_API_KEY")
VARIABLES = frozenset(
    (*(prefix + name for prefix in PREFIXES for name in (*_KEYS, *_SSH_KEYS)), COMMAND_VARIABLE, *_REMOTE)
)
"""Every variable that holds an identity, or says where one is or how to get it."""
KEYRING_VARIABLE = "KSECRETS_KEYRING"
HIDE_VARIABLE = "KSECRETS_HIDE"
"""Further variables that no child gets: names with spaces, `AWS_*` for all that begin so."""


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child (Helm, an editor): all but the variables through which it could read secrets.

    Those of the clouds and of Vault are logins for more than keys, and kubectl and Helm's plugins live on them: they
    stay, unless KSECRETS_HIDE names them. KSECRETS_REQUIRE_SEAL and other settings stay.
    """
    names, beginnings = set(VARIABLES), []
    for word in environ.get(HIDE_VARIABLE, "").split():
        if word.endswith("*") and word != "*":
            beginnings.append(word[:-1])
        names.add(word)
    hidden = tuple(beginnings)
    return {name: value for name, value in environ.items() if name not in names and not name.startswith(hidden)}


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
        recipients = [stanza.fields.get("recipient", "") for stanza in stanzas if stanza.service == "age"]
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


def _tilde(path: str, home: str) -> str:
    return "~" + path[len(home) :] if home and path.startswith(home + os.sep) else path
