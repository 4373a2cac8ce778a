"""Everything that `check` can say of one file: first what needs no key, then what an identity proves."""

from __future__ import annotations

from ksecrets.envelope.metadata import identity_fields
from ksecrets.errors import KsecretsError, NoIdentity, NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files.choice import Choice
from ksecrets.files.open import BOM, open_text, read_metadata
from ksecrets.files.sopsreads import watch
from ksecrets.operations.findings import Finding
from ksecrets.operations.inspect import Inspected
from ksecrets.operations.ordinary import is_ordinary
from ksecrets.operations.reading import FINISH_MERGE, REQUIRE_SEAL, conflict_line
from ksecrets.rules.policy import identity
from ksecrets.rules.selector import Selector
from ksecrets.text import yaml
from ksecrets.text.dialect import differs
from ksecrets.text.node import ALIAS, PLAIN, SCALAR
from ksecrets.text.path import format as format_path
from ksecrets.text.resolve import sops_refuses
from ksecrets.values.token import PREFIX, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.open import Opened
    from ksecrets.operations.findings import Severity
    from ksecrets.operations.session import Place, Session
    from ksecrets.rules.policy import Policy
    from ksecrets.text.node import Node
    from ksecrets.values.cipher import DataKey


class Examined:
    """What was found in one file. encrypted: it has a metadata block. verified: True where it was opened and holds,
    False where no identity opens it, None where nothing could be said. kid: of its data key, where it is known.
    metadata: as it stands there, where it can be read. moved: it was sealed under another path.
    """

    __slots__ = ("encrypted", "findings", "kid", "metadata", "moved", "place", "sealed", "verified")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.findings: list[Finding] = []
        self.encrypted = False
        self.sealed = False
        self.moved = False
        self.verified: bool | None = None
        self.kid: str | None = None
        self.metadata: Metadata | None = None

    def add(
        self,
        code: str,
        severity: Severity,
        message: str,
        *,
        line: int | None = None,
        path: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.findings.append(Finding(code, severity, self.place.path, message, line=line, path=path, hint=hint))


def examine(
    place: Place, raw: bytes, session: Session, plaintext: Severity | None, *, keyless: bool = False
) -> Examined:
    """Check one file. raw: its bytes. plaintext: what it is when the file is not encrypted, None for nothing.

    keyless: no identity is asked for, and only what makes a difference to security is looked at.
    """
    done = Examined(place)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if place.format().name == "binary":  # encrypted, it would be JSON
            _not_encrypted(done, "", plaintext)
            return done
        done.add("not-yaml", "error", "not UTF-8 text", line=raw.count(b"\n", 0, error.start) + 1)
        return done
    line = conflict_line(text)
    if line is not None:
        done.add(
            "conflict-markers",
            "error",
            "holds conflict markers of git",
            line=line,
            hint=FINISH_MERGE,
        )
        return done
    try:
        metadata, opened, failure = (None, None, None) if keyless else _opened(text, place, session)
        format = place.format(text)
        seen = Inspected(metadata or read_metadata(text, format), place)
        done.metadata = seen.metadata
        if opened is None or not _chosen(seen, place.policy):
            seen.look(text, format)  # otherwise opening it has proved as much
    except NotEncrypted:
        _not_encrypted(done, text, plaintext)
        return done
    except Tampered as error:
        done.encrypted = True
        done.findings.append(Finding.of(error, "tampered", place.path))
        return done
    except SyntaxRefused as error:
        done.findings.append(Finding.of(error, "not-yaml", place.path))
        return done
    except KsecretsError as error:
        done.findings.append(Finding.of(error, "config", place.path))
        return done
    done.encrypted = True
    done.sealed = seen.sealed
    done.kid = seen.metadata.extension.kid if seen.metadata.extension is not None else None
    _without_key(done, seen, session)
    if failure is None or isinstance(failure, NoIdentity):
        done.verified = opened is not None
    elif not isinstance(failure, Tampered | SyntaxRefused):
        done.verified = False
        done.add("no-key", "warning", failure.message, hint=failure.hint)
    elif not any(finding.code in ("half-decrypted", "conflict-markers", "merge-pending") for finding in done.findings):
        code = "tampered" if isinstance(failure, Tampered) else "not-yaml"
        done.findings.append(Finding.of(failure, code, place.path))
    if opened is not None:
        done.kid = opened.data_key.kid
    if done.verified is not None and not keyless and format.name == "yaml":
        _dialects(done, seen, opened.plaintext if opened is not None else text, opened)
    return done


def _opened(text: str, place: Place, session: Session) -> tuple[Metadata | None, Opened | None, KsecretsError | None]:
    """The metadata as opening the text found it, where it came so far; and what came of it."""
    seen: list[Metadata] = []
    key = session.key_for(place)

    def noting(metadata: Metadata) -> DataKey:
        seen.append(metadata)
        return key(metadata)

    opened, failure = None, None
    try:
        opened = open_text(text, data_key_for=noting, format=place.format(text))
    except KsecretsError as error:
        failure = error
    return (seen[0] if seen else None), opened, failure


def _not_encrypted(done: Examined, text: str, severity: Severity | None) -> None:
    place = done.place
    if severity is None:
        return
    try:
        for _ in place.format().scan(text.removeprefix(BOM)):
            pass
    except SyntaxRefused as error:
        done.findings.append(Finding.of(error, "not-yaml", place.path))
    wants = place.environment or (place.policy.source if place.policy is not None else "the rules")
    done.add(
        "plaintext",
        severity,
        f"is plaintext, and {wants} {'wants' if severity == 'error' else 'may want'} it encrypted",
        hint=f"ksecrets encrypt -i {place.path}",
    )


def _without_key(done: Examined, seen: Inspected, session: Session) -> None:
    place, metadata, policy = done.place, seen.metadata, done.place.policy
    again = f"ksecrets updatekeys {place.path}"
    pending = metadata.extension is not None and metadata.extension.pending
    if not metadata.mac and pending:
        text = "was merged without a key: nobody can read it before somebody with a key has sealed it"
        done.add("merge-pending", "error", text, hint=f"ksecrets resolve {place.path}")
    elif not metadata.mac:
        done.add("conflict-markers", "error", "has no MAC: a merge was not finished, or it was removed")
    elif pending:
        done.add("tampered", "error", "says that a merge is not finished, and has a MAC")
    if policy is not None:
        _readers(done, seen, policy, again)
        _choice(done, seen, policy, again)
    elif place.rules is not None:
        done.add(
            "no-rule", "warning", "is encrypted, and no rule is about it", hint="add it to an environment's `files`"
        )
    if seen.plaintext_lines:
        count = len(seen.plaintext_lines)
        values = "1 value is" if count == 1 else f"{count} values are"
        done.add(
            "half-decrypted",
            "error",
            f"{values} plaintext where {'the rules want' if policy is not None else 'its selector wants'} a token",
            line=seen.plaintext_lines[0],
            hint="restore the file from git, then change it with `ksecrets edit`" if _chosen(seen, policy) else again,
        )
    if place.environment is not None and metadata.extension is not None and seen.environment != place.environment:
        stored = seen.environment
        done.add(
            "environment",
            "error",
            f"was sealed for {stored or 'no environment'}, and the rules give it {place.environment}",
            hint=f"a file of {stored} was copied over it; restore it from git" if stored else again,
        )
    extension = metadata.extension
    if extension is not None and extension.path and place.relative and extension.path != place.relative:
        done.moved = True
        done.add("path", "error", f"was sealed as {extension.path}: it was moved or copied", hint=again)
    if not seen.sealed:
        required = session.environ.get(REQUIRE_SEAL, "") not in ("", "0") or (
            policy is not None and policy.seal_required
        )
        done.add(
            "seal-missing",
            "error" if required else "warning",
            "has no seal" + (", and one is required" if required else ": sops wrote it last"),
            hint=f"ksecrets {'seal' if required else 'encrypt -i'} {place.path}",
        )


def _readers(done: Examined, seen: Inspected, policy: Policy, again: str) -> None:
    wanted = {identity(reader.service, reader.fields): reader.name for reader in policy.recipients}
    there = {}
    for stanza in seen.metadata.stanzas:
        fields = identity_fields(stanza)
        there[identity(stanza.service, fields)] = done.place.reader_name(stanza.service, fields)
    more = [name for key, name in there.items() if key not in wanted]
    less = [name for key, name in wanted.items() if key not in there]
    parts = [f"{', '.join(more)} can read it and should not"] if more else []
    parts += [f"{', '.join(less)} should read it and cannot"] if less else []
    if parts:
        done.add("readers", "error", f"{'; '.join(parts)} (by {policy.source})", hint=again)
    need = (policy.shares.need, len(policy.shares.groups)) if policy.shares is not None else (0, 1)
    groups = len(seen.metadata.groups)
    has = (seen.metadata.shamir_threshold or groups, groups) if groups > 1 else (0, 1)
    if need != has:
        done.add(
            "threshold",
            "error",
            f"{_shares(has)} are needed to open it, and the rules want {_shares(need)}",
            hint=None if policy.shares is not None else again,
        )


def _shares(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]} of {numbers[1]} key groups" if numbers[0] else "no shares"


