"""One token in this process: its library, a session, and who is logged in."""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys.pkcs11 import MODULE_VARIABLE, PIN_VARIABLE, module_path
from ksecrets.keys.prompt import Prompt
from ksecrets.keys.remote import needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from ksecrets.keys.pkcs11uri import Uri
    from ksecrets.keys.remote import Access

    T = TypeVar("T")

# library -> the process that initialised it: after a fork it must be done again (PKCS#11 2.40, 2.5.3). ksecrets itself
# does not fork then; a program that uses it as a library may.
_initialised: dict[str, int] = {}


def is_open() -> bool:
    """Whether this process has opened the library of a token."""
    return os.getpid() in _initialised.values()


class Token:
    """Opened without a PIN; `log_in` asks for it once, when a private key is needed."""

    __slots__ = ("_access", "_lock", "_logged_in", "_refused", "_session", "_token", "name")

    def __init__(self, uri: Uri, access: Access) -> None:
        """Raises ServiceFailed where there is no library, or not exactly one such token."""
        label, serial = uri.token
        self.name = label or serial or ""
        self._access = access
        self._lock = allocate_lock()
        self._logged_in = False
        self._refused: ServiceFailed | None = None
        self._token = _find(_library(module_path(access.environ)), label, serial)
        self._session = self._token.open()

    def one(self, uri: Uri, kind: Any) -> Any:
        """The only key of this kind that the URI names, None where there is none. Raises ServiceFailed for several."""
        from pkcs11 import Attribute, KeyType

        wanted: dict[Any, Any] = {Attribute.CLASS: kind, Attribute.KEY_TYPE: KeyType.RSA}
        if uri.label is not None:
            wanted[Attribute.LABEL] = uri.label
        if uri.id is not None:
            wanted[Attribute.ID] = uri.id
        found = list(self._session.get_objects(wanted))
        if len(found) > 1:
            raise ServiceFailed(
                "the token has several keys of this name", reason="missing", hint="name it by its id, too: ;id=%01"
            )
        return found[0] if found else None

    def log_in(self) -> None:
        """Raises ServiceFailed (`credentials`) without a PIN, or with a wrong one, which is not tried a second time."""
        with self._lock:
            if self._logged_in:
                return
            if self._refused is not None:
                raise ServiceFailed(self._refused.message, reason=self._refused.reason, hint=self._refused.hint)
            try:
                self._log_in()
            except ServiceFailed as error:
                self._refused = error
                raise
            self._logged_in = True

    def _log_in(self) -> None:
        from pkcs11 import TokenFlag

        flags = self._token.flags
        if not flags & TokenFlag.LOGIN_REQUIRED:
            return
        if flags & TokenFlag.USER_PIN_LOCKED:
            raise ServiceFailed("the PIN of the token is locked", reason="credentials")
        if flags & TokenFlag.USER_PIN_FINAL_TRY:
            raise ServiceFailed(
                "the next wrong PIN would lock the token, so none is tried",
                reason="credentials",
                hint="log in once with the tool of the token",
            )
        given = self._access.environ.get(PIN_VARIABLE)
        if given:
            if not self._opens(given):
                raise ServiceFailed(f"the PIN of {PIN_VARIABLE} is wrong", reason="credentials")
            return
        prompt = self._access.kept("pkcs11-prompt", lambda: Prompt(self._access.environ))
        try:
            # one try: a person can start again, a locked token cannot
            prompt.unlock(f"the token {self.name}", lambda pin: True if self._opens(pin) else _wrong())
        except ConfigError as error:
            raise ServiceFailed(f"no PIN: {error.message}", reason="credentials", hint=f"set {PIN_VARIABLE}") from None

    def _opens(self, pin: str) -> bool:
        from pkcs11 import exceptions as known

        try:
            deadline = time.monotonic() + self._access.seconds
            session = within(self._access, lambda: self._token.open(user_pin=pin), deadline)
        except (known.PinIncorrect, known.PinInvalid, known.PinLenRange):
            return False
        except known.UserAlreadyLoggedIn:
            return True  # a login holds for all sessions of a process
        except known.PKCS11Error as error:
            raise ServiceFailed(
                f"the token does not take a PIN ({type(error).__name__})", reason="credentials"
            ) from None
        # the one before stays open: another thread may be using it
        self._session = session
        return True

    def __repr__(self) -> str:
        return f"<Token {self.name}>"


def within(access: Access, work: Callable[[], T], deadline: float) -> T:
    """What `work` gives, from a thread that is left behind at the deadline: nothing can stop somebody else's library.

    One question at a time; each by the deadline, or ServiceFailed (`timeout`). What `work` raises is raised.
    """
    import threading

    lock = access.kept("pkcs11-lock", threading.Lock)
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with lock:
                done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if failed:
        raise failed[0]
    if not done:
        raise ServiceFailed("no answer from the token in time", reason="timeout")
    return done[0]


def _wrong() -> bool:
    raise ConfigError("this PIN is wrong")


def _library(path: str) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise needed("pkcs11", "a PKCS#11 key") from None
    try:
        library: Any = pkcs11.lib(path)
        if _initialised.setdefault(path, os.getpid()) != os.getpid():
            library.reinitialize()
            _initialised[path] = os.getpid()
    except (pkcs11.PKCS11Error, OSError) as error:
        # what the loader of the system says, behind the path; the library itself gives a name only
        said = "".join(c if c.isprintable() else "?" for c in str(error).rpartition(f"{path}: ")[2])[:100]
        raise ServiceFailed(
            f"the library of the token cannot be used: {path} ({said or type(error).__name__})",
            reason="credentials",
            hint=f"is {MODULE_VARIABLE} right, and what the library needs there: its configuration, its service?",
        ) from None
    return library


def _find(library: Any, label: str | None, serial: str | None) -> Any:
    from pkcs11 import PKCS11Error

    try:
        tokens = list(library.get_tokens())
    except PKCS11Error as error:
        raise ServiceFailed(f"the tokens cannot be listed ({type(error).__name__})", reason="unavailable") from None
    found = [
        token
        for token in tokens
        if (label is None or token.label == label)
        and (serial is None or token.serial.decode("ascii", "replace").strip() == serial)
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted({token.label for token in tokens if token.label})) or "none"
    names = "".join(c if c.isprintable() else "?" for c in names)[:200]
    what = "several such tokens are there" if found else "there is no such token"
    raise ServiceFailed(f"{what} (there: {names})", reason="missing", hint="is it plugged in? name its serial, too")
