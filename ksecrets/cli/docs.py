"""``python -m ksecrets.cli.docs``: writes docs/cli.md from the table of commands; ``--check`` compares."""

from __future__ import annotations

import os
import sys

from ksecrets.cli.table import COMMANDS, CONFIG, QUIET, Command, Option
from ksecrets.cli.table.reference import ENVIRONMENT, EXIT_CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "cli.md")


def text() -> str:
    """The whole of docs/cli.md."""
    return "\n".join(_lines()) + "\n"


def main(words: Sequence[str]) -> int:
    """Write the file, or with ``--check`` say whether it is as it should be; returns the exit code."""
    if list(words) not in ([], ["--check"]):
        print("usage: python -m ksecrets.cli.docs [--check]", file=sys.stderr)
        return 2
    wanted = text()
    try:
        with open(FILE, encoding="utf-8") as stream:
            there = stream.read()
    except FileNotFoundError:
        there = ""
    if there == wanted:
        return 0
    if words:
        print("docs/cli.md is not what the commands say: ./dev docs", file=sys.stderr)
        return 1
    with open(FILE, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(wanted)
    return 0


def _lines() -> Iterator[str]:
    yield "<!-- Written by `./dev docs` from ksecrets/cli/table; changes here are lost. -->"
    yield ""
    yield "# Commands"
    yield ""
    yield "Data goes to standard output, everything else to standard error. `-h` or `--help` explains a command,"
    yield "`--version` prints the version."
    yield ""
    yield "| command | |"
    yield "|---|---|"
    for command in COMMANDS:
        if not command.hidden:
            name = " ".join(command.words)
            yield f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(command.summary)} |"
    for command in COMMANDS:
        yield from _command(command)
    yield ""
    yield "## Exit codes"
    yield ""
    yield "| code | |"
    yield "|---|---|"
    for code, meaning in EXIT_CODES:
        yield f"| {code} | {_cell(meaning)} |"
    yield ""
    yield "Of several files, each is done for itself; the exit code is that of the first failure. `git textconv`"
    yield "always exits with 0, and `helm wrap` with the exit code of Helm where it comes to that."
    yield ""
    yield "## Environment variables"
    yield ""
    yield "| variable | |"
    yield "|---|---|"
    for names, meaning in ENVIRONMENT:
        yield f"| {', '.join(f'`{name}`' for name in names.split(', '))} | {_cell(meaning)} |"


def _command(command: Command) -> Iterator[str]:
    name = " ".join(command.words)
    yield ""
    yield f"## {name}"
    yield ""
    yield "```"
    yield " ".join(
        [
            "ksecrets",
            *command.words,
            *([] if command.whole else ["[OPTION]..."]),
            *(argument.metavar for argument in command.arguments),
        ]
    )
    yield "```"
    yield ""
    yield _prose(command.summary)
    if command.text:
        yield ""
        yield _prose(command.text)
    if command.options:
        yield ""
        yield "| option | |"
        yield "|---|---|"
        for option in command.options:
            yield _option(option)
    if command.words == ("check",):
        yield from _findings()
    if not command.whole and not command.hidden:
        yield ""
        yield f"Also {_everywhere(QUIET)} {_everywhere(CONFIG)}"


def _everywhere(option: Option) -> str:
    return f"{' or '.join(f'`{each}`' for each in option.names)}: {option.help[0].lower()}{option.help[1:]}"


def _findings() -> Iterator[str]:
    from ksecrets.operations.findings import CODES

    yield ""
    yield "Only errors make it fail. Each finding has one of these codes, which are stable:"
    yield ""
    yield "| code | |"
    yield "|---|---|"
    for code, meaning in CODES.items():
        yield f"| `{code}` | {_cell(meaning)} |"


def _option(option: Option) -> str:
    value = f" {option.metavar}" if option.metavar is not None else ""
    names = ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in option.names)
    return f"| {names} | {_cell(option.help)}{' May be given several times.' if option.many else ''} |"


def _cell(words: str) -> str:
    return _prose(words).replace("|", "\\|")


def _prose(words: str) -> str:
    """Help as Markdown: what would be read as a tag or as emphasis is shown as it is."""
    return words.replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
