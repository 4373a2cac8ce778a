"""age identities in the keyring of the system (Keychain, Secret Service, Windows Credential Locker).

Through the library `keyring`, an extra: nothing imports it before a key is stored there or looked up. The service
is "ksecrets", the user name is the recipient (`age1...`), the password is the identity. Whatever runs as the same user
in an unlocked session can read it, as with a file of mode 0600; what is gained is that no file holds it.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SERVICE_NAME = "ksecrets"


def store(public: str, identity: str) -> None:
    """Keep an identity under its recipient. Raises ConfigError where there is no keyring, or it refuses."""
    backend = _backend()
    try:
        backend.set_password(SERVICE_NAME, public, identity)
        kept = backend.get_password(SERVICE_NAME, public)
    except Exception as error:
        raise _refused(error) from None
    if kept != identity:
        # the null backend takes everything and keeps nothing; the only copy of a key must not end there
        raise ConfigError("the keyring of this system does not keep what is stored in it", hint=_WITHOUT)


def load(public: str) -> str | None:
    """The identity of a recipient, or None. Raises ConfigError where there is no keyring, or it refuses."""
    backend = _backend()
    try:
        found: str | None = backend.get_password(SERVICE_NAME, public)
    except Exception as error:
        raise _refused(error) from None
    return found


_WITHOUT = "keep the key in a file: `ksecrets keygen` without the keyring"


def _backend() -> Any:
    try:
        import keyring
    except ImportError:
        raise ConfigError(
            "the keyring of the system needs the extra `keyring`", hint="pip install 'ksecrets[keyring]'"
        ) from None
    backend = keyring.get_keyring()
    if type(backend).__module__ == "keyring.backends.fail":
        raise ConfigError("the keyring of this system cannot be reached", hint=_WITHOUT)
    return backend


def _refused(error: Exception) -> ConfigError:
    # the type only: a backend may put what it was given into its message
    return ConfigError(f"the keyring of this system refused ({type(error).__name__})", hint="is it unlocked?")
