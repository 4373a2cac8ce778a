"""The pipe from plaintext to file and back, as tests drive it: one data key, one age identity, and the real sops."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import Any

from ksecrets.envelope.metadata import Extension, Metadata
from ksecrets.envelope.recipient import Stanza
from ksecrets.envelope.wrap import unwrap, wrap
from ksecrets.files.formats import Format
from ksecrets.files.open import Opened, open_text
from ksecrets.files.seal import Sealed, seal_text
from ksecrets.keys.age.native import parse_identity, parse_recipient
from ksecrets.values.cipher import DataKey

RAW_KEY = bytes(range(32))
KEY = DataKey(RAW_KEY)
FAKE_STANZA = Stanza("age", {"recipient": "age1qqqq", "enc": "-----BEGIN-----\nAAAA\n-----END-----\n"})


class Person:
    """Somebody with an age key, made for one run of the tests."""

    def __init__(self) -> None:
        from pyrage import x25519

        native = x25519.Identity.generate()
        self.secret = str(native)
        self.public = str(native.to_public())
        self.identity = parse_identity(self.secret, "the test")
        self.recipient = parse_recipient(self.public)


@cache
def alice() -> Person:
    """The reader of every file that real sops is to open."""
    return Person()


@cache
def stanzas() -> tuple[Stanza, ...]:
    """KEY, wrapped for alice."""
    return wrap(RAW_KEY, [alice().recipient])


def metadata(*, real: bool = False, **changes: Any) -> Metadata:
    """What `seal_text` wants. real: with a wrapped key that alice opens; otherwise one that nobody does."""
    values: dict[str, Any] = {
        "lastmodified": "2026-01-01T00:00:00Z",
        "mac": "",
        "version": "3.13.3",
        "groups": (stanzas() if real else (FAKE_STANZA,),),
        "extension": Extension(kid="", environment="dev", path="env/dev/secrets.yaml"),
    }
    values.update(changes)
    return Metadata(**values)


def seal(
    text: str,
    *,
    format: Format | None = None,
    comments: str = "auto",
    old: Opened | None = None,
    real: bool = False,
    **changes: Any,
) -> Sealed:
    """Encrypt `text` under KEY."""
    return seal_text(
        text,
        data_key=KEY,
        metadata=metadata(real=real, **changes),
        format=format,
        comments=comments,
        old_tokens=old.tokens if old is not None else None,
    )


def open_(text: str, **options: Any) -> Opened:
    """Open a text that was encrypted under KEY."""
    return open_text(text, data_key_for=lambda _: KEY, **options)


def open_as_alice(text: str, **options: Any) -> Opened:
    """Open a text that was encrypted for alice, by whomever."""
    return open_text(text, data_key_for=lambda found: DataKey(unwrap(found, [alice().identity])[0]), **options)


class Sops:
    """The real sops, with alice's key. Texts of one type in and out; `error` of the last call that failed."""

    def __init__(self, program: str, type: str = "yaml") -> None:
        self.program = program
        self.type = type
        self.error = ""

    def run(self, arguments: list[str], text: str) -> str | None:
        """Its output, or None where it fails."""
        done = subprocess.run(
            [self.program, *arguments, "--input-type", self.type, "--output-type", self.type, "/dev/stdin"],
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            env={**os.environ, "SOPS_AGE_KEY": alice().secret, "SOPS_DISABLE_VERSION_CHECK": "1"},
            cwd="/",
            timeout=120,
        )
        self.error = done.stderr.decode(errors="replace")
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None

    def decrypt(self, text: str) -> str | None:
        return self.run(["decrypt"], text)

    def encrypt(self, text: str, *options: str) -> str | None:
        return self.run(["encrypt", "--age", alice().public, *options], text)
