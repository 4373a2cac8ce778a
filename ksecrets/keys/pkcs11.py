"""Keys in a token that speaks PKCS#11: YubiHSM, CloudHSM, Fortanix, smart cards, SoftHSM.

A key is named by a URI (RFC 7512) with the token and the label or id of an RSA key:
`pkcs11:token=prod;object=ksecrets`. The data key is wrapped with RSA-OAEP, which they all have: here, with the public
key of the token, for which no PIN is needed (with one, the first of a run is opened again for proof); it is unwrapped
by the token, with the PIN. sops has no such service: the stanza stands in `sops.ksecrets`, and is lost when sops
writes the file (`check` says so, `updatekeys` puts it back).

    KSECRETS_PKCS11_MODULE   the library of the token, an absolute path; never taken from a file in a repository
    KSECRETS_PKCS11_PIN      its PIN; without it KSECRETS_PASSPHRASE_CMD or the terminal is asked

A wrong PIN counts on the token, and some wrong ones lock it: one that was wrong is never used again in a run, and none
is tried when the token says that it is the last time.
"""

from __future__ import annotations

import os
import time
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64

from ksecrets.errors import ConfigError, ServiceFailed
from ksecrets.keys.pkcs11uri import parse
from ksecrets.keys.remote import RemoteKey, needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from ksecrets.keys.remote import Access

    T = TypeVar("T")

SERVICE = "pkcs11"
MODULE_VARIABLE = "KSECRETS_PKCS11_MODULE"
PIN_VARIABLE = "KSECRETS_PKCS11_PIN"
ALGORITHMS = ("RSA-OAEP-256", "RSA-OAEP")
"""By their names in JOSE (RFC 7518, 4.3): SHA-256, and SHA-1 for tokens that have nothing else. The first is written as
no field at all."""
_SMALLEST_MODULUS = 2048
_LEAST = 5.0  # seconds for the token after a person has typed the PIN