def _choice(done: Examined, seen: Inspected, policy: Policy, again: str) -> None:
    if not _chosen(seen, policy):
        kind, value = seen.metadata.selector
        done.add(
            "selector",
            "error",
            f"was encrypted with the selector {kind} {value!r}"
            f"{', MAC over encrypted values only' if seen.metadata.mac_only_encrypted else ''}, and the rules have "
            f"{policy.selector.kind} {policy.selector.value!r}"
            f"{', MAC over encrypted values only' if policy.mac_only_encrypted else ''}",
            hint=again,
        )


def _chosen(seen: Inspected, policy: Policy | None) -> bool:
    """Whether the file's own selector is that of the rules."""
    if policy is None:
        return True
    return seen.chosen_by(policy)


def _dialects(done: Examined, seen: Inspected, text: str, opened: Opened | None) -> None:
    """What Helm, sops and Flux do not agree on, and what sops refuses; of tokens nothing is known."""
    text = text.removeprefix(BOM)
    if opened is not None and is_ordinary(text):
        return
    reasons: list[str] = []
    selector = Selector(*seen.metadata.selector)
    choice = Choice(selector, yaml.scan(text) if selector.by_comment else (), text)
    keys: set[str] = set()
    aliases = False
    for node in watch(yaml.scan(text), reasons) if opened is not None else yaml.scan(text):
        if isinstance(node.key, str) and node.key_form == "" and node.key not in keys:
            keys.add(node.key)
            _warn(done, node, differs(node.key, plain=True, tag=None), "the key: ")
        aliases = aliases or node.kind == ALIAS
        if node.kind != SCALAR or node.frame.in_key:
            continue
        if node.value.startswith(PREFIX) and is_token(node.value):
            if opened is not None:
                seen.readable_tokens.append(node.line)
            continue
        plain = node.style == PLAIN
        if not plain and node.tag is None:
            continue
        chosen = opened is not None and choice.of(node)
        sentence = differs(node.value, plain=plain, tag=node.tag)
        _warn(done, node, _without_value(sentence) if sentence is not None and chosen else sentence)
        reason = sops_refuses(node.value, plain=plain, tag=node.tag) if chosen else None
        if reason is not None:
            reasons.append(f"line {node.line}: {reason}")
    if aliases and opened is not None and opened.values:
        reasons.append("an alias stands for an encrypted value, or in the place of one")
    if seen.readable_tokens and _chosen(seen, done.place.policy):
        done.add(
            "selector",
            "warning",
            f"{len(seen.readable_tokens)} tokens stand where the selector leaves values readable",
            line=seen.readable_tokens[0],
        )
    if reasons:
        policy = done.place.policy
        done.add(
            "sops-refuses",
            "error" if policy is not None and policy.sops_compatible == "require" else "warning",
            "sops does not read this file: " + "; ".join(reasons[:3]) + ("; ..." if len(reasons) > 3 else ""),
        )


def _warn(done: Examined, node: Node, sentence: str | None, what: str = "") -> None:
    if sentence is not None:
        done.add(
            "dialect",
            "warning",
            what + sentence,
            line=node.line,
            path=format_path(node.path()),
            hint="write it in quotes" if "string" in sentence else None,
        )


def _without_value(sentence: str) -> str:
    """The sentence for a value that is a secret: `differs` shows the few fixed words of YAML 1.1."""
    if not sentence.startswith("Helm reads the boolean "):
        return sentence
    return "Helm reads a boolean, sops and Flux " + ("cannot read it" if "cannot" in sentence else "a string")
