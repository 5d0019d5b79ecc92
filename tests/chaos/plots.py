"""The pictures of a report: what happened when, what became of orders, and how long the system took to recover."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from load.drawing import FAINT, GRID, INK, Drawing, ticks
from tests.chaos.plan import Fault
from tests.chaos.record import Exchange

_WIDTH = 960
_LEFT, _RIGHT = 190, 24
_ROW = 18
_PLOT = 90
_ORDER_COLOURS = {"delivered": "#1b7f5c", "shipped": "#3fae84", "confirmed": "#7bc8a4", "pending": "#cbd2d9"}
_CANCELLED = "#9aa5b1"
_FAULTS = (
    ("kill", "#c0392b", ("kill",)),
    ("armed crash point", "#e59a92", ("crash",)),
    ("pause, clock", "#8e44ad", ("pause", "clock")),
    ("outage", "#2c3e50", ("outage",)),
    ("network", "#e67e22", ("cut", "slow", "half-open")),
    ("Stripe", "#2874a6", ("stripe", "refunds")),
    ("webhooks", "#5dade2", ("webhooks",)),
    ("data and disk", "#b7950b", ("poison", "replay", "read-only", "full-disk")),
)
"""A word for the legend, a colour, and how the names of these kinds begin."""
_OTHER = "#7f8c8d"
_MOST_COLUMNS = 150
"""Of requests; a longer run has columns of more than one second."""
_ANSWERS = (
    ("answered", "#7bc8a4", range(200, 400)),
    ("refused (4xx)", "#f5cf87", range(400, 500)),
    ("failed (5xx) or no answer", "#d64545", None),
)


def timeline(happened: Sequence[tuple[float, Fault]], exchanges: Iterable[Exchange], seconds: float) -> str:
    """Faults by target over time, above the requests of each second by what became of them."""
    targets = sorted({_target(fault) for _, fault in happened})
    top, lanes = 58, _ROW * len(targets)
    below = top + lanes + 26
    drawing = Drawing(_WIDTH, below + _PLOT + 56, "Faults and requests over time")
    scale = (_WIDTH - _LEFT - _RIGHT) / max(seconds, 1)
    drawing.text(12, 22, "Faults by target", size=14, bold=True)
    present = [entry for entry in _FAULTS if any(_is_of(fault, entry[2]) for _, fault in happened)]
    drawing.legend(12, 44, [(word, colour) for word, colour, _ in present])
    for second in ticks(seconds):
        x = _LEFT + second * scale
        drawing.line(x, top, x, below + _PLOT)
        drawing.text(x, below + _PLOT + 16, f"{second:g} s", size=11, anchor="middle", fill=FAINT)
    for row, target in enumerate(targets):
        drawing.text(_LEFT - 10, top + row * _ROW + 13, target, anchor="end")
        drawing.line(_LEFT, top + (row + 1) * _ROW, _WIDTH - _RIGHT, top + (row + 1) * _ROW)
    for at, fault in happened:
        _fault(drawing, fault, _LEFT + at * scale, top + targets.index(_target(fault)) * _ROW, scale)
    _requests(drawing, exchanges, seconds, below, scale)
    drawing.legend(_LEFT, below + _PLOT + 40, [(word, colour) for word, colour, _ in _ANSWERS])
    return str(drawing)


def orders(statuses: Mapping[str, int]) -> str:
    """How many orders ended in which status."""
    rows = sorted(statuses.items(), key=lambda row: -row[1])
    drawing = Drawing(_WIDTH, 44 + 26 * len(rows), "Orders by outcome")
    drawing.text(12, 22, "Orders by outcome", size=14, bold=True)
    most, total = max(statuses.values(), default=1), max(sum(statuses.values()), 1)
    for row, (status, count) in enumerate(rows):
        y, wide = 38 + 26 * row, (_WIDTH - _LEFT - 120) * count / most
        drawing.text(_LEFT - 10, y + 14, status, anchor="end")
        drawing.box(_LEFT, y, wide, 18, _ORDER_COLOURS.get(status, _CANCELLED))
        drawing.text(_LEFT + wide + 8, y + 14, f"{count} ({count / total:.0%})", fill=FAINT)
    return str(drawing)


def convergence(converged: Sequence[tuple[Fault, float]], goal: float) -> str:
    """Seconds from the end of each fault until the system was whole again, by kind, beside the goal for a kill."""
    by_kind: dict[str, list[tuple[Fault, float]]] = defaultdict(list)
    for fault, seconds in converged:
        by_kind[str(fault.kind)].append((fault, seconds))
    kinds = sorted(by_kind, key=lambda kind: -max(seconds for _, seconds in by_kind[kind]))
    top = 44
    bottom = top + 24 * len(kinds)
    drawing = Drawing(_WIDTH, bottom + 44, "Time to converge by kind of fault")
    drawing.text(12, 22, "Seconds from the end of a fault until all is whole again", size=14, bold=True)
    most = max([goal, *(seconds for _, seconds in converged)]) * 1.05
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    for second in ticks(most):
        drawing.line(_LEFT + second * scale, top, _LEFT + second * scale, bottom)
        drawing.text(_LEFT + second * scale, bottom + 16, f"{second:g} s", size=11, anchor="middle", fill=FAINT)
    drawing.line(_LEFT + goal * scale, top - 4, _LEFT + goal * scale, bottom, INK, dash="4 3")
    drawing.text(_LEFT + goal * scale, bottom + 34, "goal after a kill", size=11, anchor="middle")
    for row, kind in enumerate(kinds):
        y = top + 24 * row + 12
        drawing.text(_LEFT - 10, y + 4, f"{kind} ({len(by_kind[kind])})", anchor="end")
        for fault, seconds in by_kind[kind]:
            drawing.dot(_LEFT + seconds * scale, y, 5, _colour(fault), f"{fault}: {seconds:.1f} s")
    return str(drawing)


def _fault(drawing: Drawing, fault: Fault, x: float, y: float, scale: float) -> None:
    if fault.seconds:
        drawing.box(x, y + 3, max(3, fault.seconds * scale), _ROW - 6, _colour(fault), str(fault))
    else:
        drawing.diamond(x, y + _ROW / 2, 6, _colour(fault), str(fault))


def _requests(drawing: Drawing, exchanges: Iterable[Exchange], seconds: float, top: float, scale: float) -> None:
    wide = math.ceil(max(seconds, 1) / _MOST_COLUMNS)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for one in exchanges:
        if one.answered_at <= seconds:
            counts[int(one.answered_at) // wide * wide][_became(one)] += 1
    most = max((sum(count.values()) for count in counts.values()), default=1)
    drawing.text(_LEFT - 10, top + 10, "requests a second", anchor="end")
    for value in (0, most):
        y = top + _PLOT - _PLOT * value / most
        drawing.line(_LEFT, y, _WIDTH - _RIGHT, y, GRID)
        label, under = (f"at most {value / wide:.3g}", 26) if value else ("0", 4)
        drawing.text(_LEFT - 10, y + under, label, size=11, anchor="end", fill=FAINT)
    for second, count in counts.items():
        y = top + _PLOT
        for word, colour, _ in _ANSWERS:
            tall = _PLOT * count[word] / most
            y -= tall
            if tall:
                note = f"from {second} s on: {count[word] / wide:.3g} a second {word}"
                drawing.box(_LEFT + second * scale, y, max(1.0, wide * scale - 0.5), tall, colour, note)


def _became(one: Exchange) -> str:
    for word, _, statuses in _ANSWERS:
        if statuses is not None and one.status in statuses:
            return word
    return _ANSWERS[-1][0]


def _target(fault: Fault) -> str:
    """What is hit, without how: `payment` of `payment:name-of-a-point` and of `payment +20 s`."""
    return fault.target.partition(":")[0].partition(" ")[0]


def _colour(fault: Fault) -> str:
    return next((colour for _, colour, starts in _FAULTS if _is_of(fault, starts)), _OTHER)


def _is_of(fault: Fault, starts: Sequence[str]) -> bool:
    return str(fault.kind).startswith(tuple(starts))
