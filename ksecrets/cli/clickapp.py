"""click's commands, built from the table. click parses and explains; the work is done by `main`, outside of click."""

from __future__ import annotations

import os

import click

from ksecrets._version import __version__
from ksecrets.cli.table import COMMANDS, CONFIG, GROUPS, QUIET, Argument, Command, Option
from ksecrets.errors import EXIT_INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

PROGRAM = "ksecrets"
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def parse(words: Sequence[str] | None) -> tuple[Command, dict[str, Any]] | int:
    """What a command line asks for: a command and the values of its function.

    words: None for those of the process. An int where click has done all there is to do (help, completion, a mistake,
    which it has explained on standard error): the exit code.
    """
    try:
        parsed: tuple[Command, dict[str, Any]] | int = application().main(
            args=words if words is None else list(words), prog_name=PROGRAM, standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    return parsed if parsed is not None else 0


def application() -> click.Group:
    """The whole command line as a click command."""
    top = click.Group(
        PROGRAM,
        help="Encrypted Helm values in git: value by value, byte-exact, in the format of sops.",
        params=[_quiet(), _option(CONFIG)],
        context_settings={**_SETTINGS, "color": False if os.environ.get("NO_COLOR") else None},
    )
    click.version_option(__version__, message="%(prog)s %(version)s", prog_name=PROGRAM)(top)
    groups: dict[str, click.Group] = {}
    for command in COMMANDS:
        parent = top
        if len(command.words) == 2:
            name = command.words[0]
            if name not in groups:
                groups[name] = click.Group(name, help=GROUPS[name], short_help=GROUPS[name])
                top.add_command(groups[name])
            parent = groups[name]
        parent.add_command(_Parsed(command))
    return top


class _Parsed(click.Command):
    """A command that gives back what was asked for, and does nothing."""

    def __init__(self, command: Command) -> None:
        self.entry = command
        text = "\n\n".join(part for part in (command.summary, command.text) if part)
        params: list[click.Parameter] = [_argument(argument, command) for argument in command.arguments]
        if not command.whole:
            params += [_option(option) for option in command.options]
            params += [_quiet(), _option(CONFIG)]
        super().__init__(
            command.words[-1],
            params=params,
            help=text,
            short_help=command.summary,
            hidden=command.hidden,
            context_settings={
                **_SETTINGS,
                **({"help_option_names": []} if command.whole else {}),
            },
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self.entry.whole:
            return super().parse_args(ctx, ["--", *args])
        if not self.entry.separator:
            return super().parse_args(ctx, _numbers_last(args) if self.entry.words == ("set",) else args)
        # click drops the `--`, and with it where it stood.
        at = args.index("--") if "--" in args else None
        rest = super().parse_args(ctx, args if at is None else args[:at])
        ctx.params["after"] = None if at is None else tuple(args[at + 1 :])
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        values = dict(ctx.params)
        if self.entry.whole:
            return self.entry, {key: list(value) for key, value in values.items()}
        above = ctx.find_root().params
        values["quiet"] = values["quiet"] or bool(above.get("quiet"))
        values["config"] = above.get("config") if values["config"] is None else values["config"]
        return self.entry, values


def _numbers_last(args: list[str]) -> list[str]:
    """The words of `set` with a negative number as what it is: a value, as for sops, and no option."""
    numbers = [] if "--" in args else [word for word in args if word[:1] == "-" and word[1:2].isdigit()]
    return [*(word for word in args if word not in numbers), "--", *numbers] if numbers else args


def _argument(argument: Argument, command: Command) -> click.Argument:
    return click.Argument(
        [argument.key],
        metavar=argument.metavar,
        nargs=-1 if argument.many else 1,
        required=argument.required,
        type=_type(argument.file, raw=command.whole),
        shell_complete=_shells if argument.key == "shell" else None,
    )


def _option(option: Option) -> click.Option:
    if option.metavar is None:
        return click.Option([*option.names, option.key], help=option.help, is_flag=True, default=False)
    return click.Option(
        [*option.names, option.key],
        help=option.help,
        metavar=option.metavar,
        multiple=option.many,
        type=_type(option.file),
    )


def _quiet() -> click.Option:
    return click.Option(list(QUIET.names), help=QUIET.help, is_flag=True, default=False)


def _type(file: bool, *, raw: bool = False) -> click.ParamType[Any]:
    if raw:
        return click.UNPROCESSED
    # The type is there for completion; what is wrong with a file, an operation says.
    return click.Path(readable=False, allow_dash=True) if file else click.STRING


def _shells(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    return [shell for shell in ("bash", "zsh", "fish") if shell.startswith(typed)]
