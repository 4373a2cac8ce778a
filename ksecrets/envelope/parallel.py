"""The same question to many, side by side: what waits for a network waits once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")
    R = TypeVar("R")

LIMIT = 16
"""Questions at a time: KMS services allow some hundred a second to each account."""


def each(work: Callable[[T], R], items: Sequence[T], *, limit: int = LIMIT) -> list[R | Exception]:
    """What `work` gives for each item, or the exception that it raised, in their order; at most `limit` at a time.

    All threads have ended when this returns. A KeyboardInterrupt lets those end that are under way, and goes on.
    """
    if len(items) < 2 or limit < 2:
        return [_one(work, item) for item in items]
    import threading

    results: list[R | Exception] = [RuntimeError("not done")] * len(items)
    numbers = iter(range(len(items)))
    lock = threading.Lock()
    stopped = False

    def run() -> None:
        while not stopped:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            results[number] = _one(work, items[number])

    threads = [threading.Thread(target=run, daemon=True) for _ in range(min(limit, len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        stopped = True
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        raise
    return results


def _one(work: Callable[[T], R], item: T) -> R | Exception:
    try:
        return work(item)
    except Exception as error:
        return error
