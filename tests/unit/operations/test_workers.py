"""The same work in several processes."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from ksecrets.operations.rewrap.workers import spread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")


def test_every_result_comes_once_and_from_other_processes() -> None:
    got = dict(spread(range(50), lambda item: (item * item, os.getpid()), 3))
    assert {index: result for index, (result, _) in got.items()} == {n: n * n for n in range(50)}
    pids = {pid for _, pid in got.values()}
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_results_larger_than_a_pipe() -> None:
    assert dict(spread("abc", lambda item: item * 1_000_000, 2)) == {n: "abc"[n] * 1_000_000 for n in range(3)}


def test_what_a_killed_child_left_is_done_here() -> None:
    here = os.getpid()

    def work(item: int) -> int:
        if item == 4 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    assert sorted(spread(range(10), work, 2)) == [(n, n) for n in range(10)]


def test_a_bug_shows_here() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ZeroDivisionError
        return item

    got: list[int] = []
    with pytest.raises(ZeroDivisionError):
        got.extend(index for index, _ in spread(range(6), work, 2))
    assert sorted(got) == [0, 1, 2, 4, 5]


def test_an_interrupt_lets_each_child_finish_its_item() -> None:
    here = os.getpid()

    def work(item: int) -> int:
        if item == 2:
            os.kill(here, signal.SIGINT)
        return item

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    got: list[int] = []
    try:
        with pytest.raises(KeyboardInterrupt):
            got.extend(index for index, _ in spread(range(10_000), work, 2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(got) == len(set(got))
    assert len(got) < 10_000
