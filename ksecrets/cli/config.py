"""config show: what holds for a file, and which line says so. config export: all of it, for another tool."""

from __future__ import annotations

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.operations.explain import Explained


def show(file: str, json: bool) -> int | None:
    """The command `config show`."""
    session = ksecrets.Session()
    try:
        found = ksecrets.explain(file, session=session)
    finally:
        streams.notes(session)
    if json:
        from ksecrets.cli.report import as_json

        streams.write(as_json(found.to_json()))
        return None
    lines = _lines(found)
    width = max(len(label) for label, _, _ in lines)
    middle = max(len(text) for _, text, where in lines if where)
    streams.report(
        "\n".join(
            f"{label:<{width}}  {text:<{middle}}  {where}" if where else f"{label:<{width}}  {text}"
            for label, text, where in lines
        )
    )
    for warning in found.policy.warnings:
        streams.message(f"warn: {warning}")
    for sentence in found.unused:
        streams.status(f"note: {sentence}")
    return None


def export(sops: bool) -> int | None:
    """The command `config export`: the file goes to standard output, what it cannot say to standard error."""
    if not sops:
        raise UsageError("for which tool?", hint="ksecrets config export --sops")
    session = ksecrets.Session()
    try:
        found = ksecrets.export_sops(session=session)
    finally:
        streams.notes(session)
    streams.write(found.text)
    for sentence in found.lost:
        streams.message(f"not in .sops.yaml: {sentence}")
    return None


def _lines(found: Explained) -> list[tuple[str, str, str]]:
    """(label, text, where it was decided)."""
    policy = found.policy
    lines = [
        ("file", found.path, ""),
        ("environment", policy.environment or "none: a rule of .sops.yaml", ""),
        ("source", policy.source, ""),
    ]
    if policy.rule is not None:
        lines.append(("rule", policy.rule, ""))
    for name, value in found.settings().items():
        if name == "shares" and policy.shares is None:
            continue
        if name == "readers":
            text = ", ".join(
                each.name if each.kind == "person" else f"{each.name} ({each.kind})" for each in policy.recipients
            )
        elif policy.shares is not None and name == "shares":
            groups = " + ".join("|".join(each.name for each in group) for group in policy.shares.groups)
            text = f"{policy.shares.need} of {groups}"
        elif name == "encrypt":
            text = f"{policy.selector.kind}: {policy.selector.value}"
        else:
            text = "never" if value is None else str(value).lower()
        decided = found.where.get("shares" if name == "readers" and policy.shares is not None else name)
        lines.append((name, text or "nobody", decided or ("(default)" if policy.environment is not None else "")))
    return lines
