"""The report of a run: Markdown, with a picture of the faults over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.chaos.plan import Fault, Kind
from tests.chaos.run import Outcome

_WIDTH, _ROW, _LEFT, _TOP = 900, 16, 170, 40
_COLOURS = {
    Kind.KILL: "#c0392b",
    Kind.CRASH: "#922b21",
    Kind.PAUSE: "#8e44ad",
    Kind.OUTAGE: "#2c3e50",
    Kind.CUT: "#d35400",
    Kind.SLOW: "#f39c12",
    Kind.HALF_OPEN: "#e67e22",
}
_OTHER_COLOUR = "#2980b9"


def write(outcome: Outcome, directory: Path) -> Path:
    """Write `report.md` and `faults.svg` into the directory; answers the report's path."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "faults.svg").write_text(_picture(outcome))
    report = directory / "report.md"
    report.write_text("\n".join(_lines(outcome)) + "\n")
    return report


def _lines(outcome: Outcome) -> Iterator[str]:
    verdict = "passed" if not outcome.problems else f"FAILED: {len(outcome.problems)} problems"
    yield f"# Chaos, seed {outcome.seed}, {outcome.seconds:.0f} s: {verdict}"
    yield ""
    yield from (f"- {problem}" for problem in outcome.problems)
    kinds = Counter(str(fault.kind) for _, fault in outcome.happened)
    statuses = Counter(exchange.status or "no answer" for exchange in outcome.exchanges)
    yield ""
    yield from _table("Faults", kinds.items())
    yield from _table("What people did", outcome.done.items())
    yield from _table("Answers by status", ((str(status), count) for status, count in statuses.items()))
    yield from _table("Orders by final status", outcome.orders.items())
    yield f"The stores agreed {outcome.settled_after:.0f} s after the last fault (unpaid orders wait 25 s of it)."
    yield ""
    if outcome.crashes is not None:
        yield from outcome.crashes.report()
    yield "![Faults over time, above the calls a second](faults.svg)"
    yield ""
    yield "| at | fault |"
    yield "| --- | --- |"
    yield from (f"| {at:.1f} s | {fault} |" for at, fault in outcome.happened)


def _table(title: str, rows: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield f"| {title} | |"
    yield "| --- | --- |"
    yield from (f"| {name} | {count} |" for name, count in sorted(rows))
    yield ""


def _picture(outcome: Outcome) -> str:
    targets = sorted({_row_of(fault) for _, fault in outcome.happened})
    height = _TOP + _ROW * len(targets) + 90
    scale = (_WIDTH - _LEFT - 20) / max(outcome.seconds, 1)
    shapes = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif">']
    shapes.append('<rect width="100%" height="100%" fill="white"/>')
    for kind, left in zip(Kind, range(0, 10_000, 140), strict=False):
        if kind in _COLOURS:
            shapes.append(f'<rect x="{20 + left}" y="10" width="10" height="10" fill="{_COLOURS[kind]}"/>')
            shapes.append(f'<text x="{35 + left}" y="19" font-size="11">{kind}</text>')
    for row, target in enumerate(targets):
        shapes.append(f'<text x="10" y="{_TOP + row * _ROW + 11}" font-size="11">{target}</text>')
    for at, fault in outcome.happened:
        x, y = _LEFT + at * scale, _TOP + targets.index(_row_of(fault)) * _ROW
        colour = _COLOURS.get(fault.kind, _OTHER_COLOUR)
        shapes.append(
            f'<rect x="{x:.1f}" y="{y}" width="{max(3, fault.seconds * scale):.1f}" height="{_ROW - 3}"'
            f' fill="{colour}"><title>{fault}</title></rect>'
        )
    shapes += _calls(outcome, scale, height)
    shapes.append("</svg>")
    return "\n".join(shapes)


def _row_of(fault: Fault) -> str:
    return fault.target.partition(":")[0]


def _calls(outcome: Outcome, scale: float, height: int) -> Iterator[str]:
    """Bars of answered calls a second (grey) and those without a good answer (red), at the bottom."""
    good = Counter(int(one.answered_at) for one in outcome.exchanges if 0 < one.status < 500)
    bad = Counter(int(one.answered_at) for one in outcome.exchanges if not 0 < one.status < 500)
    most = max([*good.values(), *bad.values(), 1])
    yield f'<text x="10" y="{height - 15}" font-size="11">calls a second, most {most}</text>'
    for counts, colour in ((good, "#7f8c8d"), (bad, "#c0392b")):
        for second, count in counts.items():
            if second <= outcome.seconds:
                tall = 60 * count / most
                yield (
                    f'<rect x="{_LEFT + second * scale:.1f}" y="{height - 10 - tall:.1f}"'
                    f' width="{max(1, scale - 0.5):.1f}" height="{tall:.1f}" fill="{colour}" fill-opacity="0.8"/>'
                )