class Pkcs11Key(RemoteKey):
    """An RSA key pair in a token."""

    service = SERVICE
    title = "PKCS#11 key"

    def __init__(self, fields: Mapping[str, str], access: Access) -> None:
        super().__init__(fields, access)
        self._uri = parse(self.fields.get("uri", ""))
        algorithm = self.fields.get("algorithm", ALGORITHMS[0])
        if algorithm not in ALGORITHMS:
            raise ConfigError("not an algorithm for a PKCS#11 key", hint="one of " + ", ".join(ALGORITHMS))
        if algorithm == ALGORITHMS[0]:
            self.fields.pop("algorithm", None)
        self._sha1 = algorithm != ALGORITHMS[0]

    def encrypt(self, secret: bytes, deadline: float) -> str:
        public = self.access.kept(("pkcs11-public", self._uri.text), lambda: self._within(self._public_key, deadline))
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        chosen = hashes.SHA1() if self._sha1 else hashes.SHA256()
        wrapped: bytes = public.encrypt(secret, padding.OAEP(padding.MGF1(chosen), chosen, None))
        enc = b2a_base64(wrapped, newline=False).decode("ascii")
        if self.access.environ.get(PIN_VARIABLE):
            self.access.kept(("pkcs11-proven", self.id), lambda: self._prove(secret, enc, deadline))
        return enc

    def _prove(self, secret: bytes, enc: str, deadline: float) -> bool:
        """Whoever has the PIN opens the first that is wrapped in a run: the token may not know how (SHA-256)."""
        try:
            opened = self.decrypt(enc, deadline)
        except ServiceFailed as error:
            if error.reason == "credentials":
                return False  # the PIN is not of this token: for writing, none is needed
            raise
        if opened != secret:
            raise ServiceFailed("what the token unwraps is not what was wrapped", reason="wrong-key")
        return True

    def decrypt(self, enc: str, deadline: float) -> bytes:
        try:
            wrapped = a2b_base64(enc.encode("ascii", "replace"), strict_mode=True)
        except NotBase64:
            raise ServiceFailed("the wrapped data key is damaged: it is no base64", reason="refused") from None
        self._within(self._token, deadline).log_in()  # may ask a person, who is not under a deadline
        return self._within(lambda: self._unwrap(wrapped), max(deadline, time.monotonic() + _LEAST))

    def _unwrap(self, wrapped: bytes) -> bytes:
        from pkcs11 import MGF, Mechanism, ObjectClass

        parameter = (Mechanism.SHA_1, MGF.SHA1, None) if self._sha1 else (Mechanism.SHA256, MGF.SHA256, None)
        private = self._token().one(self._uri, ObjectClass.PRIVATE_KEY)
        if private is None:
            raise ServiceFailed("the token has no such private key", reason="missing")
        found: bytes = private.decrypt(wrapped, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=parameter)
        return found

    def _public_key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
        from pkcs11 import Attribute, ObjectClass

        found = self._token().one(self._uri, ObjectClass.PUBLIC_KEY)
        if found is None:
            raise ServiceFailed(
                "the token has no such public key, or shows it to nobody without a PIN",
                reason="missing",
                hint="the public key must be in the token, too, under the same label and id, and readable to all",
            )
        try:
            numbers = [int.from_bytes(found[each], "big") for each in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)]
            public = RSAPublicNumbers(*numbers).public_key()
        except (ValueError, TypeError):
            raise ServiceFailed("what the token has under this name is no RSA key", reason="missing") from None
        if public.key_size < _SMALLEST_MODULUS:
            raise ServiceFailed("the key is shorter than 2048 bits", reason="refused")
        return public

    def _token(self) -> Any:
        from ksecrets.keys.pkcs11token import Token

        return self.access.kept(("pkcs11-token", *self._uri.token), lambda: Token(self._uri, self.access))

    def _within(self, work: Callable[[], T], deadline: float) -> T:
        from ksecrets.keys.pkcs11token import within

        try:
            return within(self.access, work, deadline)
        except ServiceFailed:
            raise
        except ImportError:
            raise needed("pkcs11", "a PKCS#11 key") from None
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> Exception:
        from pkcs11 import exceptions as known

        name = type(error).__name__
        if isinstance(error, (known.MechanismInvalid, known.MechanismParamInvalid, known.ArgumentsBad)):
            return ServiceFailed(
                f"the token cannot do {self.fields.get('algorithm', ALGORITHMS[0])} ({name})",
                reason="refused",
                hint=None
                if self._sha1
                else "`algorithm: RSA-OAEP` beside the URI in the configuration, if it knows SHA-1 only",
            )
        if isinstance(
            error, (known.TokenNotPresent, known.DeviceRemoved, known.SessionHandleInvalid, known.SessionClosed)
        ):
            self.access.forget(("pkcs11-token", *self._uri.token))
            return ServiceFailed(f"the token was taken out, or its session ended ({name})", reason="unavailable")
        if isinstance(error, known.PKCS11Error):
            # what it calls a ciphertext that is not its own differs from token to token
            return ServiceFailed(
                f"this key did not wrap the data key, or the wrapped data key is damaged ({name})", reason="refused"
            )
        return error


def key(fields: Mapping[str, str], access: Access) -> Pkcs11Key:
    """As `keys.remote` has it: `uri`, and `algorithm` where it is not RSA-OAEP-256. Raises ConfigError otherwise."""
    return Pkcs11Key(fields, access)


def module_path(environ: Mapping[str, str]) -> str:
    """The library of the token. Raises ServiceFailed where it is not named, or by a relative path."""
    path = environ.get(MODULE_VARIABLE, "")
    if not path:
        raise ServiceFailed(
            f"{MODULE_VARIABLE} does not name the library of the token",
            reason="credentials",
            hint="such as /usr/lib/softhsm/libsofthsm2.so, /usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so",
        )
    if not os.path.isabs(path):
        raise ServiceFailed(
            f"{MODULE_VARIABLE} is no absolute path: a repository could have put a library there", reason="credentials"
        )
    return path
