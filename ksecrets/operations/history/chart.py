"""The changes of a history as stacked bars, drawn as SVG inside a page: a bar a day, week, month or quarter."""

from __future__ import annotations

import time
from html import escape

from ksecrets.operations.diffview import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PALETTE = 8
"""How many colours a page has: ``--c0`` to ``--c7``."""

_DAY = 86400
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1000, 220, 34, 24
_MOST = 60  # bars


def chart(counts: Iterable[tuple[int, str, int]], names: Sequence[str], colors: dict[str, int], now: float) -> str:
    """counts: (time in seconds since 1970, name, how many). names: in the order in which they are stacked, from below.

    The first bar is that of the earliest time, the last one that of `now`; times behind it count for it.
    """
    counts = list(counts)
    first = min(at for at, _, _ in counts)
    step = _step(now - first)
    start = _begin(first, step)
    number = min(max(_index(now, start, step) + 1, 6), _MOST + 6)
    bars: list[dict[str, int]] = [{} for _ in range(number)]
    for at, name, count in counts:
        bar = bars[min(max(_index(at, start, step), 0), number - 1)]
        bar[name] = bar.get(name, 0) + count
    top = _ceiling(max(sum(bar.values()) for bar in bars))
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="changed values over time">']
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{top * share:g}</text>')
    room = (_WIDTH - _LEFT) / number
    width = min(room * 0.72, 46)
    every = max(1, -(-number // 10))
    for position, bar in enumerate(bars):
        x = _LEFT + room * position + (room - width) / 2
        label = _label(start, position, step)
        parts.append(_bar(bar, names, colors, x, width, top, label))
        if position % every == 0:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{label}</text>')
    return f'<div class="scroll">{"".join(parts)}</svg></div>'


def _bar(
    bar: dict[str, int], names: Sequence[str], colors: dict[str, int], x: float, width: float, top: float, label: str
) -> str:
    parts = []
    below = 0
    for name in names:
        count = bar.get(name, 0)
        if not count:
            continue
        y, end = _y(below + count, top), _y(below, top)
        color = colors.get(name, PALETTE - 1)
        title = escape(f"{label}, {visible(name)}: {count}")
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(end - y - 1, 1.5):.1f}" rx="2.5" '
            f'style="fill: var(--c{color})"><title>{title}</title></rect>'
        )
        below += count
    return "".join(parts)


def _y(value: float, top: float) -> float:
    return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - value / top)


def _step(span: float) -> str:
    days = span / _DAY
    return "day" if days <= 30 else "week" if days <= 7 * 40 else "month" if days <= 30 * _MOST else "quarter"


def _begin(at: float, step: str) -> tuple[int, int, int]:
    """Year, month and day on which the bar of a time begins."""
    if step == "week":
        at -= time.gmtime(at).tm_wday * _DAY
    moment = time.gmtime(at)
    if step in ("day", "week"):
        return moment.tm_year, moment.tm_mon, moment.tm_mday
    return moment.tm_year, moment.tm_mon if step == "month" else (moment.tm_mon - 1) // 3 * 3 + 1, 1


def _index(at: float, start: tuple[int, int, int], step: str) -> int:
    from calendar import timegm

    if step in ("day", "week"):
        return int((at - timegm((*start, 0, 0, 0))) // (_DAY * (7 if step == "week" else 1)))
    moment = time.gmtime(at)
    months = (moment.tm_year - start[0]) * 12 + moment.tm_mon - start[1]
    return months if step == "month" else months // 3


def _label(start: tuple[int, int, int], position: int, step: str) -> str:
    from calendar import timegm

    if step in ("day", "week"):
        at = timegm((*start, 0, 0, 0)) + position * _DAY * (7 if step == "week" else 1)
        return time.strftime("%d %b", time.gmtime(at))
    months = start[1] - 1 + position * (1 if step == "month" else 3)
    at = timegm((start[0] + months // 12, months % 12 + 1, 1, 0, 0, 0))
    return time.strftime("%b %Y", time.gmtime(at))


def _ceiling(most: int) -> int:
    """The next round even number."""
    step = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if most <= factor * step:
                return factor * step
        step *= 10
