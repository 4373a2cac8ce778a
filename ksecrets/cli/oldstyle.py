"""Command lines as sops had them before it had commands: ``-d FILE``, ``-e -i FILE``, ``--set '["a"] 1' FILE``.

sops still takes them, and scripts and editors are full of them. ``FILE`` alone edits it. They are rewritten to
the command that does the same, with all other options as they stand; nothing is done here that could not be typed.
"""

from __future__ import annotations

from ksecrets.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_MODES = {
    "-d": "decrypt",
    "--decrypt": "decrypt",
    "-e": "encrypt",
    "--encrypt": "encrypt",
    "-r": "rotate",
    "--rotate": "rotate",
    "--set": "set",
}
_ENDS = (".yaml", ".yml", ".json", ".env", ".ini")


def rewritten(words: Sequence[str], commands: Collection[str], exists: bool) -> list[str] | None:
    """The command line with its command in front, or None where it is not of the old style.

    commands: the first words of all commands there are. exists: whether the last word is the path of a file.
    Raises UsageError for two modes at once (sops does the last one) and for a --set that has no path and value.
    """
    if not words or words[0] in commands:
        return None
    found = [(at, _MODES[word]) for at, word in enumerate(words) if word in _MODES]
    if any(word in commands for word in (words[: found[0][0]] if found else words)):
        return None
    if not found:
        # `sops FILE` is `sops edit FILE`. Anything before the file but options is a command that there is not.
        if len(words) > 1 and not words[0].startswith("-"):
            return None
        return ["edit", *words] if exists or words[-1].endswith(_ENDS) else None
    if not words[0].startswith("-"):
        return None
    if len(found) > 1:
        raise UsageError("several commands at once: " + " and ".join(words[at] for at, _ in found))
    at, command = found[0]
    rest = [*words[:at], *words[at + 1 :]]
    if command != "set":
        return [command, *rest]
    path, bracket, value = rest.pop(at).partition("] ") if at < len(rest) else ("", "", "")
    if not bracket:
        raise UsageError('--set takes a path and a value: --set \'["key"] "value"\' FILE')
    return ["set", "--json", *rest, "--", path + "]", value]
