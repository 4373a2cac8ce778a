"""Plaintext working copies: what goes into git is encrypted on the way in (clean), and opened on the way out (smudge).

For those who asked for it. What is to be encrypted is for the configuration to say, never for the looks of a file
(docs/threat-model.md). The same plaintext gives the same bytes: the version that git has, where nothing has changed,
and its tokens and its data key, where something has. So `git status` is quiet.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError, NoIdentity, NotEncrypted, RuleViolation, SyntaxRefused, Tampered
from ksecrets.files.open import open_text, read_metadata
from ksecrets.operations.inspect import inspect
from ksecrets.operations.known import identities_of
from ksecrets.operations.reading import Reading, check_environment, conflict_line, looks_encrypted, open_file
from ksecrets.operations.session import Session
from ksecrets.operations.writing import seal_file
from ksecrets.repository.repository import Repository, top_level
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ksecrets.files.open import Opened
    from ksecrets.operations.session import Place

LARGEST = 1 << 26  # bytes; as for git's textconv
_CONFIGURATIONS = (".ksecrets.yaml", ".sops.yaml")


class WorkingCopy:
    """The files of one working tree, for the length of one command of git. Paths are relative to its top.

    What it keeps in memory: data keys, and what it made of a plaintext, so that git, which may ask twice, gets the
    same bytes twice. Rules and git's index are read anew whenever their files change.
    """

    __slots__ = ("_batch", "_environ", "_index", "_made", "_repository", "_rules", "_session")

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises KsecretsError outside of a repository. The working folder becomes its top."""
        top = top_level(".")
        if top is None:
            raise KsecretsError("is not in a git repository")
        os.chdir(top)
        self._environ = environ
        self._repository = Repository(top)
        self._batch = self._repository.batch()
        self._index: object = None
        self._rules: object = None
        self._session = Session(environ)
        self._made: dict[tuple[str, str], str] = {}

    def told(self) -> list[str]:
        """Remarks for the user, each once."""
        return self._session.told()

    def clean(self, path: str, raw: bytes) -> bytes:
        """What git stores for a file of the working tree: encrypted, where the rules or git's own version say so.

        Raises KsecretsError: then nothing must be stored.
        """
        place = self._place(path)
        versions = self._versions(path)
        if raw in versions:
            return raw
        encrypted = [version for version in versions if looks_encrypted(version.decode("utf-8", "replace"))]
        if place.environment is None:
            if not encrypted:
                return raw
            if place.policy is None:
                raise RuleViolation(
                    "is encrypted in git, and no rule says any more who reads it",
                    file=path,
                    hint="restore the rule; git rm --cached, where it is really to be plaintext",
                )
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise SyntaxRefused("is not UTF-8", file=path) from None
        if looks_encrypted(text) or conflict_line(text) is not None:
            return self._as_it_is(place, text, raw)
        made = self._made.get((path, text))
        if made is None:
            made = self._made[path, text] = self._sealed(place, text, encrypted)
        return made.encode("utf-8")

    def smudge(self, path: str, raw: bytes) -> bytes:
        """What stands in the working tree for a version of git: plaintext for those with the key. Never raises.

        A file without a seal stays encrypted: nobody could say whether the same bytes would come back.
        """
        if b"sops" not in raw or len(raw) > LARGEST:
            return raw
        note = None
        try:
            place = self._place(path)
            opened = open_file(Reading(place, raw.decode("utf-8"), None), self._session, unsealed=True)
            if opened.sealed:
                return opened.plaintext.encode("utf-8", "surrogateescape")
            note = "has no seal"
        except NotEncrypted:
            pass
        except NoIdentity:
            self._session.note("files that your keys do not open stay encrypted")
        except (KsecretsError, UnicodeDecodeError) as error:
            note = error.message if isinstance(error, KsecretsError) else "is not UTF-8"
        if note is not None:
            self._session.note(f"stays encrypted: {note}", path)
        return raw

    def _sealed(self, place: Place, text: str, versions: list[bytes]) -> str:
        previous: Opened | None = None
        for version in versions:
            try:
                opened = open_text(
                    version.decode("utf-8"),
                    data_key_for=self._session.key_for(place),
                    format=place.format(text),
                    keep_tokens=True,
                )
                check_environment(opened.metadata, place, self._session)
            except NoIdentity:
                continue
            except (KsecretsError, UnicodeDecodeError) as error:
                why = error.message if isinstance(error, KsecretsError) else "is not UTF-8"
                self._session.note(f"a version in git is not used: {why}", place.path)
                continue
            if opened.sealed and opened.plaintext == text:
                return opened.text
            previous = previous or opened
        if versions and previous is None:
            raise NoIdentity(
                "is encrypted in git, and no identity opens it: what is in it would be replaced",
                file=place.path,
                hint=f"git checkout -- {place.path}; or encrypt it on purpose: ksecrets encrypt -i {place.path}",
            )
        if previous is not None and place.policy is not None:
            wanted = {identity(reader.service, reader.fields) for reader in place.policy.recipients}
            if identities_of(previous.metadata) != wanted:
                raise RuleViolation(
                    f"its readers are not those of {place.policy.source}",
                    file=place.path,
                    hint=f"git show HEAD:{place.path} > {place.path}; ksecrets updatekeys {place.path}",
                )
        return seal_file(place, text, self._session, previous=previous, format=place.format()).text

    def _as_it_is(self, place: Place, text: str, raw: bytes) -> bytes:
        """A file that is encrypted already. Half of a decryption is none, and a conflict is not solved."""
        line = conflict_line(text)
        if line is not None:
            raise SyntaxRefused(
                "holds conflict markers of git", file=place.path, line=line, hint=f"ksecrets resolve {place.path}"
            )
        try:
            metadata = read_metadata(text, place.format(text))
            check_environment(metadata, place, self._session)
            seen = inspect(text, place)
        except NotEncrypted:
            raise Tampered("holds tokens, and no metadata that belong to them", file=place.path) from None
        except KsecretsError as error:
            raise error.at(place.path) from None
        if seen.plaintext_lines:
            raise Tampered(
                "holds plaintext where the rules want a token",
                file=place.path,
                line=seen.plaintext_lines[0],
                hint="decrypt it as a whole: ksecrets decrypt -i",
            )
        return raw

    def _place(self, path: str) -> Place:
        rules = [_stamp(name) for name in _CONFIGURATIONS]
        if rules != self._rules:
            self._rules = rules
            self._session.rules_changed()
        return self._session.place(path)

    def _versions(self, path: str) -> list[bytes]:
        """What git has of a file: in the index (that of the running command), then in HEAD."""
        index = os.environ.get("GIT_INDEX_FILE") or os.path.join(self._repository.git_dir(), "index")
        now = _stamp(index)
        if now != self._index:
            self._index = now
            self._batch.close()
        found = (self._batch.blob(f"{where}:{path}") for where in ("", "HEAD"))
        return [raw for raw in found if raw is not None and len(raw) <= LARGEST]


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
