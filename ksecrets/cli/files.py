"""encrypt, decrypt, seal: whole files, one or many.

Of many files, each is done for itself: one that fails is reported, the others go on, and the exit code is that of the
first failure.
"""

from __future__ import annotations

import sys

import ksecrets
from ksecrets.cli import streams
from ksecrets.errors import KsecretsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ksecrets.operations.writing import Encrypted

STDIN = "-"
_PLAINTEXT_MODE = 0o600
_CIPHERTEXT_MODE = 0o666  # as the umask says


def encrypt(
    files: Sequence[str],
    in_place: bool,
    output: str | None,
    filename_override: str | None,
    input_type: str | None,
    output_type: str | None,
    **options: Any,
) -> int | None:
    """The command `encrypt`. options: those that name readers and a selector."""
    from ksecrets.cli import asked as words  # `decrypt` does without it

    session = ksecrets.Session()
    asked = words.asked(session.environ, options)
    if in_place:
        _refuse_in_place(files, output, filename_override, output_type)

        def work(file: str) -> Encrypted:
            return ksecrets.encrypt(file, write=True, asked=asked, input_type=input_type, session=session)

        return each(files, session, work)
    file = _only(files)
    path, text = _input(file, filename_override, input_type)
    try:
        done = ksecrets.encrypt(
            path, text=text, asked=asked, input_type=input_type, output_type=output_type, session=session
        )
    finally:
        streams.notes(session)
    _put(done.text, output, _CIPHERTEXT_MODE)
    if output not in (None, STDIN):
        streams.status(written(output or "", done))
    return None


def decrypt(
    files: Sequence[str],
    in_place: bool,
    output: str | None,
    extract: str | None,
    ignore_mac: bool,
    require_seal: bool,
    filename_override: str | None,
    input_type: str | None,
    output_type: str | None,
) -> int | None:
    """The command `decrypt`."""
    session = ksecrets.Session()
    if in_place:
        _refuse_in_place(files, output, filename_override, output_type)
        if extract is not None:
            raise UsageError("--extract prints one value: it does not go with -i")
        if len(files) > 1:
            session.open_ahead(files)

        def work(file: str) -> None:
            done = ksecrets.decrypt(
                file,
                write=True,
                ignore_mac=ignore_mac,
                require_seal=require_seal,
                input_type=input_type,
                session=session,
            )
            streams.status(f"{file}  {_values(done.values)} decrypted; it is plaintext now")

        return each(files, session, work)
    file = _only(files)
    path, text = _input(file, filename_override, input_type)
    data: str | bytes
    try:
        if extract is not None:
            data = ksecrets.get(
                path,
                extract,
                text=text,
                ignore_mac=ignore_mac,
                require_seal=require_seal,
                input_type=input_type,
                output_type=output_type,
                session=session,
            )
        else:
            data = ksecrets.decrypt(
                path,
                text=text,
                ignore_mac=ignore_mac,
                require_seal=require_seal,
                input_type=input_type,
                output_type=output_type,
                session=session,
            ).data
    finally:
        streams.notes(session)
    _put(data, output, _PLAINTEXT_MODE)
    return None


def filestatus(file: str, input_type: str | None) -> None:
    """The command `filestatus`: sops's JSON."""
    path, text = _input(file, None, input_type)
    encrypted = ksecrets.filestatus(path, text=text, input_type=input_type)
    streams.write('{"encrypted":true}\n' if encrypted else '{"encrypted":false}\n')


def seal(files: Sequence[str], yes: bool, input_type: str | None) -> int | None:
    """The command `seal`."""
    session = ksecrets.Session()
    _refuse_in_place(files, None, None)

    def confirm(difference: str) -> bool:
        streams.notes(session)
        streams.message(difference.rstrip("\n"))
        if not (yes or streams.asked("seal it as it is now? [y/N] ")):
            raise KsecretsError("not confirmed; nothing was written", hint="--yes confirms without asking")
        return True

    def work(file: str) -> Encrypted:
        try:
            return ksecrets.seal(file, confirm=confirm, input_type=input_type, session=session)
        except KsecretsError as problem:
            raise problem.at(file) from None

    return each(files, session, work, unchanged="already sealed, unchanged")


def each(
    files: Sequence[str],
    session: ksecrets.Session,
    work: Callable[[str], Encrypted | None],
    *,
    unchanged: str = "already encrypted, unchanged",
) -> int | None:
    """Do the same with every file; its result is said, its failure too, and the next one follows.

    Returns the exit code of the first failure.
    """
    failures: list[KsecretsError] = []
    for file in files:
        try:
            done = work(file)
        except KsecretsError as problem:
            if len(files) == 1:
                streams.notes(session)
                raise
            failures.append(problem)
            streams.notes(session)
            streams.error(problem)
        else:
            streams.notes(session)
            if done is not None:
                streams.status(written(file, done) if done.changed else f"{file}  {unchanged}")
    if not failures:
        return None
    streams.message(f"{len(failures)} of {len(files)} files failed")
    return failures[0].exit_code


def written(file: str, done: Encrypted) -> str:
    """The line about a file that was encrypted: ``FILE  12 values for alice, prod-ci``."""
    return f"{file}  {_values(done.values)} for {', '.join(done.readers)}"


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _only(files: Sequence[str]) -> str:
    if not files:
        if sys.stdin is not None and sys.stdin.isatty():
            raise UsageError("name a file, or - for standard input")
        return STDIN
    if len(files) > 1:
        raise UsageError("only one file can go to standard output", hint="give -i to work on each file in its place")
    return files[0]


def _refuse_in_place(
    files: Sequence[str], output: str | None, filename_override: str | None, output_type: str | None = None
) -> None:
    if output is not None:
        raise UsageError("--output does not go with -i")
    if output_type is not None:
        raise UsageError("--output-type does not go with -i: the name of the file would say another type")
    if filename_override is not None:
        raise UsageError("--filename-override does not go with -i: a file is what its path says")
    if STDIN in files or not files:
        raise UsageError("standard input has no place to write to")


def _input(file: str, filename_override: str | None, input_type: str | None) -> tuple[str, str | None]:
    """The path by which the rules apply, and the text where it does not come from the file of that path."""
    if file == STDIN:
        raw = streams.read_stdin_bytes()
    elif filename_override is None:
        return file, None
    else:
        from ksecrets.storage import atomic

        raw = atomic.read_bytes(file)
    from ksecrets.operations.reading import decoded

    name = filename_override or STDIN
    return name, decoded(raw, name, input_type)


def _put(data: str | bytes, output: str | None, mode: int) -> None:
    if output is None or output == STDIN:
        streams.write(data)
        return
    from ksecrets.storage import atomic

    for note in atomic.write(output, data, mode=mode):
        streams.message(f"note: {output}: {note}")
