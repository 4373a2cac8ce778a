"""Two configurations, compared by what they mean: who reads what by key, and which files are encrypted how.

Each environment is compared for itself, and each file of the tree by what holds for it before and after: a rule that
was taken out widens just as a reader that was put in does. Names are for people; keys decide.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.operations.findings import Finding
from ksecrets.rules import FILE
from ksecrets.rules.policy import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.findings import Severity
    from ksecrets.operations.review.treerules import TreeRules
    from ksecrets.rules.policy import Policy, Reader

    Found = tuple[str, Severity, str, str | None]  # code, severity, message, hint

_NO_FILE = "\x01"  # a path that only `**` matches: the environment itself
_CONFIRM = "compare the key with its owner on another way than this change; then --allow {code}"


def compare(base: TreeRules, head: TreeRules, paths: Sequence[str], label: str) -> list[Finding]:
    """What HEAD's rules change. paths: every file of HEAD. label: what BASE is called."""
    findings = _files(base, head, paths, label)
    if base.broken or head.broken or not base.exist:
        return findings
    seen: dict[Found, list[str]] = {}
    lines: dict[Found, int] = {}
    for found, line in _environments(base, head):
        seen.setdefault(found, [])
        lines[found] = line
    known = set(seen)
    for path in paths:
        for found in _path(base, head, path):
            seen.setdefault(found, []).append(path)
    for found, concerned in seen.items():
        code, severity, message, hint = found
        if concerned:
            some = f"{len(concerned)} files, such as " if len(concerned) > 1 else ""
            message += f" ({some}{concerned[0]})"
        file = FILE if head.own is not None or found in known or base.own is not None else ".sops.yaml"
        findings.append(Finding(code, severity, file, message, line=lines.get(found), hint=hint))
    return findings


def _files(base: TreeRules, head: TreeRules, paths: Sequence[str], label: str) -> list[Finding]:
    """Configurations that came, went, or stand where none may stand."""
    found = list(head.problems)
    had = base.own is not None or base.broken
    has = head.own is not None or head.broken
    if had and not has:
        hint = f"git checkout {label} -- {FILE}"
        found.append(Finding("config-vanished", "error", FILE, f"{label} has one, and it is gone", hint=hint))
    elif has and not had:
        what = "with it this change brings rules of its own" if base.exist else "there were no rules before it"
        found.append(Finding("config-new", "error" if base.exist else "warning", FILE, f"is new: {what}"))
    for path in paths:
        if path.endswith("/" + FILE):
            text = f"only the {FILE} at the top of the repository counts, and this is another one"
            found.append(Finding("config-nested", "error", path, text, hint="move its environments to the top one"))
    return found


def _environments(base: TreeRules, head: TreeRules) -> Iterator[tuple[Found, int]]:
    """What changed in the definitions, whether or not there is a file yet; with the line in HEAD's file."""
    old, new = base.config, head.config
    if old is None or new is None:
        return
    for name, was in old.environments.items():
        now = new.environments.get(name)
        if now is None:
            yield ("environment-removed", "warning", f"the environment {name} is gone", None), 1
            continue
        before = was.policy(_NO_FILE, FILE, old.sops_compatible)
        after = now.policy(_NO_FILE, FILE, new.sops_compatible)
        for found in differences(before, after, name):
            yield found, now.line
        kept = {glob.pattern for glob in now.globs}
        for pattern in [glob.pattern for glob in was.globs if glob.pattern not in kept]:
            yield ("files-changed", "warning", f"{name} no longer has the files {pattern}", None), now.line
    for name, now in new.environments.items():
        if name not in old.environments:
            readers = ", ".join(reader.name for reader in now.readers)
            yield ("environment-added", "warning", f"the environment {name} is new, read by {readers}", None), now.line


def _path(base: TreeRules, head: TreeRules, path: str) -> Iterator[Found]:
    """What changes for one file."""
    try:
        was = base.policy(path)
    except ConfigError:
        return  # a finding about BASE, for every file that is looked at
    try:
        now = head.policy(path)
    except ConfigError as error:
        yield "config", "error", error.message, error.hint
        return
    if was is None:
        return
    name = was.environment or was.source
    if now is None:
        yield "encryption-lost", "error", f"files of {name} need not be encrypted any more", None
        return
    if was.environment != now.environment and was.environment is not None:
        yield "environment-changed", "error", f"files of {name} belong to {now.environment or 'no environment'}", None
    yield from differences(was, now, name)


def differences(was: Policy, now: Policy, name: str) -> Iterator[Found]:
    """What is wider, or at least other, under `now` than under `was`. name: what people call what they are about."""
    old = {identity(reader.service, reader.fields): reader for reader in was.recipients}
    new = {identity(reader.service, reader.fields): reader for reader in now.recipients}
    removed = {reader.name for key, reader in old.items() if key not in new}
    added = {reader.name for key, reader in new.items() if key not in old}
    for key, reader in new.items():
        if key not in old:
            what = f"{reader.name} reads {name} with another key" if reader.name in removed else f"{reader.name} may"
            what += "" if reader.name in removed else f" read {name}"
            yield "reader-added", "error", f"{what}: {shown(reader)}", _CONFIRM.format(code="reader-added")
    for key, reader in old.items():
        if key not in new and reader.name not in added:
            recovery = reader.kind == "recovery"
            what = f"{reader.name} reads {name} no more" + (": it is a recovery key" if recovery else "")
            yield "reader-removed", "error" if recovery else "warning", what, None
    if was.seal_required and not now.seal_required:
        yield "seal-dropped", "error", f"{name} does not require a seal any more", None
    if _selection(was) != _selection(now):
        text = f"other values of {name} are encrypted: {_selector(now)}, before {_selector(was)}"
        yield "selector-changed", "error", text, None
    if _shares(was) != _shares(now):
        yield "shares-changed", "error", f"the key groups of {name} are others: {_shares(now)} are needed", None
    if now.min_readers < was.min_readers:
        yield "min-readers", "warning", f"{name} asks for {now.min_readers} readers, before for {was.min_readers}", None


def shown(reader: Reader) -> str:
    """A key for people: enough of it to compare, on one line."""
    first = next((text for text in reader.fields.values() if text), reader.service)
    return first if len(first) <= 80 else first[:77] + "..."


def _selection(policy: Policy) -> tuple[object, ...]:
    return policy.selector.kind, policy.selector.value, policy.mac_only_encrypted, policy.comments


def _selector(policy: Policy) -> str:
    only = ", MAC over encrypted values only" if policy.mac_only_encrypted else ""
    return f"{policy.selector.kind} {policy.selector.value!r}{only}, comments {policy.comments}"


def _shares(policy: Policy) -> str:
    if policy.shares is None:
        return "no shares"
    groups = [
        sorted(str(identity(reader.service, reader.fields)) for reader in group) for group in policy.shares.groups
    ]
    import zlib

    # The groups themselves are too long for a message; a checksum of their keys makes two of them differ.
    return f"{policy.shares.need} of {len(groups)} (keys {zlib.crc32(repr(groups).encode()):08x})"
