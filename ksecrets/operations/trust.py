"""Which remote keys may be asked on behalf of a file (docs/threat-model.md, "Endpoints in metadata").

A file names the keys that open it, and a file may come from anybody who can push: to ask whatever it names would send
a Vault token to an address of theirs, or assume a role of theirs. So a key is asked only where its whole identity
stands in

- the configuration of the trusted ref (`.ksecrets.yaml` at the top, else a `.sops.yaml` from the file upwards), never
  that of the working tree, which is part of the change that is being looked at;
- the user's own settings: KSECRETS_TRUSTED_KEYS, git's `ksecrets.trustedKey` (once for each key; git reads it from no
  file in the tree), sops's variables that name readers, or an option of the command line;
- or, for Vault, on the very server that VAULT_ADDR names.

SOPS_HC_VAULT_ALLOWLIST narrows this further for Vault, as in sops. Under git's drivers nothing is asked at all, unless
KSECRETS_REMOTE_KEYS=1 or git's `ksecrets.remoteKeys` (true) says so; KSECRETS_REMOTE_KEYS=0 asks nobody ever.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.keys import LOCAL
from ksecrets.operations.asked import VARIABLES
from ksecrets.rules import FILE, SOPS_FILE, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ksecrets.operations.session import Place, Session

    Key = tuple[str, dict[str, str]]

KEYS_VARIABLE = "KSECRETS_TRUSTED_KEYS"
REMOTE_VARIABLE = "KSECRETS_REMOTE_KEYS"
IN_GIT = "in-git"
"""What git's drivers set REMOTE_VARIABLE to, where the user has not."""
ALLOWLIST_VARIABLE = "SOPS_HC_VAULT_ALLOWLIST"
_KEYS_SETTING, _REMOTE_SETTING = "ksecrets.trustedkey", "ksecrets.remotekeys"
_TRUE = ("true", "yes", "on", "1")
HINT = "if the key is yours: git config --global --add ksecrets.trustedKey KEY, or name it in KSECRETS_TRUSTED_KEYS"

# What is no part of where a key is: it travels with the question, and the service judges it.
_IGNORED = {"kms": ("context",), "pkcs11": ("algorithm",)}


class Trust:
    """What may be asked in one run. What git has to be asked for is asked once, when the first key is looked at."""

    __slots__ = ("_rules", "_session", "_settings")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings: dict[str | None, dict[str, list[str]]] = {}
        self._rules: dict[tuple[str, str, str], list[Key] | None] = {}

    def refusal(self, place: Place, service: str, identity: dict[str, str]) -> str | None:
        """Why this key must not be asked for a file, or None. identity: its fields, without `enc` and `created_at`."""
        environ = self._session.environ
        if place.real is None:
            # a text without a path (standard input, what git's textconv gets) stands where we do
            place = self._session.place(os.path.join(os.curdir, "-"))
        said = environ.get(REMOTE_VARIABLE, "")
        if said == "0":
            return f"as {REMOTE_VARIABLE}=0 asks nobody"
        if said == IN_GIT and (self._git(place).get(_REMOTE_SETTING) or [""])[-1].lower() not in _TRUE:
            return f"as git's drivers ask nobody ({REMOTE_VARIABLE}=1 or git's ksecrets.remoteKeys lets them)"
        if service == "hc_vault":
            address = identity.get("vault_address", "")
            if not allowlisted(address, environ.get(ALLOWLIST_VARIABLE, "")):
                return f"as {ALLOWLIST_VARIABLE} does not have {address}"
            if _is_own_vault(address, environ.get("VAULT_ADDR") or environ.get("BAO_ADDR") or ""):
                return None
        if any(_covers(each, (service, identity)) for each in self._trusted(place)):
            return None
        ref = self._session.trusted_ref(place)
        rules = f"the rules of {ref.removeprefix('refs/remotes/')}" if ref is not None else "rules of a trusted ref"
        return f"as it stands neither in {rules} nor in settings of your own"

    def _trusted(self, place: Place) -> Iterator[Key]:
        """Every key that may be asked for a file; git is started only where the ones before do not settle it."""
        yield from self._session.own_keys
        yield from own_keys(self._session.environ)
        for text in self._git(place).get(_KEYS_SETTING, ()):
            yield _named(text, "git's ksecrets.trustedKey")
        yield from self._of_ref(place)

    def _git(self, place: Place) -> dict[str, list[str]]:
        if place.top not in self._settings:
            repository = self._session.repository(place)
            self._settings[place.top] = repository.settings() if repository is not None else {}
        return self._settings[place.top]

    def _of_ref(self, place: Place) -> list[Key]:
        """The keys that the rules of a file name in the trusted ref."""
        repository, ref = self._session.repository(place), self._session.trusted_ref(place)
        if repository is None or ref is None:
            return []
        for name in _candidates(place.relative or ""):
            at = (repository.top, ref, name)
            if at not in self._rules:
                raw = repository.blob(f"{ref}:{name}")
                self._rules[at] = None if raw is None else keys_of_rules(name, raw, f"{ref}:{name}")
            found = self._rules[at]
            if found is not None:
                return found
        return []


