"""Where the program starts: a small first stage before click, and the one place where errors become exit codes.

git and Helm start us again and again for one small file, and importing click takes longer than decrypting it. So the
first stage parses the complete, exact command lines of hot commands by the same table that click's commands are built
from. Whatever it does not know for certain (other commands, --help, a mistake, an abbreviation) is left to click, so
help and errors are always click's. A test holds that both parse alike, and which modules a hot command may import.
"""

from __future__ import annotations

import sys

from ksecrets import _version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any

    from ksecrets.cli.table import Command

    Values = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (by default that of the process); returns its exit code, of the table in docs/cli.md."""
    words = sys.argv[1:] if argv is None else list(argv)
    if argv is None:
        _collect_seldom()
    if words in (["--version"], ["version"]):
        code = guarded(version)
    else:
        known = None
        if argv is None:
            from ksecrets.cli import modules

            known = modules.use()
        sys.excepthook = _hook
        code = guarded(lambda: _run(words, given=argv is not None))
        if known is not None:
            known.save()
    if argv is None:
        _leave(code)
    return code


def version() -> None:
    """The command `version`."""
    from ksecrets.cli import streams

    streams.write(f"ksecrets {_version.__version__}\n")


def _run(words: list[str], *, given: bool) -> int:
    _no_core_dumps()
    from ksecrets.cli import streams

    call = first_stage(words)
    if call is None:
        from ksecrets.cli import clickapp

        old = _old_style(words)
        parsed = clickapp.parse(old or (words if given else None))
        if isinstance(parsed, int):
            return parsed
        call = parsed
    else:
        # A process for one small file: the rest of PyYAML would take longer to import than the work takes.
        from ksecrets import lean

        lean.ON = True
    command, values = call
    streams.quiet = values.pop("quiet", False)
    config = values.pop("config", None)
    if config is not None:
        from os import environ

        environ["SOPS_CONFIG"] = config
    return work_of(command)(**values) or 0


def _old_style(words: list[str]) -> list[str] | None:
    from os import environ, path

    from ksecrets.cli.oldstyle import rewritten
    from ksecrets.cli.table import COMMANDS

    if "_KSECRETS_COMPLETE" in environ:
        return None
    commands = {command.words[0] for command in COMMANDS}
    return rewritten(words, commands, bool(words) and path.isfile(words[-1]))


def work_of(command: Command) -> Callable[..., int | None]:
    """The function of a command."""
    module, _, name = command.run.partition(":")
    module = "ksecrets." + module
    __import__(module)
    found: Callable[..., int | None] = getattr(sys.modules[module], name)
    return found


# -- the first stage ---------------------------------------------------------------------------------------------------


def first_stage(words: Sequence[str]) -> tuple[Command, Values] | None:
    """A complete, exact command line of a hot command: the command, and the values of its function. Else None."""
    from os import environ, name

    if "_KSECRETS_COMPLETE" in environ or (name == "nt" and any(set(word) & set("*?[~$%") for word in words)):
        return None
    from ksecrets.cli.table import COMMANDS

    for command in COMMANDS:
        length = len(command.words)
        if command.hot and tuple(words[:length]) == command.words:
            return _values(command, list(words[length:]))
    return None


def _values(command: Command, words: list[str]) -> tuple[Command, Values] | None:
    from ksecrets.cli.table import CONFIG, QUIET

    if command.whole:
        return command, {command.arguments[0].key: words}
    values: Values = {
        option.key: () if option.many else None if option.metavar else False for option in command.options
    }
    values["quiet"] = False
    values["config"] = None
    if command.separator:
        values["after"] = None
    options = {name: option for option in (*command.options, QUIET, CONFIG) for name in option.names}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        option = options.get(word)
        if word == "--" and command.separator:
            values["after"] = tuple(rest)
        elif option is None:
            if word.startswith("-") and word != "-":
                return None
            plain.append(word)
        elif option.metavar is None:
            values[option.key] = True
        else:
            value = next(rest, "-")
            if value.startswith("-"):  # missing, or one that click may see in another way
                return None
            values[option.key] = (*values[option.key], value) if option.many else value
    for argument in command.arguments:
        if argument.many:
            values[argument.key], plain = tuple(plain), []
            if argument.required and not values[argument.key]:
                return None
        elif plain:
            values[argument.key] = plain.pop(0)
        elif argument.required:
            return None
        else:
            values[argument.key] = None
    return (command, values) if not plain else None


def _collect_seldom() -> None:
    """Look for cycles after 100,000 new objects and not after 700: a short process makes none that are worth it.

    Collecting takes 4% of what a megabyte takes. It is not turned off: reading a file leaves a cycle that holds its
    text, and there may be 10,000 files.
    """
    import gc

    gc.set_threshold(100_000)


def _leave(code: int) -> None:
    """End the process now where Python has nothing left to do but to take itself apart.

    That takes a tenth of what a small decryption takes as a whole. Where anything has asked to be called at the end
    (which every import of `threading` or `logging` does), this returns, and Python ends as always.
    """
    import atexit
    import os

    if "threading" in sys.modules or atexit._ncallbacks():
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


# -- errors ------------------------------------------------------------------------------------------------------------


def guarded(work: Callable[[], int | None]) -> int:
    """Run some work; whatever it raises becomes a message on standard error and an exit code."""
    try:
        return work() or 0
    except Exception as problem:
        return _failed(problem)
    except KeyboardInterrupt:
        return 130


def _failed(problem: Exception) -> int:
    from ksecrets.cli import streams
    from ksecrets.errors import KsecretsError

    if isinstance(problem, KsecretsError):
        streams.error(problem)
        return problem.exit_code
    if isinstance(problem, BrokenPipeError):
        streams.give_up_output()
        return 141
    from ksecrets.cli import bug

    return bug.report(problem)


def _hook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    # For what is raised outside of `guarded`, such as in a destructor or on the way out.
    if isinstance(problem, Exception):
        _failed(problem)


def _no_core_dumps() -> None:
    try:
        import resource
    except ImportError:  # Windows has no core dumps
        return
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    sys.exit(main())
