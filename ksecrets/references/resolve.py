"""A text with references -> the text with what they stand for."""

from __future__ import annotations

from ksecrets.errors import KsecretsError, ServiceFailed
from ksecrets.references.expression import Reference, expand, has_reference, in_text
from ksecrets.references.trust import CLOUDS, OWN, Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ksecrets import Session
    from ksecrets.keys.remote import Access


class References:
    """Resolves references; every one is looked up once a run. Its repr shows nothing.

    session: opens encrypted files. top: the folder (a real path) that files must lie in. kubectl, vals: programs of
    the user; vals is "" where it was not named. context: of the cluster that Helm talks to, or "".
    """

    __slots__ = ("_access", "_found", "_trust", "context", "environ", "kubectl", "session", "top", "vals")

    def __init__(
        self, session: Session, *, top: str, kubectl: str = "kubectl", vals: str = "", context: str = ""
    ) -> None:
        self.session = session
        self.environ: Mapping[str, str] = session.environ
        self.top = top
        self.kubectl = kubectl
        self.vals = vals or "vals"
        self.context = context
        self._trust = Trust(session.environ, vals)
        self._found: dict[str, object] = {}
        self._access: Access | None = None

    @property
    def access(self) -> Access:
        """How services are reached: connections and logins, for this run."""
        if self._access is None:
            from ksecrets.keys.remote import Access

            self._access = Access(self.environ)
        return self._access

    def value(self, text: str) -> object:
        """What a text stands for: itself where it has no reference. Raises KsecretsError."""
        return expand(text, self._lookup)

    def text(self, text: str) -> str:
        """The same as text. Raises KsecretsError."""
        return in_text(self.value(text))

    def yaml(self, text: str, decode_secrets: bool = False) -> str:
        """A YAML text with all references in its strings replaced; every other byte stays.

        What comes in their place is a string in double quotes, or for a mapping, a list or a number that a reference
        gives as a whole, JSON. decode_secrets: also look into the base64 of `data` in manifests of kind Secret.

        Raises KsecretsError with line and path; SyntaxRefused for a text that is no YAML, and for a reference in a
        key.
        """
        from ksecrets.references.document import replaced

        secrets = self._in_base64 if decode_secrets else None
        return replaced(text, has_reference, self.value, secrets)

    def _in_base64(self, value: str) -> str | None:
        """A value of a Secret's `data` with references in it resolved; None where there are none."""
        import binascii

        try:
            inner = binascii.a2b_base64(value, strict_mode=True).decode()
        except ValueError:
            return None
        if not has_reference(inner):
            return None
        return binascii.b2a_base64(self.text(inner).encode(), newline=False).decode()

    def _lookup(self, reference: Reference) -> object:
        if reference.text not in self._found:
            self._trust.check(reference)
            try:
                self._found[reference.text] = _service(reference.service)(self, reference)
            except ServiceFailed as error:
                error.message = f"a reference to {reference.service}: {error.message}"
                raise
        return self._found[reference.text]

    def __repr__(self) -> str:
        return "References(...)"


def _service(name: str) -> Callable[[References, Reference], object]:
    """The function of a service, imported on use. Raises KsecretsError as trust.py and the service say."""
    if name in CLOUDS:
        from ksecrets.references import clouds

        of_cloud: Callable[[References, Reference], object] = getattr(clouds, name)
        return of_cloud
    if name not in OWN:
        from ksecrets.references.program import ask_vals

        return ask_vals
    if name == "vault":
        from ksecrets.references.vault import vault

        return vault
    if name == "k8s":
        from ksecrets.references.cluster import kubernetes

        return kubernetes
    from ksecrets.references import local

    found: Callable[[References, Reference], object] = getattr(local, name)
    return found


def at_keys(tree: object, keys: tuple[str, ...], reference: Reference) -> object:
    """The value at the keys of a reference. Raises KsecretsError where there is none."""
    for number, key in enumerate(keys):
        if not isinstance(tree, dict):
            where = "/".join(keys[:number])
            raise KsecretsError(f"a reference to {reference.service} looks for {key} in {where}, which is no mapping")
        if key not in tree:
            raise KsecretsError(f"what a reference to {reference.service} names has no key {'/'.join(keys)}")
        tree = tree[key]
    return tree
