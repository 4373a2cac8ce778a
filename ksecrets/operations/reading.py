"""The gate that every reading goes through: what the rules and the seal say before a value is given out."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, KsecretsError, NoIdentity, NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files import formats
from ksecrets.files.open import open_text, read_metadata
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format
    from ksecrets.files.open import Opened
    from ksecrets.operations.session import Place, Session
    from ksecrets.storage.atomic import Source

REQUIRE_SEAL = "KSECRETS_REQUIRE_SEAL"
FINISH_MERGE = "ksecrets resolve FILE"


class Reading:
    """A file that was read, and where it stands. `source` is None for text that came from the caller."""

    __slots__ = ("place", "source", "text")

    def __init__(self, place: Place, text: str, source: Source | None) -> None:
        self.place = place
        self.text = text
        self.source = source


def read(path: str, text: str | None, session: Session, type: str | None = None) -> Reading:
    """The text of a file and its place. `text` given: nothing is read, and `path` is only its name.

    type: the name of its format, where that is not what its name says. The bytes of a binary file come as text that
    ``encode("utf-8", "surrogateescape")`` gives back.
    """
    place = session.place(path)
    place.type = type
    if text is not None:
        return Reading(place, text, None)
    if path == "-":
        raise ConfigError("standard input was not read", file=path)
    source = atomic.read(path, any_bytes=place.format().name == "binary")
    return Reading(place, source.text, source)


def decoded(raw: bytes, path: str, input_type: str | None) -> str:
    """What came in another way than from the file of a path, as text: for `encrypt` and `decrypt` with `text`.

    Strict UTF-8 with every character kept, or any bytes, where type or path mean a binary file. Raises SyntaxRefused.
    """
    name = input_type or formats.for_file(path).name
    return raw.decode("utf-8", "surrogateescape") if name == "binary" else atomic.decoded(raw, path)


def type_of(path: str, text: str) -> str:
    """The name of the format of an encrypted text, by the end of a path and its looks."""
    return formats.for_file(path, text).name


def open_file(
    reading: Reading,
    session: Session,
    *,
    require_seal: bool = False,
    ignore_mac: bool = False,
    keep_tokens: bool = False,
    unsealed: bool = False,
    opener: Callable[..., Opened] = open_text,
) -> Opened:
    """Open an encrypted file under the rules. unsealed: a seal is not required whatever they say, as it is to be made.

    opener: what stands for `open_text`, with its arguments, its errors and its guarantees (`files.relabel`).

    Raises NotEncrypted, NoIdentity, Tampered (which covers a file that the rules place in another environment than it
    was sealed for, and one without a seal where one is required), SyntaxRefused; all with the file's name.
    """
    place = reading.place
    policy = place.policy
    required = require_seal or session.environ.get(REQUIRE_SEAL, "") not in ("", "0")
    if policy is not None and policy.seal_required:
        required = True
    key = session.key_for(place)
    seen: list[Metadata] = []

    def key_after_checks(metadata: Metadata):  # type: ignore[no-untyped-def]
        seen.append(metadata)
        check_environment(metadata, place, session)
        return key(metadata)

    try:
        opened = opener(
            reading.text,
            data_key_for=key_after_checks,
            format=place.format(reading.text),
            require_seal=required and not ignore_mac and not unsealed,
            ignore_mac=ignore_mac,
            keep_tokens=keep_tokens,
        )
    except NoIdentity as error:
        machines = _machines(place, seen)
        if machines:
            job = f"run this job with the identity of {' or '.join(machines)}"
            # Where there is no identity at all, it may as well be a person on a new machine.
            error.hint = job if error.found_any else f"{job}; or else {error.hint}"
        raise error.at(place.path) from None
    except NotEncrypted as error:
        error.hint = error.hint or _how_to_encrypt(place)
        raise error.at(place.path) from None
    except (SyntaxRefused, Tampered) as error:
        line = conflict_line(reading.text)
        if line is not None:
            raise SyntaxRefused(
                "holds conflict markers of git", file=place.path, line=line, hint=FINISH_MERGE
            ) from None
        if isinstance(error, Tampered) and not error.hint:
            error.hint = "it is cut short or was changed by hand: restore its last good version, such as from git"
        raise error.at(place.path) from None
    except KsecretsError as error:
        raise error.at(place.path) from None
    extension = opened.metadata.extension
    if extension is not None and extension.path and place.relative and extension.path != place.relative:
        session.note(f"was sealed as {extension.path}: moved or copied", place.path)
    if ignore_mac:
        session.note("MAC and seal were NOT checked (--ignore-mac)", place.path)
    for note in opened.notes:
        session.note(note, place.path)
    return opened


def check_environment(metadata: Metadata, place: Place, session: Session) -> None:
    """Refuse a file whose stored environment is not the one that the rules give it (docs/threat-model.md)."""
    stored = metadata.extension.environment if metadata.extension is not None else None
    if stored is None:
        return
    if place.environment is not None and place.environment != stored:
        raise Tampered(
            f"sealed for environment {stored}, and the rules give it {place.environment}",
            hint=f"a file of {stored} was copied over it; restore it from git",
        )
    if place.environment is None:
        refuse_vanished_rules(place, session)


def _how_to_encrypt(place: Place) -> str | None:
    """What to do with a plaintext file, by what the rules say of it."""
    if place.real is None:
        return None
    if place.policy is not None:
        return f"ksecrets encrypt -i {place.path}"
    if place.rules is None:
        return f"ksecrets encrypt -i --age RECIPIENT {place.path}"
    return "no rule is about this file: it is to be plaintext, or its path is missing in the configuration"


def _machines(place: Place, seen: list[Metadata]) -> list[str]:
    """The names of the machines among the readers of a file."""
    if place.policy is None or not seen:
        return []
    there = [(stanza.service, stanza.fields) for stanza in seen[-1].stanzas]
    return [
        reader.name
        for reader in place.policy.recipients
        if reader.kind == "machine" and any(reader.same_key(*stanza) for stanza in there)
    ]


def refuse_vanished_rules(place: Place, session: Session) -> None:
    """Refuse to go on where the trusted ref has a `.ksecrets.yaml` and the working tree has none.

    A `.sops.yaml` in its place does not help: whoever takes away the one can bring the other.
    """
    if place.top is None or os.path.lexists(os.path.join(place.top, ".ksecrets.yaml")):
        return
    repository = session.repository(place)
    if repository is None:
        return
    ref = session.trusted_ref(place)
    if ref is not None and repository.blob(f"{ref}:.ksecrets.yaml") is not None:
        from ksecrets.operations.wanted import NO_FILE

        named = os.path.basename(place.path) != NO_FILE
        raise ConfigError(
            f".ksecrets.yaml is missing here, and {ref} has one",
            file=place.path if named else os.path.dirname(place.path) or os.curdir,
            hint=f"git checkout {ref} -- .ksecrets.yaml",
        )


def refuse_plaintext(place: Place) -> None:
    """Refuse a plaintext file where its environment wants it encrypted.

    The rules of a `.sops.yaml` say how files are encrypted, not which: one without `path_regex` is about every file.
    """
    if place.environment is None:
        return
    raise NotEncrypted(
        f"is plaintext, and {place.environment} wants it encrypted",
        file=place.path,
        hint=f"ksecrets encrypt -i {place.path}",
    )


def is_encrypted(text: str, format: Format | None = None) -> bool:
    """Whether a text has a metadata block. format: by its looks where none is given.

    Raises SyntaxRefused where it is not in its format, Tampered for a broken block. Any bytes are a binary file.
    """
    try:
        read_metadata(text, format)
    except NotEncrypted:
        return False
    return True


def looks_encrypted(text: str) -> bool:
    """Whether a text has a token: also one whose block is broken, or that has conflict markers."""
    return "ENC[AES256_GCM," in text


def conflict_line(text: str) -> int | None:
    """The line of the first conflict marker, or None."""
    at = 0 if text.startswith("<<<<<<< ") else text.find("\n<<<<<<< ") + 1
    if at == 0 and not text.startswith("<<<<<<< "):
        return None
    return text.count("\n", 0, at) + 1 if "\n>>>>>>> " in text[at:] else None
