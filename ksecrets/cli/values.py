"""get, set, unset, edit: the values of one file."""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import KsecretsError, NoSuchValue, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.operations.writing import Encrypted

STDIN = "-"


def get(file: str, key: str, input_type: str | None) -> int | None:
    """The command `get`."""
    session = ksecrets.Session()
    text = streams.read_stdin() if file == STDIN else None
    try:
        value = ksecrets.get(file, key, text=text, input_type=input_type, session=session)
    finally:
        streams.notes(session)
    # For people the prompt shall stand on a line of its own; for programs every byte counts.
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    streams.write(value + "\n" if on_terminal and not value.endswith("\n") else value)
    return None


def set_value(
    file: str,
    key: str,
    value: str | None,
    value_file: str | None,
    value_stdin: bool,
    json: bool,
    text: bool,
    idempotent: bool,
    input_type: str | None,
    output_type: str | None,
) -> int | None:
    """The command `set`. `idempotent` is there for those who know it from sops."""
    _refuse_stdin(file)
    if (value is not None) + (value_file is not None) + value_stdin > 1:
        raise UsageError("give the value once: as VALUE, with --value-file or with --value-stdin")
    if json and text:
        raise UsageError("the value is --json or --text")
    as_sops = not json and not text and _is_sops_form(key)
    if value_file == "-":
        given, as_sops = streams.read_stdin("the value on standard input"), False
    elif value_file is not None:
        from ksecrets.storage import atomic

        given, as_sops = atomic.read(value_file).text, False
    elif value_stdin:
        given = streams.read_stdin("the value on standard input")
    elif value is not None:
        given = _utf8(value)
        if not (json or text or as_sops) and given.startswith('"') and _is_json(given):
            raise UsageError(
                "the value has quotes around it, as for sops",
                hint="--json takes it as JSON, --text with its quotes",
            )
    else:
        given = _asked(key)
        as_sops = as_sops and not (sys.stdin is not None and sys.stdin.isatty())
    new: object = _from_json(given) if json or (as_sops and _is_json(given)) else given
    session = ksecrets.Session()
    try:
        done = ksecrets.set(file, key, new, input_type=same_type(input_type, output_type), session=session)
    finally:
        streams.notes(session)
    _say(file, f"set {key}", done)
    return None


def unset(file: str, key: str, idempotent: bool, input_type: str | None, output_type: str | None) -> int | None:
    """The command `unset`."""
    _refuse_stdin(file)
    session = ksecrets.Session()
    try:
        input_type = same_type(input_type, output_type)
        if idempotent and not _is_there(file, key, input_type, session):
            streams.status(f"{file}  unchanged: there is no {key}")
            return None
        done = ksecrets.unset(file, key, input_type=input_type, session=session)
    finally:
        streams.notes(session)
    _say(file, f"removed {key}", done)
    return None


def _is_there(file: str, key: str, input_type: str | None, session: ksecrets.Session) -> bool:
    try:
        ksecrets.get(file, key, input_type=input_type, session=session)
    except NoSuchValue:
        return False
    return True


def edit(file: str, input_type: str | None, output_type: str | None, **options: Any) -> int | None:
    """The command `edit`. options: those that name readers and a selector of a new file."""
    from ksecrets.cli import asked
    from ksecrets.cli.editor import Editor

    _refuse_stdin(file)
    session = ksecrets.Session()
    try:
        with Editor(file) as editor:
            done = ksecrets.edit(
                file,
                editor,
                asked=asked.asked(session.environ, options),
                input_type=same_type(input_type, output_type),
                session=session,
            )
    finally:
        streams.notes(session)
    _say(file, "saved", done)
    return None


def same_type(input_type: str | None, output_type: str | None) -> str | None:
    """A file that is changed in its place stays what it is."""
    if output_type not in (None, input_type):
        if input_type is None:
            raise UsageError("give --input-type too: a file stays in its format")
        raise UsageError("a file stays in its format: `decrypt --output-type` gives another one")
    return input_type


def _say(file: str, what: str, done: Encrypted) -> None:
    if not done.changed:
        streams.status(f"{file}  unchanged")
    else:
        values = "1 value" if done.values == 1 else f"{done.values} values"
        streams.status(f"{file}  {what}; {values} for {', '.join(done.readers)}")


def _refuse_stdin(file: str) -> None:
    if file == STDIN:
        raise UsageError("this needs a file, standard input has no place to write to")


def _asked(key: str) -> str:
    """The value from a prompt that does not show it, or from standard input without the line break at its end."""
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        try:
            return getpass(streams.printable(f"value of {key}: "))
        except EOFError:
            raise KsecretsError("no value was given; nothing was written") from None
    text = streams.read_stdin("the value on standard input")
    if text.endswith("\r\n"):
        return text[:-2]
    return text.removesuffix("\n")


def _utf8(value: str) -> str:
    try:
        value.encode("utf-8")
        return value
    except UnicodeEncodeError:
        pass  # its error would hold the value
    raise UsageError("the value is not UTF-8 text")


def _is_sops_form(key: str) -> bool:
    """Whether a path is written as sops wants it, in brackets from end to end: its value is meant as for sops, too."""
    import re

    return re.fullmatch(r"""(?:\[(?:"[^"]*"|'[^']*'|\d+)\])+""", key) is not None


class _NotJson(UsageError):
    """A text that is none; what is JSON and would lose something as a value is another error."""


def _is_json(text: str) -> bool:
    try:
        _from_json(text)
    except _NotJson:
        return False
    return True


def _from_json(text: str) -> object:
    import json

    def refuse(name: str) -> None:
        raise _NotJson(f"{name} is no JSON")

    def fraction(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), -float("inf")):
            raise UsageError("a number in the value is beyond what a 64-bit float holds", hint="give it as a string")
        return number

    def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise UsageError("a key stands in the value twice, and only one of the two could be kept")
        return made

    try:
        return json.loads(text, parse_constant=refuse, parse_float=fraction, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        place = f" (line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):  # too many digits, or nested too deeply
        place = ": a number in it is too long, or it is nested too deeply"
    # Raised out here: the decoder's error holds the whole text.
    raise _NotJson(f"the value is not JSON that can be read{place}")
