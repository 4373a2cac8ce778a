"""`--evaluate-templates`: references in what a chart renders, resolved by a post-renderer.

Helm 3 takes any program as post-renderer, Helm 4 only a plugin with a manifest of its own kind, beside which Helm 3
loads no plugin at all: its folder is not installed, but named to the one Helm that we start (HELM_PLUGINS). Helm gives
a post-renderer the manifests on standard input. Helm 4 swallows its standard error, so ours goes along as a descriptor.

What Helm starts does not inherit the variables that hold an identity, so ``ref+sops`` in a template is opened by the
identities that need none: sops/age/keys.txt, the keyring, gpg.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import KsecretsError
from ksecrets.helm.messages import say_error, say_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.helm.settings import Settings

VERB = "post-renderer"
_PLUGIN = "secrets-post-renderer"
_STDERR = "_KSECRETS_STDERR"
_PROGRAM = "_KSECRETS_POST_RENDERER"


def words(settings: Settings, environ: dict[str, str]) -> list[str]:
    """The options for Helm; `environ`, in which it will run, gets what it needs for them. Raises KsecretsError."""
    from ksecrets.start import command

    program, *arguments = command()
    arguments += ["helm", "wrap"]
    if settings.decode_secrets:
        arguments.append("--evaluate-templates-decode-secrets")
    arguments.append(VERB)
    name = program
    if _major(settings.helm) >= 4:
        name = _PLUGIN
        here = os.path.dirname(os.path.abspath(__file__))
        theirs = environ.get("HELM_PLUGINS") or _ask(settings.helm, "env", "HELM_PLUGINS")
        environ["HELM_PLUGINS"] = os.pathsep.join(filter(None, [theirs, os.path.join(here, "post-renderer")]))
        environ[_PROGRAM] = program
        if os.name != "nt":
            ours = os.dup(2)
            os.set_inheritable(ours, True)
            environ[_STDERR] = str(ours)
    found = ["--post-renderer", name]
    for argument in arguments:
        found += ["--post-renderer-args", argument]
    return found


def main(settings: Settings) -> int:
    """The post-renderer: manifests from standard input to standard output, all of them or none."""
    from ksecrets import Session
    from ksecrets.helm.sources import Sources

    theirs = settings.environ.get(_STDERR, "")
    if theirs.isdigit():
        try:
            os.dup2(int(theirs), 2)
        except OSError:
            pass  # Helm's own will do
    session = Session(settings.environ)
    try:
        text = sys.stdin.buffer.read().decode()
        with Sources(settings, session) as sources:
            done = sources.manifests(text)
    except UnicodeDecodeError:
        return say_error(KsecretsError("what the chart renders is not UTF-8 text"))
    except KsecretsError as error:
        return say_error(error)
    finally:
        if not settings.quiet:
            say_notes(session)
    sys.stdout.buffer.write(done.encode())
    sys.stdout.buffer.flush()
    return 0


def _major(helm: str) -> int:
    """The first number of Helm's version. Raises KsecretsError where Helm does not say it."""
    number = _ask(helm, "version", "--template", "{{.Version}}").lstrip("v").partition(".")[0]
    if not number.isdigit():
        raise KsecretsError(f"{helm} does not say its version")
    return int(number)


def _ask(helm: str, *argv: str) -> str:
    """What Helm prints, without the spaces around it. Raises KsecretsError."""
    import subprocess

    try:
        done = subprocess.run([helm, *argv], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise KsecretsError(f"cannot start {helm}: {error.strerror}", hint="set HELM_BIN") from None
    return done.stdout.decode(sys.getfilesystemencoding(), "replace").strip()
