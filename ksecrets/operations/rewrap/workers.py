"""The same work for many items in several processes: forks of this one, so that nothing travels but results.

Python's own pools hand work out through pipes that every child holds open, and so live on when their parent is killed.
Here a child has its share from the start, writes each result to a pipe of its own, and ends at the first write that
nobody reads. Keys that this process has unlocked are there in its children without another question to the user.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

WORTH_IT = 24
"""Items below which a fork costs more than it saves."""


def processes() -> int:
    """How many processes this one may use; 1 where it cannot be forked: on other systems than Linux, with threads, and
    where the library of a token is open (PKCS#11 leaves open what becomes of it; each child would ask for the PIN)."""
    if sys.platform != "linux":
        return 1
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return 1
    tokens = sys.modules.get("ksecrets.keys.pkcs11token")
    if tokens is not None and tokens.is_open():
        return 1
    return min(len(os.sched_getaffinity(0)), 16)


def spread(items: Sequence[Any], work: Callable[[Any], Any], count: int) -> Iterator[tuple[int, Any]]:
    """Yields (index, result) of `work` for each item as it comes, from `count` processes.

    Results travel as pickles. What a child could not do (it raised, or was killed) is done here afterwards, so that an
    error has its traceback. On KeyboardInterrupt each child finishes the item that it is at; what they did is still
    yielded, and then the interrupt goes on. SIGKILL of this process ends the children after their item. With a `count`
    of 1 nothing is forked.
    """
    if count < 2:
        yield from ((index, work(item)) for index, item in enumerate(items))
        return
    import signal

    left = set(range(len(items)))
    children: list[int] = []
    inbox = _Inbox()
    interrupted = False

    def interrupt(_number: int, _frame: object) -> None:
        # Not an exception: Python may throw one away that is raised while it frees an object.
        nonlocal interrupted
        interrupted = True
        _stop(children)

    before = signal.getsignal(signal.SIGINT)
    ours = before is not signal.SIG_IGN
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        for number in range(count):
            if not interrupted:
                children.append(_fork(items, work, range(number, len(items), count), inbox))
        while inbox.pipes or inbox.arrived:
            if not inbox.arrived:
                inbox.wait()
                continue
            index, result = inbox.arrived.pop(0)
            left.discard(index)
            yield index, result
    finally:
        inbox.close()
        _stop(children)
        for pid in children:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
        if ours:
            signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
    for index in sorted(left):
        yield index, work(items[index])


class _Inbox:
    """What the children have sent. pipes: those that are open, of one child each. arrived: (index, result)."""

    __slots__ = ("_unread", "arrived", "pipes")

    def __init__(self) -> None:
        self.pipes: list[int] = []
        self.arrived: list[tuple[int, Any]] = []
        self._unread: dict[int, bytearray] = {}

    def add(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self.pipes.append(pipe)
        self._unread[pipe] = bytearray()

    def wait(self) -> None:
        """Until something arrives, or a child has closed its pipe."""
        import pickle
        import select

        for pipe in select.select(self.pipes, [], [])[0]:
            try:
                data = os.read(pipe, 1 << 16)
            except BlockingIOError:
                continue
            if not data:
                self.pipes.remove(pipe)
                os.close(pipe)
                continue
            unread = self._unread[pipe]
            unread += data
            while len(unread) >= 8 and len(unread) >= (end := 8 + int.from_bytes(unread[:8], "big")):
                self.arrived.append(pickle.loads(unread[8:end]))
                del unread[:end]

    def close(self) -> None:
        for pipe in self.pipes:
            _close(pipe)
        self.pipes.clear()


def _fork(items: Sequence[Any], work: Callable[[Any], Any], share: range, inbox: _Inbox) -> int:
    """Start a child for a share of the items, whose results come into the inbox; its process id."""
    import signal

    reading, writing = os.pipe()
    # A signal between the fork and the handlers of the child would unwind a copy of this process's stack.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        pid = os.fork()
        if pid == 0:
            try:
                _be_child(items, work, share, writing, (reading, *inbox.pipes), before)
            finally:
                os._exit(0)
    except BaseException:
        _close(reading)
        raise
    finally:
        _close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    inbox.add(reading)
    return pid


def _be_child(
    items: Sequence[Any],
    work: Callable[[Any], Any],
    share: range,
    writing: int,
    foreign: Sequence[int],
    signals: Iterable[Any],
) -> None:
    import pickle
    import signal

    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_SETMASK, signals)
    for pipe in foreign:
        _close(pipe)
    for index in share:
        if stopped:
            return
        try:
            result = work(items[index])
        except Exception:
            continue  # the parent does it once more, and there it has a traceback
        message = pickle.dumps((index, result), protocol=pickle.HIGHEST_PROTOCOL)
        message = len(message).to_bytes(8, "big") + message
        try:
            while message:
                message = message[os.write(writing, message) :]
        except BrokenPipeError:
            return


def _stop(children: Sequence[int]) -> None:
    import signal

    for pid in children:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def _close(pipe: int) -> None:
    try:
        os.close(pipe)
    except OSError:
        pass