def own_keys(environ: Mapping[str, str]) -> Iterator[Key]:
    """The keys that the user's environment names. Raises ConfigError for what is no key."""
    for name, service in VARIABLES.items():
        for text in environ.get(name, "").split(",") if fields.SERVICES[service] not in LOCAL else ():
            if text.strip():
                yield fields.from_url(service, text.strip())
    for text in environ.get(KEYS_VARIABLE, "").split():
        yield _named(text, KEYS_VARIABLE)


def _named(text: str, place: str) -> Key:
    try:
        return parse_key(text)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", hint=error.hint) from None


def parse_key(text: str) -> Key:
    """One key as a person writes it where no service is named: an ARN (`ARN+ROLE`, `...|PROFILE`), a resource or a URL.

    Raises ConfigError.
    """
    text = text.strip()
    if text.startswith("arn:"):
        arn, *more = text.split("|")
        return fields.aws_kms(arn, profile=more[-1] if more else "")
    if text.startswith("projects/"):
        return fields.gcp_kms(text)
    if "/crypto/v1/keys/" in text:
        return fields.fortanix(text)
    if text.startswith(("https://", "http://")):
        return fields.hc_vault(text) if _looks_like_vault(text) else fields.azure_kv(text)
    if text.startswith("pkcs11:"):
        return fields.pkcs11(text)
    return fields.hckms(text)


def keys_of_rules(name: str, raw: bytes, shown: str) -> list[Key]:
    """Every key that a configuration names, whatever it is for; none of one that cannot be read."""
    try:
        text = raw.decode("utf-8")
        if name == FILE:
            from ksecrets.rules import config

            readers = [*config.parse(text, shown).recipients.values()]
        else:
            from ksecrets.rules import sopsconfig

            readers = [
                reader for rule in sopsconfig.parse(text, shown).rules or () for reader in rule.policy().recipients
            ]
    except (KsecretsError, UnicodeDecodeError):
        return []
    return [(reader.service, reader.fields) for reader in readers]


def allowlisted(address: str, allowlist: str) -> bool:
    """Whether sops's list (`all`, `none`, or the beginnings of addresses with commas) has a Vault address."""
    allowlist = allowlist.strip()
    if allowlist in ("", "all"):
        return True
    if allowlist == "none":
        return False
    return any(
        f"{address.rstrip('/')}/".startswith(f"{entry.strip().rstrip('/')}/")
        for entry in allowlist.split(",")
        if entry.strip()
    )


def _is_own_vault(address: str, own: str) -> bool:
    """Whether an address is the origin of VAULT_ADDR, over TLS (or on this machine)."""
    address, own = address.rstrip("/"), own.strip().rstrip("/")
    if not own or address != own:
        return False
    host = own.partition("://")[2]
    local = host.partition(":")[0] in ("127.0.0.1", "localhost") or host.startswith("[::1]")
    return own.startswith("https://") or (own.startswith("http://") and local)


def _covers(trusted: Key, key: Key) -> bool:
    """Whether a trusted key is this one. One without a version (Azure) stands for all of its versions."""
    service, identity = key
    if trusted[0] != service:
        return False
    ignored = (*_IGNORED.get(service, ()), *(() if trusted[1].get("version") else ("version",)))
    ours = {name: value for name, value in trusted[1].items() if value and name not in ignored}
    return ours == {name: value for name, value in identity.items() if value and name not in ignored}


def _looks_like_vault(text: str) -> bool:
    path = text.partition("://")[2].partition("/")[2]
    return path.startswith("v") and path[1:].partition("/")[0].isdigit()


def _candidates(relative: str) -> Iterator[str]:
    """Where the rules of a file may stand in a tree: ours at the top, sops's from its folder upwards."""
    yield FILE
    folders = relative.split("/")[:-1]
    while True:
        yield "/".join((*folders, SOPS_FILE))
        if not folders:
            return
        folders.pop()
