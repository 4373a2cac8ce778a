"""What is said about an exception that should not have been: where it was raised, and never what it holds.

The message and the arguments of an exception, and the values of local variables, may be secrets. Its class and the
lines of the program are not.
"""

from __future__ import annotations

import os
import sys

from ksecrets._version import __version__
from ksecrets.cli import streams
from ksecrets.errors import EXIT_BUG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "KSECRETS_TRACEBACK"

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def report(problem: BaseException) -> int:
    """Says that there is a bug, and where; with KSECRETS_TRACEBACK=1 the whole way there. Returns the exit code."""
    streams.message(f"bug: {_kind(problem)} in {_place(problem)}")
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        streams.message("\n".join(_traceback(problem)))
    else:
        streams.message(f"hint: run it again with {VARIABLE}=1, which shows no values, and report what it prints")
    return EXIT_BUG


def _place(problem: BaseException) -> str:
    """The deepest of our own lines on the way, else the deepest line."""
    frames = list(_frames(problem))
    ours = [(file, line) for file, line, _ in frames if file.startswith(_PACKAGE + os.sep)]
    file, line = ours[-1] if ours else frames[-1][:2] if frames else ("an unknown place", 0)
    return f"{os.path.relpath(file, os.path.dirname(_PACKAGE)) if ours else file}:{line} (ksecrets {__version__})"


def _traceback(problem: BaseException) -> list[str]:
    lines = [f"ksecrets {__version__}, Python {sys.version.split()[0]}, {sys.platform}"]
    chain: list[BaseException] = []
    current: BaseException | None = problem
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    for each in reversed(chain):
        lines += [f"  {file}:{line} {name}" for file, line, name in _frames(each)]
        lines.append(_kind(each))
    return lines


def _frames(problem: BaseException) -> Iterator[tuple[str, int, str]]:
    trace = problem.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield code.co_filename, trace.tb_lineno, code.co_qualname
        trace = trace.tb_next


def _kind(problem: BaseException) -> str:
    kind = type(problem)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
