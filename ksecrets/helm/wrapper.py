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
from ksecrets.helm import arguments, confine
from ksecrets.helm.address import STDIN
from ksecrets.helm.messages import say, say_error, say_notes
from ksecrets.helm.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets import Session
    from ksecrets.helm.address import Address
    from ksecrets.helm.handover import Handover
    from ksecrets.helm.sources import Sources

HELP = """\
Usage: helm secrets [OPTIONS] COMMAND [ARGS...]

Any command of Helm, with encrypted values files:
  helm secrets install NAME CHART -f env/prod/values.yaml -f env/prod/secrets.yaml
  helm secrets upgrade, template, lint, diff upgrade, ...

Files of -f, --values and --set-file are decrypted in memory, in one process, before Helm starts. Plaintext files pass
as they are, unless their environment wants them encrypted. A file written as ?FILE may be missing; sops!FILE,
vals!FILE and noop!FILE name the backend of one file.

Options, and the variables of the same meaning:
  -q, --quiet                                         no remarks            HELM_SECRETS_QUIET
  -b, --backend sops|vals|noop                        files, references     HELM_SECRETS_BACKEND
  -a, --backend-args ARGS                                                   HELM_SECRETS_BACKEND_ARGS
  --ignore-missing-values [true|false]                                      HELM_SECRETS_IGNORE_MISSING_VALUES
  --evaluate-templates [true|false]                   references in what    HELM_SECRETS_EVALUATE_TEMPLATES
  --evaluate-templates-decode-secrets [true|false]    the chart renders     ..._EVALUATE_TEMPLATES_DECODE_SECRETS

Commands of ksecrets:
  encrypt [-i] FILE...   decrypt [-i] [--terraform] FILE...   edit FILE   view FILE
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
    settings = Settings(os.environ)
    argv = settings.take_options(argv)
    if not argv or argv[0] in ("--help", "-h", "help"):
        sys.stdout.write(HELP)
        return 0 if argv else 1  # as helm-secrets
    if argv[0] in ("--version", "-v"):
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
    if argv[0] == "downloader":
        from ksecrets.helm import getter

        return getter.main(argv[1:])
    if argv[0] == "post-renderer":
        from ksecrets.helm import evaluate

        return evaluate.main(settings)
    if argv[0] in ("decrypt", "edit", "encrypt", "view"):
        from ksecrets.helm import verbs

        return verbs.run(argv[0], argv[1:], settings)
    return _helm(argv, settings)


def _helm(argv: list[str], settings: Settings) -> int:
    from ksecrets import Session
    from ksecrets.helm.handover import Handover
    from ksecrets.helm.sources import Sources

    session = Session()
    with Handover() as handover:
        try:
            with Sources(settings, session) as sources:
                _ask_ahead(argv, settings, session)
                words = arguments.rewrite(argv, _Replacing(sources, handover, arguments.verb(argv)))
                words = _without_secrets(words, sources, handover)
        finally:
            if not settings.quiet:
                say_notes(session)
        if handover.note is not None:
            say(f"note: {handover.note}")
        environ = session.child_environment()
        if settings.evaluate and arguments.verb(words) in arguments.RENDERING_VERBS:
            from ksecrets.helm import evaluate

            words = arguments.with_options(words, evaluate.words(settings, environ))
        return handover.become([settings.helm, *words], environ)


def _ask_ahead(argv: list[str], settings: Settings, session: Session) -> None:
    """Have key services asked for all files side by side. What is wrong with one is said when its turn comes."""
    found: list[str] = []

    def note(address: Address, _set_file: bool) -> str:
        plain = not (address.literal or address.is_url or address.key is not None or address.file == STDIN)
        if plain and os.path.isfile(address.file):
            try:
                confine.check_file(address.file, settings, plain=address.file == address.text)
                found.append(address.file)
            except KsecretsError:
                pass
        return address.text

    arguments.rewrite(argv, note)
    if len(found) > 1 and not settings.keyrings:
        session.open_ahead(found)


def _without_secrets(argv: list[str], sources: Sources, handover: Handover) -> list[str]:
    """The command line with the secrets of its --set options in files for Helm instead (sets.py)."""
    options = arguments.sets(argv)
    if not any("!" in text or "ref+" in text or "ENC[" in text for _, text in options):
        return argv
    from ksecrets.helm.sets import plan

    made = plan(options, sources.value)
    behind: list[list[str]] = [[] for _ in options]
    for number, key, text in made.files:
        behind[number] += ["--set-file", f"{key}={handover.give(text.encode())}"]
    last = []
    if made.typed:
        import json

        last = ["--values", handover.give(json.dumps(made.typed).encode())]
    return arguments.with_sets(argv, made.texts, behind, last)


class _Replacing:
    """The path for Helm of each file; a file that is named twice is decrypted once."""

    __slots__ = ("_handover", "_paths", "_sources", "_strict")

    def __init__(self, sources: Sources, handover: Handover, verb: str | None) -> None:
        self._sources = sources
        self._handover = handover
        self._paths: dict[tuple[str, str, str], str | None] = {}
        # What -f means to a plugin we cannot know: a pattern of helm-unittest is no missing file.
        self._strict = verb in arguments.VALUES_VERBS

    def __call__(self, address: Address, set_file: bool) -> str | None:
        if not address.file and not address.literal:
            return address.text  # Helm's to refuse
        key = address.identity
        if key not in self._paths:
            here = not address.marked and not address.is_url and address.file != STDIN
            if here and not self._strict and not address.optional and not os.path.exists(address.file):
                return address.text
            found = self._sources.content(address, is_yaml=not set_file)
            if found is None:
                return None
            self._paths[key] = address.file if found.on_disk else self._handover.give(found.data)
        return self._paths[key]
