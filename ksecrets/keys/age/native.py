"""age: X25519 recipients (`age1...`) and ssh keys (ssh-ed25519, ssh-rsa), through pyrage.

One stanza is one armored age file for one recipient, as sops stores it (age/keysource.go). The formats are those of
https://age-encryption.org/v1. pyrage is imported when something is parsed, not before.

Post-quantum keys are in `pq`, those of plugins in `plugin`, imported when they are met.
"""

from __future__ import annotations

from ksecrets.envelope.recipient import Stanza, check_length, short_recipient
from ksecrets.errors import ConfigError, Tampered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ksecrets.keys.prompt import Prompt

SERVICE = "age"
_SSH = ("ssh-ed25519", "ssh-rsa")


class Damaged(Exception):
    """What is wrong with an age file that is labelled for an identity; never its content."""


class AgeRecipient:
    """Whoever holds the private key of `text`. It is public; anybody can wrap a key for it.

    text: as the configuration or the file has it, an ssh key with its comment; the file stores it so.
    key: what identifies it: the text without the comment.
    """

    __slots__ = ("_native", "key", "text")

    service = SERVICE

    def __init__(self, text: str, native: Any) -> None:
        self.text = text
        self.key = key_of(text)
        self._native = native

    def identity_fields(self) -> dict[str, str]:
        return {"recipient": self.text}

    def wrap(self, data_key: bytes) -> Stanza:
        return Stanza(SERVICE, {"recipient": self.text, "enc": self._seal(data_key)})

    def _seal(self, data_key: bytes) -> str:
        # an armored age file for this recipient
        enc: bytes = _pyrage().encrypt(check_length(data_key), [self._native], armored=True)
        return enc.decode("ascii")

    def __repr__(self) -> str:
        return f"<AgeRecipient {self.text}>"


class AgeIdentity:
    """A private key at hand. `public` is its recipient, None only for an old-style RSA file that hides it.

    unlock: in place of `native`, for a key under a passphrase: gives it, or raises ConfigError. Called at most once,
    and only for a stanza that is labelled for this key.
    """

    __slots__ = ("_native", "_unlock", "kind", "public", "where")

    def __init__(
        self, native: Any, *, where: str, kind: str, public: str | None, unlock: Callable[[], Any] | None = None
    ) -> None:
        self._native = native
        self._unlock = unlock
        self.where = where
        self.kind = kind
        self.public = public

    def fits(self, stanza: Stanza) -> bool:
        """Whether the stanza is labelled for this identity; True for one that cannot tell without trying."""
        if stanza.service != SERVICE:
            return False
        recipient = stanza.fields.get("recipient", "")
        if self.public is None:
            return recipient.startswith(self.kind + " ")
        return key_of(recipient) == self.public

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """As Identity has it. Only stanzas that are labelled for this key are opened; no blind trials.

        Raises Tampered where such a stanza is not an age file for this key.
        """
        failure: Tampered | None = None
        for stanza in stanzas:
            if not self.fits(stanza):
                continue
            if self._native is None and self._unlock is not None:
                self._native = self._unlock()
            try:
                return self._open(stanza.enc)
            except Damaged as error:
                if self.public is not None:
                    name = short_recipient(SERVICE, {"recipient": self.public})
                    failure = Tampered(f"the data key wrapped for {name} is damaged ({error})")
        if failure is not None:
            raise failure
        return None

    def _open(self, enc: str) -> bytes:
        # the plaintext of an armored age file, or Damaged
        pyrage = _pyrage()
        try:
            return bytes(pyrage.decrypt(enc.encode(), [self._native]))
        except pyrage.DecryptError as error:
            raise Damaged(str(error)) from None

    def __repr__(self) -> str:
        return f"<AgeIdentity {self.where} {self.public}>"


def recipient(fields: dict[str, str]) -> AgeRecipient:
    """The recipient that `fields["recipient"]` names. Raises ConfigError where it is none."""
    return parse_recipient(fields.get("recipient", ""))


def parse_recipient(text: str) -> AgeRecipient:
    """An `age1...` key or a line of an ssh public key file (with or without its comment).

    Checked in full (checksum, key bytes). Raises ConfigError that says what is wrong; a secret key that was put in
    the place of a recipient is named as such and never echoed.
    """
    text = text.strip()
    if "AGE-SECRET-KEY-" in text.upper() or "AGE-PLUGIN-" in text.upper() or "PRIVATE KEY" in text:
        raise ConfigError(
            "this is a secret key; a recipient is the public half of it",
            hint="`age-keygen -y FILE` shows the recipient; if the secret was saved in git, make a new one",
        )
    if not text or not text.isprintable():
        raise ConfigError("an age recipient is one line of text")
    if text.startswith(_SSH):
        return AgeRecipient(text, _parse_ssh(text))
    if text.startswith(("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")):
        raise ConfigError(
            f"age cannot use ssh keys of this type: {text.split(' ', 1)[0][:40]}", hint="use an ssh-ed25519 key"
        )
    if not text.lower().startswith("age1"):
        raise ConfigError("not an age recipient", hint="it starts with age1, ssh-ed25519 or ssh-rsa")
    if text != text.lower():
        raise ConfigError(f"an age recipient is written in lower case: {_short(text)}")
    if text.startswith("age1pq1"):
        from ksecrets.keys.age import pq

        return pq.parse_recipient(text)
    if "1" in text[4:]:
        from ksecrets.keys.age import plugin

        return plugin.parse_recipient(text)
    pyrage = _pyrage()

    try:
        return AgeRecipient(text, pyrage.x25519.Recipient.from_str(text))
    except pyrage.RecipientError as error:
        raise ConfigError(
            f"not an age recipient: {_short(text)} ({error})", hint="a character is wrong, missing or too many"
        ) from None


