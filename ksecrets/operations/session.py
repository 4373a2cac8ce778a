"""What one run of the program knows: identities, rules and data keys, each found once for all its files."""

from __future__ import annotations

import os

from ksecrets import keys
from ksecrets.envelope.wrap import reader_name, unwrap
from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.files import formats
from ksecrets.keys import LOCAL
from ksecrets.keys.identities import Identities, child_environment
from ksecrets.rules import load
from ksecrets.values.cipher import DataKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.envelope.recipient import Recipient
    from ksecrets.files.formats import Format
    from ksecrets.keys.remote import Access, RemoteKeys
    from ksecrets.operations.trust import Trust
    from ksecrets.repository.bulk import Bulk
    from ksecrets.repository.repository import Repository
    from ksecrets.rules.load import Rules
    from ksecrets.rules.policy import Policy, Reader

    Around = tuple[Rules | None, str | None]

STDIN = "-"
CONFIG = "SOPS_CONFIG"
_MARKS = (".ksecrets.yaml", ".sops.yaml", ".git")


class Place:
    """Where a file stands, and what is said about it there.

    path: as the user gave it, for messages. real: absolute, without symlinks; None for standard input.
    top: the top of the git working tree, or None outside of git. relative: the path below `top`, or outside of git
    below the folder of the rules, with `/`; None where there is neither. rules, policy: None where there are none.
    type: the name of the format that the user gave (``--input-type``), or None.
    """

    __slots__ = ("path", "policy", "real", "relative", "rules", "top", "type")

    def __init__(
        self,
        path: str,
        real: str | None = None,
        top: str | None = None,
        relative: str | None = None,
        rules: Rules | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.path = path
        self.real = real
        self.top = top
        self.relative = relative
        self.rules = rules
        self.policy = policy
        self.type: str | None = None

    def format(self, encrypted: str | None = None) -> Format:
        """The format of the file: its `type`, or by its name; encrypted: its text, for a name that says nothing."""
        return formats.by_name(self.type) if self.type is not None else formats.for_file(self.path, encrypted)

    def laid_out(self, format: Format) -> Format:
        """A format with the indentation that the rules want where lines are written anew."""
        indent = self.rules.indent(format.name) if self.rules is not None else None
        return format if indent is None else format.with_indent(indent)

    @property
    def environment(self) -> str | None:
        """The environment that the rules give the file."""
        return self.policy.environment if self.policy is not None else None

    def reader_name(self, service: str, fields: Mapping[str, str]) -> str:
        """A reader's name by the rules, or what identifies it."""
        return reader_name(service, dict(fields), self.rules.name_of if self.rules is not None else None)

    def names(self, readers: Iterable[Reader]) -> list[str]:
        """The names of readers, in their order."""
        return [self.reader_name(reader.service, reader.fields) for reader in readers]


class Session:
    """Identities, rules and unwrapped data keys of one run; use one session for many files.

    environ: where identities and settings are looked for (the process's environment by default).
    own_keys: remote keys (service, fields) that the user named on the command line, so that they may be asked.
    notes: remarks for the user, in the order in which they came up; to print them, ask `told`.
    Keeps keys in memory only, and shows nothing of them.
    """

    __slots__ = (
        "_access",
        "_failed",
        "_folders",
        "_identities",
        "_keys",
        "_places",
        "_refs",
        "_repositories",
        "_told",
        "_trusted",
        "environ",
        "notes",
        "own_keys",
    )

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.notes: list[str] = []
        self._told: set[str] = set()
        self._identities: Identities | None = None
        self._access: Access | None = None
        self._trusted: Trust | None = None
        self.own_keys: list[tuple[str, dict[str, str]]] = []
        self._keys: dict[tuple[str, ...], DataKey] = {}
        self._failed: dict[tuple[str, ...], KsecretsError] = {}
        self._folders: dict[str, Around] = {}
        self._places: dict[str, Place] | None = None
        self._repositories: dict[str, Repository] = {}
        self._refs: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return "Session(...)"

    def note(self, text: str, path: str | None = None) -> None:
        """Leave a remark, once."""
        remark = f"{path}: {text}" if path else text
        if remark not in self.notes:
            self.notes.append(remark)

    def told(self) -> list[str]:
        """The remarks so far, to be printed: each is given out once a run, however many files it came up for."""
        new = [remark for remark in self.notes if remark not in self._told]
        self._told.update(new)
        self.notes.clear()
        return new

    def child_environment(self) -> dict[str, str]:
        """The environment for a child (an editor, helm): without variables that carry or lead to an identity."""
        return child_environment(self.environ)

    def place(self, path: str) -> Place:
        """Where a path stands. The file need not exist. Raises ConfigError and RuleViolation."""
        if path == STDIN:
            return Place(path)
        if self._places is None:
            return self._place(path)
        found = self._places.get(path)
        if found is None:
            found = self._places[path] = self._place(path)
        return found

    def hold_places(self, hold: bool) -> None:
        """Whether what `place` says holds on: for a run over many files, during which no folder is moved and nobody
        changes the working folder."""
        self._places = (self._places or {}) if hold else None

    def _place(self, path: str) -> Place:
        real = os.path.realpath(path)
        folder = os.path.dirname(real)
        try:
            rules, top = self._around(folder)
            if rules is None:
                policy = None
            elif real == os.path.abspath(path):  # no link on the way: nothing that `policy_for` would have to compare
                below = rules.relative(real)
                policy = rules.policy(below) if below is not None else None
            else:
                policy = rules.policy_for(path)
        except KsecretsError as error:
            raise error.at(path) from None
        root = top or (rules.root if rules is not None else None)
        relative = None
        if root is not None and real.startswith(root.rstrip(os.sep) + os.sep):
            relative = real[len(root.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
        return Place(path, real, top, relative, rules, policy)

    def _around(self, folder: str) -> Around:
        """The rules of a folder and the top of its git working tree: those of the folder above, unless something
        stands here that changes them."""
        passed = []
        while folder not in self._folders:
            above = os.path.dirname(folder)
            if above == folder or any(os.path.lexists(os.path.join(folder, name)) for name in _MARKS):
                self._folders[folder] = load.find(folder, self.environ.get(CONFIG)), _top(folder)
                break
            passed.append(folder)
            folder = above
        found = self._folders[folder]
        for each in passed:
            self._folders[each] = found
        return found

    def rules_changed(self) -> None:
        """Read the rules anew when they are next asked for: this process wrote a configuration."""
        self._folders.clear()
        if self._places is not None:
            self._places.clear()

    def repository(self, place: Place) -> Repository | None:
        """The git repository that a file stands in, or None outside of git (or without git)."""
        if place.top is None:
            return None
        if place.top not in self._repositories:
            from ksecrets.repository.repository import Repository

            self._repositories[place.top] = Repository(place.top)
        return self._repositories[place.top]

    def in_bulk(self, place: Place) -> Bulk | None:
        """The repository of a file, from now on for questions about many files (repository/bulk.py)."""
        if place.top is None:
            return None
        from ksecrets.repository.bulk import Bulk

        found = self._repositories.get(place.top)
        if not isinstance(found, Bulk):
            found = self._repositories[place.top] = Bulk(place.top)
            self.trusted_ref(place)
        return found

    def trusted_ref(self, place: Place) -> str | None:
        """The ref whose contents are trusted in the file's repository (`Repository.trusted_ref`), or None."""
        repository = self.repository(place)
        if repository is None:
            return None
        if repository.top not in self._refs:
            self._refs[repository.top] = repository.trusted_ref()
        return self._refs[repository.top]

    def key_for(self, place: Place) -> Callable[[Metadata], DataKey]:
        """The function that gives the data key for a file's metadata, or raises NoIdentity."""

        def key(metadata: Metadata) -> DataKey:
            wrapped = _wrapped(metadata)
            found = self._keys.get(wrapped)
            if found is None:
                failed = self._failed.pop(wrapped, None)
                if failed is not None:
                    raise failed
                remote = () if all(s.service in LOCAL for s in metadata.stanzas) else self.remote_keys(place)
                name_of = place.rules.name_of if place.rules else None
                raw, _ = unwrap(metadata, self.identities, remote=remote, name_of=name_of)
                for note in self.identities.notes:
                    self.note(note)
                found = self._keys[wrapped] = DataKey(raw)
            return found

        return key

    @property
    def asks_services(self) -> bool:
        """Whether a key service was needed in this run."""
        return self._access is not None

    def open_ahead(self, paths: Sequence[str]) -> None:
        """Ask key services for the data keys of these files side by side (operations/ahead.py)."""
        from ksecrets.operations.ahead import open_ahead

        open_ahead(list(dict.fromkeys(paths)), self)

    def has_key(self, metadata: Metadata) -> bool:
        """Whether the data key of this metadata was opened in this run."""
        return _wrapped(metadata) in self._keys

    def keep_key(self, metadata: Metadata, raw: bytes) -> None:
        """Keep a data key that was opened elsewhere for this run. Raises ValueError for another length."""
        self._keys[_wrapped(metadata)] = DataKey(raw)

    def keep_failure(self, metadata: Metadata, error: KsecretsError) -> None:
        """Keep why a data key cannot be opened: the next who asks for it gets this, once, and nobody else is asked."""
        self._failed[_wrapped(metadata)] = error

    @property
    def identities(self) -> Identities:
        """The identities at hand."""
        if self._identities is None:
            self._identities = Identities.from_environment(self.environ)
        return self._identities

    def recipient(self, place: Place, service: str, fields: Mapping[str, str]) -> Recipient:
        """Somebody for whom a data key of the file is to be wrapped. Contacts nobody.

        Raises ConfigError for what is no recipient, and for a remote key that must not be asked (operations/trust.py).
        """
        found = keys.recipient(service, dict(fields), self.access if service not in LOCAL else None)
        if service not in LOCAL:
            from ksecrets.operations.trust import HINT

            reason = self._trust().refusal(place, service, found.identity_fields())
            if reason is not None:
                name = place.reader_name(service, found.identity_fields())
                raise ConfigError(f"the key of {name} is not asked, {reason}", file=place.path, hint=HINT)
        return found

    @property
    def access(self) -> Access:
        """How remote key services are reached, with the clients of this run."""
        if self._access is None:
            from ksecrets.keys.remote import Access

            self._access = Access(self.environ)
        return self._access

    def remote_keys(self, place: Place) -> RemoteKeys:
        """The remote keys that may be asked for the files of this place."""
        from ksecrets.keys.remote import RemoteKeys
        from ksecrets.operations.trust import HINT

        trust = self._trust()
        return RemoteKeys(self.access, lambda *key: trust.refusal(place, *key), keys.remote_key, HINT)

    def _trust(self) -> Trust:
        if self._trusted is None:
            from ksecrets.operations.trust import Trust

            self._trusted = Trust(self)
        return self._trusted


def _wrapped(metadata: Metadata) -> tuple[str, ...]:
    """What tells one data key from another before it is open: its wrapped copies."""
    return tuple(sorted(stanza.fields.get("enc", "") for stanza in metadata.stanzas))


def _top(folder: str) -> str | None:
    """The folder upwards that has a `.git` (a folder, or the file of a worktree or submodule); starts no process."""
    while True:
        if os.path.lexists(os.path.join(folder, ".git")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
