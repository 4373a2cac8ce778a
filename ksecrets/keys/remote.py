"""Keys that stand in a service on the network: what each of them is, and how it is asked.

A service is one module, `keys/NAME.py`, with a subclass of `RemoteKey` and a function
`key(fields, access) -> RemoteKey`, listed in `ksecrets.keys`. It says three things: which fields make one of its keys
(`__init__`, which raises ConfigError for what is none and contacts nobody), how a data key is wrapped (`encrypt`), and
how it is unwrapped (`decrypt`), each in one attempt that ends before a deadline. What all services share is here:

- lengths are checked on both ways, so that an answer that is no data key never comes through;
- an attempt that failed for a reason that passes (`ServiceFailed.again`) is repeated with growing, random pauses, as
  long as the time for one key (KSECRETS_KEY_TIMEOUT, 20 seconds) is not over;
- every failure names the service and the key; the file is added where it is known;
- a key whose service cannot be reached is not asked again for the next file of this run;
- clients, connections and credentials are made once a process, and not carried over a fork (`Access.kept`).

A failure is a `ServiceFailed` with its reason, and its message says what happened, not to whom: "access denied",
"the key is disabled". Other exceptions of an SDK must not leave its module. An SDK is imported in the function that
uses it, through `needed`, so that the error names the extra to install.

Trust is not decided here: `RemoteKeys` asks `trusted` before it makes a key at all (operations/trust.py).
Nothing that comes back is kept on a disk.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from ksecrets.envelope.recipient import Stanza, check_length, short_recipient
from ksecrets.errors import ConfigError, KsecretsError, ServiceFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import Any, TypeAlias, TypeVar

    T = TypeVar("T")
    Trusted: TypeAlias = Callable[[str, dict[str, str]], str | None]
    """Why a key (service, identity fields) must not be asked, or None where it may be."""

TIMEOUT_VARIABLE = "KSECRETS_KEY_TIMEOUT"
_SECONDS = 20.0
_ATTEMPTS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 4.0
_LENGTHS = (32, 33)
_MOST = 3
"""Stanzas of one key in one group that are tried; sops and ksecrets write one."""


class Access:
    """How this process reaches key services. environ: the settings. seconds: how long one question may take in all."""

    __slots__ = ("_kept", "_lock", "_locks", "_process", "_ranks", "environ", "failed", "seconds")

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Raises ConfigError where KSECRETS_KEY_TIMEOUT is no number of seconds."""
        self.environ = environ
        self.seconds = _seconds(environ)
        self.failed: dict[tuple[object, ...], ServiceFailed] = {}
        self._ranks: dict[tuple[object, ...], int] = {}
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, Any] = {}
        self._lock = allocate_lock()
        self._process = os.getpid()

    def kept(self, name: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave the first time it was asked for under this name in this process; threads wait for it.

        For clients, connections, credentials, tokens. An error of `make` is not kept.
        """
        with self._lock:
            if self._process != os.getpid():
                # two processes must not speak over one connection
                self._kept.clear()
                self._locks.clear()
                self._process = os.getpid()
            lock = self._locks.setdefault(name, allocate_lock())
        with lock:
            if name not in self._kept:
                self._kept[name] = make()
            found: T = self._kept[name]
        return found

    def rank(self, key: tuple[object, ...]) -> int:
        """Whether a key (`RemoteKey.id`) has opened something in this run (-1), could not when it was asked (1), or
        is not known yet (0)."""
        return self._ranks.get(key, 0)

    def came(self, key: tuple[object, ...], *, opened: bool) -> None:
        """Remember what came of asking a key: the next file asks first whom it pays to ask."""
        self._ranks[key] = -1 if opened else 1

    def forget(self, name: Hashable) -> None:
        """Make it anew when it is next asked for, such as a token that the service no longer takes."""
        self._kept.pop(name, None)

    def __repr__(self) -> str:
        return "<Access>"


class RemoteKey:
    """One key of a service: a Recipient, and what opens its own stanzas.

    fields: what identifies it, by sops's names, none of them empty; `identity_fields` gives them back.
    Subclasses set `service` (sops's list), `title` (what people call it), `encrypt` and `decrypt`.
    """

    service = ""
    title = ""
    remote = True
    kept: tuple[str, ...] = ()
    """Fields that sops writes even where they are empty."""

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        self.fields = {name: value for name, value in fields.items() if value and name not in ("enc", "created_at")}
        self.access = access

    # -- what a service says ----------------------------------------------------------------------------------------

    def encrypt(self, secret: bytes, deadline: float) -> str:
        """The secret (32 or 33 bytes) wrapped, as sops stores it in `enc`. One attempt, done before `deadline`
        (of `time.monotonic`). Raises ServiceFailed."""
        raise NotImplementedError

    def decrypt(self, enc: str, deadline: float) -> bytes:
        """The inverse of `encrypt`. Raises ServiceFailed; reason `refused` where `enc` is not for this key."""
        raise NotImplementedError

    # -- what all of them do ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """For messages: `AWS KMS arn:aws:kms:...`."""
        shown = short_recipient(self.service, self.fields).removeprefix(self.service + " ")
        return f"{self.title} {shown}"

    def identity_fields(self) -> dict[str, str]:
        return dict(self.fields)

    def wrap(self, data_key: bytes) -> Stanza:
        """As Recipient has it. Raises ServiceFailed."""
        check_length(data_key)
        enc = self._ask(lambda deadline: self.encrypt(data_key, deadline))
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = {**dict.fromkeys(self.kept, ""), **self.fields, "created_at": created, "enc": enc}
        return Stanza(self.service, fields)

    def open(self, enc: str) -> bytes:
        """The data key or share of a stanza of this key. Raises ServiceFailed."""
        if not enc:
            raise self._named(ServiceFailed("the wrapped data key is damaged: it is empty", reason="refused"))
        try:
            secret = self._ask(lambda deadline: self.decrypt(enc, deadline))
        except ServiceFailed:
            self.access.came(self.id, opened=False)
            raise
        if len(secret) not in _LENGTHS:
            message = f"it answered with {len(secret)} bytes, which is no data key"
            raise self._named(ServiceFailed(message, reason="wrong-key"))
        self.access.came(self.id, opened=True)
        return secret

    def _ask(self, attempt: Callable[[float], T]) -> T:
        failed = self.access.failed.get(self.id)
        if failed is not None:
            raise self._named(ServiceFailed(failed.message, reason=failed.reason, hint=failed.hint), known=True)
        deadline = time.monotonic() + self.access.seconds
        first: ServiceFailed | None = None
        for number in range(_ATTEMPTS):
            try:
                # half of it at most, so that a question that was lost on the way is asked once more
                return attempt(min(deadline, time.monotonic() + self.access.seconds / 2))
            except ServiceFailed as error:
                wait = pause(number)
                if error.again and number + 1 < _ATTEMPTS and time.monotonic() + wait < deadline:
                    first = first or error
                    time.sleep(wait)
                    continue
                # that there was no time for another attempt says less than why there had to be one
                raise self._named(first if first is not None and error.reason == "timeout" else error) from None
        raise AssertionError("the last attempt returns or raises")

    def _named(self, error: ServiceFailed, *, known: bool = False) -> ServiceFailed:
        if not known:
            error.message = f"{self.name}: {error.message}"
            error.args = (error.message,)
            if error.lasting:
                self.access.failed[self.id] = error
        return error

    @property
    def id(self) -> tuple[object, ...]:
        """What tells this key from others."""
        return (self.service, *sorted(self.fields.items()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class RemoteIdentity:
    """The right to ask one key of a service. where, public: as Identity has them; nothing secret is in it."""

    __slots__ = ("_key", "public", "where")

    def __init__(self, key: RemoteKey) -> None:
        self._key = key
        self.where = key.name
        self.public: str | None = None

    @property
    def rank(self) -> int:
        """As `Access.rank` has it, now."""
        return self._key.access.rank(self._key.id)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """As Identity has it; only stanzas of this very key (every field of it) are sent. Raises ServiceFailed."""
        failure: ServiceFailed | None = None
        own = [stanza for stanza in stanzas if stanza.service == self._key.service and _same(stanza, self._key)]
        # a file with the same key ten thousand times is made to have the service asked as often
        for stanza in own[:_MOST]:
            try:
                return self._key.open(stanza.enc)
            except ServiceFailed as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return None

    def __repr__(self) -> str:
        return f"<RemoteIdentity {self.where}>"


class RemoteKeys:
    """The remote keys that the stanzas of a file name and that may be asked, in the order of the file.

    key: makes the key of a service and its fields (`ksecrets.keys.remote_key`). trusted: see above. Together with the
    identities at hand this is what `envelope.wrap.unwrap` asks, and it asks it last. hint: the one that was given, once
    a key was not trusted.
    """

    __slots__ = ("_access", "_asked", "_hint", "_key", "_refused", "_trusted", "hint")

    def __init__(
        self,
        access: Access,
        trusted: Trusted,
        key: Callable[[str, dict[str, str], Access], RemoteKey | None],
        hint: str | None = None,
    ) -> None:
        self._access = access
        self._hint = hint
        self.hint: str | None = None
        self._trusted = trusted
        self._key = key
        self._asked: list[RemoteKey] = []
        self._refused: list[str] = []

    def __iter__(self) -> Iterator[RemoteIdentity]:
        """Nobody: without a stanza there is nothing to ask for."""
        return iter(())

    def for_stanzas(self, stanzas: Sequence[Stanza]) -> Iterator[RemoteIdentity]:
        """One identity for each key that may be asked. Contacts nobody; the others are left for `describe`."""
        seen: set[tuple[object, ...]] = set()
        for stanza in stanzas:
            fields = {k: v for k, v in stanza.fields.items() if v and k not in ("enc", "created_at")}
            identity = (stanza.service, *sorted(fields.items()))
            if identity in seen:
                continue
            seen.add(identity)
            try:
                key = self._key(stanza.service, fields, self._access)
                if key is None:
                    continue
                reason = self._trusted(stanza.service, fields)
            except KsecretsError as error:
                self._refused.append(f"{short_recipient(stanza.service, fields)}: {error.message}")
                continue
            if reason is not None:
                self._refused.append(f"{key.name}: not asked, {reason}")
                self.hint = self._hint
                continue
            self._asked.append(key)
            yield RemoteIdentity(key)

    def describe(self, name_of: Callable[[str, dict[str, str]], str | None] | None = None) -> list[str]:
        """What was asked and what was not, and why; for messages."""
        tried = []
        for key in self._asked:
            name = name_of(key.service, key.fields) if name_of is not None else None
            tried.append(f"{key.name} ({name})" if name else key.name)
        return list(dict.fromkeys([*tried, *self._refused]))


def pause(number: int) -> float:
    """Seconds to wait after the attempt `number` (from 0): random up to a limit that doubles ("full jitter")."""
    limit = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << number))
    return limit * int.from_bytes(os.urandom(4), "big") / (1 << 32)


def needed(extra: str, title: str) -> ServiceFailed:
    """The error for a missing SDK: `except ImportError: raise needed("aws", "AWS KMS") from None`."""
    return ServiceFailed(f"{title} needs the extra `{extra}`", reason="extra", hint=f"pip install 'ksecrets[{extra}]'")


def _same(stanza: Stanza, key: RemoteKey) -> bool:
    there = {k: v for k, v in stanza.fields.items() if v and k not in ("enc", "created_at")}
    return there == key.fields


def _seconds(environ: Mapping[str, str]) -> float:
    text = environ.get(TIMEOUT_VARIABLE, "")
    if not text:
        return _SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise ConfigError(f"{TIMEOUT_VARIABLE}: a number of seconds from 0.1 to 600 is expected")
    return seconds