def parse_identity(text: str, where: str, prompt: Prompt | None = None) -> AgeIdentity:
    """One `AGE-SECRET-KEY-1...`, `AGE-SECRET-KEY-PQ-1...` or `AGE-PLUGIN-...`.

    prompt: through which a plugin asks. Raises ConfigError that names `where`, never the text.
    """
    if text.startswith("AGE-PLUGIN-"):
        from ksecrets.keys.age import plugin

        return plugin.parse_identity(text, where, prompt)
    if text.startswith("AGE-SECRET-KEY-PQ-1"):
        from ksecrets.keys.age import pq

        return pq.parse_identity(text, where)
    if text.startswith("age1"):
        raise ConfigError(f"{where}: this is a recipient (public); an identity starts with AGE-SECRET-KEY-1")
    if not text.startswith("AGE-SECRET-KEY-1"):
        raise ConfigError(f"{where}: not an age identity")
    pyrage = _pyrage()

    try:
        native = pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise ConfigError(f"{where}: not an age identity (its checksum or length is wrong)") from None
    return AgeIdentity(native, where=where, kind="age1", public=str(native.to_public()))


def parse_ssh_identity(content: bytes, where: str, prompt: Prompt | None = None) -> AgeIdentity:
    """The content of an ssh private key file, OpenSSH or PEM. Raises ConfigError that names `where` only.

    prompt: asked for the passphrase when a key that has one is used, not before.
    """
    kind, public, encrypted = _look_into_ssh(content)
    if encrypted and not kind:
        raise ConfigError(
            f"{where}: an ssh key in PKCS#8 under a passphrase cannot be read; `ssh-keygen -p -f FILE` rewrites it"
        )
    if kind not in _SSH:
        raise ConfigError(f"{where}: not an ssh-ed25519 or ssh-rsa private key")
    if encrypted:

        def unlock() -> Any:
            from ksecrets.keys.age.locked import open_ssh

            return open_ssh(content, where, prompt)

        return AgeIdentity(None, where=where, kind=kind, public=public, unlock=unlock)
    pyrage = _pyrage()

    try:
        native = pyrage.ssh.Identity.from_buffer(content)
    except pyrage.IdentityError:
        raise ConfigError(f"{where}: not an ssh private key that age can use") from None
    return AgeIdentity(native, where=where, kind=kind, public=public)


def key_of(recipient: str) -> str:
    """What identifies a recipient: an ssh key without its comment, anything else as it is."""
    return " ".join(recipient.split()[:2]) if recipient.startswith("ssh-") else recipient.strip()


def _pyrage() -> Any:
    # the one place that imports it: 3 ms that a run without age does not pay
    import pyrage

    return pyrage


def _parse_ssh(text: str) -> Any:
    pyrage = _pyrage()

    kind, _, encoded = key_of(text).partition(" ")
    blob = _base64(encoded)
    # pyrage does not look at what follows the key, nor at whether the type is the one that is named
    fields = _ssh_fields(blob, 2 if kind == "ssh-ed25519" else 3)
    good = bool(fields) and fields[0] == kind.encode() and sum(4 + len(field) for field in fields) == len(blob)
    if good and kind == "ssh-ed25519":
        good = len(fields[1]) == 32
    try:
        if good:
            return pyrage.ssh.Recipient.from_str(key_of(text))
    except pyrage.RecipientError:
        pass
    raise ConfigError(f"not an ssh public key: {_short(text)}", hint="take the whole line of the .pub file")


def _look_into_ssh(content: bytes) -> tuple[str, str | None, bool]:
    # kind, recipient and whether a passphrase is needed, read from the open part of a private key file
    if b"-----BEGIN RSA PRIVATE KEY-----" in content:
        return "ssh-rsa", None, b"ENCRYPTED" in content
    begin, end = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
    if begin not in content or end not in content:
        return "", None, b"BEGIN ENCRYPTED PRIVATE KEY" in content
    encoded = content.split(begin, 1)[1].split(end, 1)[0]
    blob = _base64(b"".join(encoded.split()).decode("ascii", "replace"))
    magic = b"openssh-key-v1\0"
    fields = _ssh_fields(blob[len(magic) :], 3)
    if not blob.startswith(magic) or len(fields) < 3:
        return "", None, False
    start = len(magic) + sum(4 + len(field) for field in fields) + 4
    public = (_ssh_fields(blob[start:], 1) or [b""])[0]
    kind = (_ssh_fields(public, 1) or [b""])[0].decode("ascii", "replace")
    import binascii

    return kind, f"{kind} {binascii.b2a_base64(public, newline=False).decode()}", fields[0] != b"none"


def _ssh_fields(blob: bytes, count: int) -> list[bytes]:
    # RFC 4251, section 5: a text is its length as 32 bits, then its bytes; [] where there are fewer
    fields, at = [], 0
    for _ in range(count):
        length = int.from_bytes(blob[at : at + 4], "big")
        if len(blob) < at + 4 + length or len(blob) < at + 4:
            return []
        fields.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    return fields


def _base64(text: str) -> bytes:
    import binascii

    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""


def _short(text: str) -> str:
    # recipients are public, but what was put in their place may be anything: show no more than its beginning
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 20 else text[:16] + "..."
