"""The two interfaces between a file and a key service, and what travels between them.

A `Recipient` is somebody who can read: it turns a data key into a `Stanza`. An `Identity` is what reads:
it turns stanzas back into the data key. Nothing in this package knows which services exist; they are
listed once, in `ksecrets.keys`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol
else:
    Protocol = object

DATA_KEY_LENGTH = 32
"""Bytes in a data key (AES-256); sops makes no other."""
SHARE_LENGTH = 33
"""Bytes in a Shamir share of a data key: what is wrapped where a file has several key groups."""


def check_length(secret: bytes) -> bytes:
    """The secret itself, if it is a data key or a share; ValueError otherwise (nothing else is ever wrapped)."""
    if len(secret) not in (DATA_KEY_LENGTH, SHARE_LENGTH):
        raise ValueError(f"a data key has {DATA_KEY_LENGTH} bytes, not {len(secret)}")
    return secret


class Stanza:
    """One wrapped copy of the data key, as it stands in the metadata: a service and its text fields.

    fields: sops's names for them, `enc` (the wrapped key) included; all are public. A field that is a
    mapping in the file (`context` of AWS) is held as `context_text` gives it, so that fields are text
    throughout and compare and hash in one form.
    Stanzas are equal when the service and every field are. They are never changed after they are made.
    """

    __slots__ = ("fields", "service")

    def __init__(self, service: str, fields: dict[str, str]) -> None:
        self.service = service
        self.fields = fields

    @property
    def enc(self) -> str:
        """The wrapped data key in the encoding of its service; empty where nothing is wrapped."""
        return self.fields.get("enc", "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stanza) and self.service == other.service and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((self.service, tuple(sorted(self.fields.items()))))

    def __repr__(self) -> str:
        return f"<Stanza {self.service}>"


class Recipient(Protocol):
    """Somebody for whom a data key can be wrapped.

    Guarantees: `wrap` never returns a stanza that the holder of the matching identity cannot open, and
    never the data key in any readable form. What it does not guarantee: that the recipient is who you
    think. A recipient from the metadata of a file is a claim of whoever wrote the file; wrapping a key for
    it hands the file to them. Take recipients from the configuration or the command line.
    """

    service: str
    """sops's name of the list in the metadata: `age`, `kms`, `gcp_kms`..."""

    def identity_fields(self) -> dict[str, str]:
        """The fields that say who this is, without `enc` and `created_at`; what the seal covers."""

    def wrap(self, data_key: bytes) -> Stanza:
        """The data key (32 bytes, or a share of it) wrapped for this recipient.

        Two calls give two different stanzas: wrapping is randomised, so keep the stanza of an unchanged
        recipient instead of wrapping again, or the file changes for nothing.
        Raises ValueError for another length (a bug of the caller), KsecretsError when the service fails.
        """


class Identity(Protocol):
    """Something that can open stanzas: a private key at hand, or the right to ask a key service.

    Its repr and its messages show where it is from and its public half, never the secret.
    """

    where: str
    """For messages: where it was found (`KSECRETS_AGE_KEY`, `~/.config/sops/age/keys.txt:3`)."""
    public: str | None
    """The recipient that it belongs to, or None where that cannot be known without use."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The data key from the first of the stanzas that this identity opens, or None.

        None means "not for me": that is no error, the next identity is tried. Tampered is raised where a stanza
        is for this identity and damaged, KsecretsError where the identity cannot be used. What comes back is a data
        key or a share, but nothing yet says that it is the one of this file: the MAC does that, so never
        act on a data key before the MAC holds.
        """


def context_text(context: Mapping[str, str]) -> str:
    """An AWS encryption context as the text that a stanza field holds: JSON, sorted keys; `""` when empty."""
    if not context:
        return ""
    import json

    return json.dumps(dict(context), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def context_mapping(text: str) -> dict[str, str]:
    """The inverse of `context_text`. Raises ValueError for anything else than a flat mapping of texts."""
    if not text:
        return {}
    import json

    value = json.loads(text)
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("not a mapping of texts")
    return value


def short_recipient(service: str, fields: dict[str, str]) -> str:
    """A recipient without a name: enough of it to be recognised, safe to print.

    `age1qqqq...wxyz`; the comment of an ssh key, where it has one, else the end of the key; what other services
    have as their main field, in full.
    """
    text = next((value for key, value in fields.items() if key not in ("role", "context", "aws_profile")), service)
    text = "".join(c if c.isprintable() else "?" for c in text)
    if service != "age":
        return f"{service} {'/'.join(fields.values()) if service in ('azure_kv', 'hc_vault', 'fortanix') else text}"
    if text.startswith("ssh-"):
        kind, _, rest = text.partition(" ")
        key, _, comment = rest.partition(" ")
        return f"{kind} {comment.strip()[:40] or '...' + key[-8:]}"
    return text if len(text) <= 20 else f"{text[:12]}...{text[-4:]}"
