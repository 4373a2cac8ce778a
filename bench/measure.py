"""Measures whole processes: wall time, CPU time and peak memory, as the system counts them.

Command lines that are compared take turns, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class RunFailed(Exception):
    """A measured command did not exit with 0. The message has its stderr."""


@dataclass(frozen=True)
class Sample:
    """One process, together with the children that it waited for."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak: int  # bytes, the largest resident size of any one process


@dataclass(frozen=True)
class Command:
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]


def run(command: Command, stderr_file: str) -> Sample:
    """Runs a command line once, its output thrown away. Raises RunFailed where it exits with anything but 0.

    On Linux a child's peak counts from its parent's peak at the time of the exec, so this process must stay small:
    no large text is ever held here (`bench.inputs` is a process of its own).
    """
    with open(stderr_file, "wb") as stderr:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
        ]
        os.chdir(command.cwd)
        started = time.perf_counter()
        pid = os.posix_spawn(command.argv[0], list(command.argv), dict(command.env), file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        with open(stderr_file, errors="replace") as stderr_text:
            raise RunFailed(f"{' '.join(command.argv)} (exit {code})\n{stderr_text.read()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def in_turns(commands: Mapping[str, Command], rounds: int, stderr_file: str) -> dict[str, list[Sample]]:
    """Runs all commands in turn, `rounds` times, after one round that does not count; sample n of each is one round."""
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for round_ in range(rounds + 1):
        # Every other round backwards: who comes first has no advantage.
        names = list(commands)
        for name in names if round_ % 2 else reversed(names):
            sample = run(commands[name], stderr_file)
            if round_ > 0:
                samples[name].append(sample)
    return samples


def median_wall(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.wall for sample in samples)


def median_peak(samples: Sequence[Sample]) -> float:
    return statistics.median(sample.peak for sample in samples)


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of pairs that ran in the same round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
