"""An address -> the content that Helm gets: found, fetched, decrypted, its references resolved, and looked at."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError, SyntaxRefused
from ksecrets.helm import confine, guard
from ksecrets.helm.address import STDIN
from ksecrets.helm.reading import Content, content, decrypted, raw_content
from ksecrets.helm.settings import NOOP, VALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from ksecrets import Session
    from ksecrets.helm.address import Address
    from ksecrets.helm.imports import Keyrings
    from ksecrets.helm.sets import Resolved
    from ksecrets.helm.settings import Settings
    from ksecrets.references.resolve import References


class Sources:
    """Reads what addresses name, in one run; use it in a `with` block, which takes imported keys away again.

    session: with the identities of the user.
    """

    __slots__ = ("_references", "_rings", "_sessions", "session", "settings")

    def __init__(self, settings: Settings, session: Session) -> None:
        self.settings = settings
        self.session = session
        self._sessions: dict[str, Session] = {}
        self._references: dict[int, References] = {}
        self._rings: Keyrings | None = None

    def __enter__(self) -> Sources:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            for remark in session.told():
                self.session.note(remark)
        if self._rings is not None:
            self._rings.__exit__(kind, error, trace)
            self._rings = None

    def content(self, address: Address, *, is_yaml: bool = True) -> Content | None:
        """What Helm gets for an address; None where there is nothing and that is allowed.

        is_yaml: it is a values file, whose values are looked at one by one. Raises KsecretsError.
        """
        backend = self.settings.backend_named(address.backend)
        if address.literal:
            return self._literal(address.file, backend)
        found = self._found(address, backend)
        if found is None:
            return None
        name = _name(address)
        if backend == VALS and b"ref+" in found.data:
            found = self._resolved(found, address, name, is_yaml=is_yaml)
        open_references = backend != NOOP and not self.settings.evaluate
        guard.check(found.data, name, is_yaml=is_yaml, references=open_references)
        return found

    def value(self, value: str, key: str) -> Resolved | None:
        """What becomes of a value of ``--set KEY=VALUE``: None where it stays as it is.

        Raises KsecretsError where it cannot be resolved, and where it must not reach Helm.
        """
        from ksecrets.helm.sets import Resolved
        from ksecrets.helm.settings import BACKENDS

        name, found, rest = value.partition("!")
        written = found and name in BACKENDS
        backend = self.settings.backend_named(name if written else "")
        text = rest if written else value
        try:
            if backend == VALS and "ref+" in text:
                resolved = self._references_of(self.session).text(text)
                guard.check_text(resolved, references=False)
                if resolved != text:
                    return Resolved(resolved, secret=True)
            guard.check_text(text, references=backend != NOOP and not self.settings.evaluate)
        except KsecretsError as error:
            if error.file is None and error.path is None:
                error.path = f"--set {key}" if key else "--set"
            raise
        return Resolved(text, secret=False) if written else None

    def manifests(self, text: str) -> str:
        """What a chart renders, with its references resolved (--evaluate-templates). Raises KsecretsError."""
        found = self._references_of(self.session).yaml(text, self.settings.decode_secrets)
        guard.check(found.encode(), "(rendered)", is_yaml=True, references=False)
        return found

    def session_of(self, address: Address) -> Session:
        """The session with the identities for a file: the user's, and the key that the address brings."""
        key = address.key
        name = "" if key is None else f"{key.service} {key.in_cluster} {key.where}"
        if key is None and not self.settings.keyrings:
            return self.session
        if name not in self._sessions:
            from ksecrets import Session
            from ksecrets.helm.imports import Keyrings, environment, loaded

            if self._rings is None:
                self._rings = Keyrings()
            child = self.session.child_environment()
            environ = (
                loaded(self.settings, self._rings)
                if key is None
                else environment(key, self.settings, child, self._rings)
            )
            self._sessions[name] = Session(environ)
        return self._sessions[name]

    def _found(self, address: Address, backend: str) -> Content | None:
        optional = address.optional or self.settings.ignore_missing
        file = address.file
        if address.is_url:
            from ksecrets.helm.remote import fetch, shown

            raw = fetch(file, self.settings, self.session.child_environment())
            if raw is None:
                if optional:
                    return None
                raise KsecretsError("there is no such file", file=shown(file))
            if backend == NOOP:
                return Content(raw, on_disk=False)
            return decrypted(raw, shown(file), lambda: self.session_of(address))
        if file != STDIN:
            confine.check_file(file, self.settings, plain=file == address.text)
            if optional and not os.path.exists(file):
                return None
        if backend == NOOP:
            return raw_content(file)
        return content(file, lambda: self.session_of(address))

    def _literal(self, text: str, backend: str) -> Content:
        if backend == VALS and "ref+" in text:
            text = self._references_of(self.session).text(text)
            guard.check_text(text, file="secrets+literal://", references=False)
        else:
            guard.check_text(text, file="secrets+literal://", references=backend != NOOP)
        return Content(text.encode(), on_disk=False)

    def _resolved(self, found: Content, address: Address, name: str, *, is_yaml: bool) -> Content:
        try:
            text = found.data.decode()
        except UnicodeDecodeError:
            raise KsecretsError("not UTF-8 text, and references are looked for in it", file=name) from None
        try:
            references = self._references_of(self.session_of(address))
            new = references.text(text) if _is_text(text, is_yaml) else references.yaml(text)
        except KsecretsError as error:
            if error.file is not None and error.file != name:
                error.details = (f"in a reference of {name}", *error.details)
            raise error.at(name) from None
        return found if new == text else Content(new.encode(), on_disk=False)

    def _references_of(self, session: Session) -> References:
        if id(session) not in self._references:
            from ksecrets.references.resolve import References

            self._references[id(session)] = References(
                session,
                top=confine.repository_top(os.getcwd()),
                kubectl=self.settings.kubectl,
                vals=self.settings.vals,
                context=session.environ.get("HELM_KUBECONTEXT", ""),
            )
        return self._references[id(session)]


def _is_text(text: str, is_yaml: bool) -> bool:
    """Whether references stand in a text as in no YAML: what is written for YAML has quotes around it."""
    from ksecrets.references.document import is_text

    try:
        return is_text(text)
    except SyntaxRefused:
        return not is_yaml


def _name(address: Address) -> str:
    if not address.is_url:
        return address.file
    from ksecrets.helm.remote import shown

    return shown(address.file)
