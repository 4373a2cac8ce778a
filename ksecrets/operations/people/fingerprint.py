"""A key as two people compare it over the telephone."""

from __future__ import annotations

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.rules.policy import Reader


def fingerprint(reader: Reader) -> str:
    """`SHA256:` and 43 characters of base64, as ssh writes it.

    Of an ssh key it is what `ssh-keygen -lf KEY.pub` says (the digest of the key's bytes); of an age recipient the
    digest of its text; of a key of any other service that of its identity fields, sorted.
    """
    import hashlib

    recipient = reader.fields.get("recipient", "")
    if reader.service == "age" and recipient.startswith("ssh-"):
        raw = binascii.a2b_base64(recipient.split()[1])
    elif reader.service == "age":
        raw = recipient.strip().encode()
    else:
        fields = sorted((name, value) for name, value in reader.fields.items() if value)
        raw = "\n".join((reader.service, *(f"{name}={value}" for name, value in fields))).encode()
    digest = binascii.b2a_base64(hashlib.sha256(raw).digest(), newline=False)
    return "SHA256:" + digest.decode("ascii").rstrip("=")


def same(given: str, wanted: str) -> bool:
    """Whether a fingerprint that somebody typed or pasted is this one; `SHA256:` and `=` may be missing."""
    return given.strip().removeprefix("SHA256:").rstrip("=") == wanted.removeprefix("SHA256:")
