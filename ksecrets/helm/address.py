"""How a values file is written: ``secrets://?sops!FILE`` and its kin, as helm-secrets writes them.

    FILE   ?FILE   BACKEND!FILE   !FILE                        in the wrapper
    secrets://FILE                                             a path, or again a URL
    secrets+age-import://KEY-FILE?FILE                         opened by that key, too
    secrets+gpg-import://KEY-FILE?FILE
    secrets+age-import-kubernetes://[NAMESPACE/]NAME#KEY?FILE  the key stands in a Secret
    secrets+gpg-import-kubernetes://[NAMESPACE/]NAME#KEY?FILE
    secrets+literal://VALUE                                    the value itself, for --set-file

A `?` before all of it: the file may be missing. `BACKEND!` before it: that backend, not the one of the run; `!` alone
says that a later `!` belongs to the name. Other schemes (https://, git+https://, those of plugins) are URLs.
"""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.helm.settings import BACKENDS

PROTOCOL = "secrets://"
STDIN = "-"
_LITERAL = "secrets+literal://"
_IMPORTS = {
    f"secrets+{service}-import{suffix}://": (service, bool(suffix))
    for service in ("age", "gpg")
    for suffix in ("", "-kubernetes")
}
PROTOCOLS = ("secrets", "secrets+literal", *(prefix[: -len("://")] for prefix in _IMPORTS))
"""The schemes that are ours."""


class Key:
    """The key that an address brings. service: age or gpg. in_cluster: `where` is NAMESPACE/NAME#KEY, not a file."""

    __slots__ = ("in_cluster", "service", "where")

    def __init__(self, service: str, in_cluster: bool, where: str) -> None:
        self.service = service
        self.in_cluster = in_cluster
        self.where = where


class Address:
    """One file, as it was written.

    text: all of it. file: the path, URL or (literal) value, without prefixes. optional: it may be missing. backend: its
    own, or "". key: that it brings, or None. literal: `file` is the content. marked: it has a scheme of ours.
    """

    __slots__ = ("backend", "file", "key", "literal", "marked", "optional", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.optional = False
        self.backend = ""
        self.key: Key | None = None
        self.marked = False
        self.literal = False
        self.file = self._parsed(text)

    def __repr__(self) -> str:
        return "<Address>"  # a literal may be a secret

    @property
    def identity(self) -> tuple[str, str, str]:
        """What two addresses of the same content share."""
        return (self.backend, self.text if self.key is not None or self.literal else "", self.file)

    @property
    def is_url(self) -> bool:
        """Whether the file is somewhere else."""
        return not self.literal and has_scheme(self.file)

    def _parsed(self, rest: str) -> str:
        while True:
            scheme = rest[: rest.find("://") + 3] if "://" in rest else ""
            if rest.startswith("?"):
                self.optional = True
                rest = rest[1:]
            elif scheme == PROTOCOL and self.key is None:
                self.marked = True
                rest = rest[len(PROTOCOL) :]
            elif scheme == _LITERAL and not self.marked:
                self.marked = self.literal = True
                return self._without_backend(rest[len(_LITERAL) :])
            elif scheme in _IMPORTS and not self.marked:
                self.marked = True
                service, in_cluster = _IMPORTS[scheme]
                rest = self._without_backend(self._without_mark(rest[len(scheme) :]))
                where, found, rest = rest.partition("?")
                if not found or not where or not rest:
                    form = "[NAMESPACE/]NAME#KEY" if in_cluster else "KEY-FILE"
                    raise UsageError(f"{self.text} names no key and file", hint=f"{scheme}{form}?FILE")
                self.key = Key(service, in_cluster, where)
            else:
                break
        rest = self._without_backend(rest)
        # Helm trims only to recognise standard input (pkg/cli/values).
        return STDIN if rest.strip() == STDIN and not self.marked else rest

    def _without_mark(self, text: str) -> str:
        if text.startswith("?"):
            self.optional = True
            return text[1:]
        return text

    def _without_backend(self, text: str) -> str:
        name, found, rest = text.partition("!")
        if found and (name in BACKENDS or not name):
            self.backend = name or self.backend
            return rest
        return text


def has_scheme(spec: str) -> bool:
    """Whether it is a URL (RFC 3986, section 3.1), which a Windows path is not."""
    scheme, found, _ = spec.partition("://")
    return bool(found) and scheme.isascii() and scheme[:1].isalpha() and _is_scheme(scheme)


def _is_scheme(text: str) -> bool:
    return all(letter.isalnum() or letter in "+-." for letter in text)
