"""A progress bar on standard error, where that is a terminal and nothing should be quiet."""

from __future__ import annotations

import sys
import time

from ksecrets.cli import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

_LEAST = 24  # of anything: below, nobody has to wait
_PAUSE = 0.1  # seconds between two pictures


class Progress:
    """`with Progress() as shown: work(progress=shown)`: what is called with the numbers done and of all.

    None where nothing is to be shown: in a pipe, with --quiet, and without rich. When the block ends, however it ends,
    the bar is gone and the terminal as it was.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._next = 0.0

    def __enter__(self) -> Callable[[int, int], None] | None:
        if streams.quiet or sys.stderr is None or not sys.stderr.isatty():
            return None
        try:
            import rich.progress  # noqa: F401 (an extra; before any work, so that its absence costs nothing later)
        except ImportError:
            return None
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _show(self, done: int, total: int) -> None:
        """Draws by itself, in this thread: a thread of rich's would forbid a fork."""
        if total < _LEAST:
            return
        now = time.monotonic()
        if self._bar is None:
            self._start(total)
        elif now < self._next and done < total:
            return
        self._next = now + _PAUSE
        self._bar.update(self._task, completed=done, total=total, refresh=True)

    def _start(self, total: int) -> None:
        import rich.progress as drawn
        from rich.console import Console

        columns = (drawn.BarColumn(), drawn.MofNCompleteColumn(), drawn.TimeRemainingColumn())
        self._bar = drawn.Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task = self._bar.add_task("", total=total)
        self._bar.start()
