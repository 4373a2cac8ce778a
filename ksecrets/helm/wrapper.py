"""`helm secrets COMMAND ...`: Helm's own command, with every encrypted values file decrypted on the way.

All files are decrypted and verified, in one session, before Helm starts; the first that cannot be stops everything.
Helm gets paths in their place (handover.py), never a value. It runs with our environment, less the variables that
hold identities: what a chart, a post-renderer or a plugin starts cannot decrypt.

Helm has taken its own options (-n, --kube-context, --debug...) from the command line of a plugin, before or behind
`secrets`, and hands them on as HELM_* variables, which the inner Helm reads again.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import EXIT_INTERRUPTED, KsecretsError, UsageError
from ksecrets.helm import arguments
from ksecrets.helm.messages import say, say_error, say_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets import Session
    from ksecrets.helm.arguments import Named
    from ksecrets.helm.handover import Handover

# Verbs of helm-secrets that are commands of ksecrets; any other word is a command of Helm.
_OWN = {"decrypt": "decrypt", "edit": "edit", "encrypt": "encrypt", "view": "decrypt"}

HELP = """\
Usage: helm secrets COMMAND [ARGS...]

Any command of Helm, with encrypted values files:
  helm secrets install NAME CHART -f env/prod/values.yaml -f env/prod/secrets.yaml
  helm secrets upgrade, template, lint, diff upgrade, ...

Files of -f, --values and --set-file are decrypted in memory, in one process, before Helm starts. Plaintext files pass
as they are, unless their environment wants them encrypted. A file written as ?FILE may be missing.

Commands of ksecrets:
  encrypt [-i] FILE...   decrypt [-i] FILE...   edit FILE   view FILE
  dir                    the folder of this plugin

Without `secrets`, through the getter: helm template NAME CHART -f secrets://env/prod/secrets.yaml
"""


def main(argv: Sequence[str]) -> int:
    """Run ``helm secrets ARGV``; returns the exit code where Helm does not take our place (see Handover.become)."""
    try:
        return _run(list(argv))
    except KsecretsError as error:
        return say_error(error)
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("--help", "-h", "help"):
        sys.stdout.write(HELP)
        return 0
    if argv[0] == "--version":
        from ksecrets._version import __version__

        sys.stdout.write(f"ksecrets {__version__}\n")
        return 0
    if arguments.has_option(argv, "ignore-mac"):
        raise UsageError(
            "--ignore-mac is not for what Helm will deploy",
            hint="ksecrets decrypt --ignore-mac FILE shows the file, to repair it",
        )
    if argv[0] == "dir":
        sys.stdout.write(os.environ.get("HELM_PLUGIN_DIR", "") + "\n")
        return 0
    if argv[0] in _OWN:
        return _ksecrets([_OWN[argv[0]], *argv[1:]])
    return _helm(argv)


def _ksecrets(argv: list[str]) -> int:
    """Run a command of ours, in our place."""
    from ksecrets.helm.handover import Handover
    from ksecrets.start import command

    with Handover() as handover:
        return handover.become([*command(), *argv], os.environ)


def _helm(argv: list[str]) -> int:
    from ksecrets import Session
    from ksecrets.helm.handover import Handover

    session = Session()
    with Handover() as handover:
        try:
            words = arguments.rewrite(argv, _Replacing(session, handover, arguments.verb(argv)))
        finally:
            say_notes(session)
        if handover.note is not None:
            say(f"note: {handover.note}")
        return handover.become([os.environ.get("HELM_BIN") or "helm", *words], session.child_environment())


class _Replacing:
    """The path for Helm of each file; a file that is named twice is decrypted once."""

    __slots__ = ("_handover", "_paths", "_session", "_strict")

    def __init__(self, session: Session, handover: Handover, verb: str | None) -> None:
        self._session = session
        self._handover = handover
        self._paths: dict[str, str] = {}
        # What -f means to a plugin we cannot know: a pattern of helm-unittest is no missing file.
        self._strict = verb in arguments.VALUES_VERBS

    def __call__(self, named: Named) -> str | None:
        from ksecrets.helm.reading import content, exists

        file = named.file
        if file not in self._paths:
            if not exists(file):
                if named.optional:
                    return None
                if not self._strict:
                    return file
            found = content(file, self._session)
            self._paths[file] = file if found.on_disk else self._handover.give(found.data)
        return self._paths[file]
