"""The report of a run: Markdown, with plots beside it."""

from __future__ import annotations

import math
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from load.drawing import FAINT, GRID, Drawing, ticks
from local.paths import ROOT
from tests.load.k6 import Measured, Request
from tests.load.parts import Memory
from tests.load.profiles import Profile

PUBLISHED = ROOT / "docs" / "load"
_WIDTH, _LEFT, _RIGHT, _TOP, _PLOT = 960, 100, 24, 58, 160
_MOST_COLUMNS = 150
_OUTCOMES: tuple[tuple[str, str, Callable[[Request], bool]], ...] = (
    ("accepted", "#7bc8a4", lambda one: one.accepted),
    ("refused for load (429, 503)", "#f5cf87", lambda one: one.refused),
    ("refused for another reason (4xx)", "#cbd2d9", lambda one: 400 <= one.status < 500 and not one.refused),
    ("failed, or no answer", "#d64545", lambda one: True),
)
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    profile: Profile
    measured: Measured
    memory: Memory
    orders: Mapping[str, int]
    """Orders by their final status."""
    sold: int | None
    """Pieces of the flash sale that were sold; None: there was none."""
    settled_seconds: float
    """From the last arrival's answer until all stores agreed."""
    problems: Sequence[str]
    """What did not hold, a sentence each."""


def write(outcome: Outcome, directory: Path) -> Path:
    """Write `report.md` and its plots into the directory, which is made anew; returns the report's path."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "answers.svg").write_text(_answers(outcome))
    (directory / "latency.svg").write_text(_latency(outcome))
    report = directory / "report.md"
    report.write_text("\n".join(_lines(outcome)) + "\n")
    return report


def summary(outcome: Outcome) -> list[str]:
    """The most important figures, a line each."""
    requests = outcome.measured.requests
    accepted = [one for one in requests if one.accepted]
    refused = [one for one in requests if one.refused]
    failed = [one for one in requests if one.status == 0 or (one.status >= 500 and not one.refused)]
    lines = [
        f"{len(requests)} requests: {len(accepted)} accepted, {len(refused)} refused for load, {len(failed)} failed",
        f"accepted: p50 {_ms(accepted, 0.5)}, p95 {_ms(accepted, 0.95)}, p99 {_ms(accepted, 0.99)}",
        f"refused for load: p50 {_ms(refused, 0.5)}, p99 {_ms(refused, 0.99)}",
        f"orders: {', '.join(f'{count} {status}' for status, count in sorted(outcome.orders.items())) or 'none'}",
        f"all stores agreed {outcome.settled_seconds:.0f} s after the last answer",
    ]
    if outcome.sold is not None:
        lines.append(f"flash sale: {outcome.sold} of {outcome.profile.pieces} pieces sold")
    return lines


def _lines(outcome: Outcome) -> Iterator[str]:
    profile = outcome.profile
    yield f"# Load profile {profile.name}: {'everything held' if not outcome.problems else 'something did not hold'}"
    yield ""
    stages = ", then ".join(f"{stage.rate:g} arrivals a second for {stage.seconds:g} s" for stage in profile.stages)
    shares = ", ".join(f"{share:.0%} {visit}" for visit, share in profile.visits.items())
    yield f"`make load PROFILE={profile.name}` on {os.cpu_count()} cores, for k6 and all parts of the system: {stages};"
    yield f"{shares}. Arrivals come at this rate, however slow the answers are."
    yield ""
    yield from (f"- {line}" for line in summary(outcome))
    if outcome.problems:
        yield from _section("What did not hold")
        yield from (f"- {problem}" for problem in outcome.problems)
    else:
        yield "- the invariants hold (tests/support/invariants.py): orders, payments, Stripe, stock, mails, bus"
    yield from _section("Answers", "![Answers a second by what they were](answers.svg)")
    yield "![Latency of accepted requests over time](latency.svg)"
    yield from _section("By stage")
    yield from _stages(outcome)
    yield from _section("By rpc")
    yield from _rpcs(outcome.measured.requests)
    yield from _section("Memory by part (PSS)")
    yield from _memory(outcome.memory)


def _stages(outcome: Outcome) -> Iterator[str]:
    yield "| arrivals/s | accepted/s | orders/s | refused/s | failed/s | accepted p50 | p99 | refused p99 |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    began = 0.0
    for stage in outcome.profile.stages:
        ended = began + stage.seconds
        within = [one for one in outcome.measured.requests if began <= one.at < ended]
        accepted = [one for one in within if one.accepted]
        refused = [one for one in within if one.refused]
        orders = sum(one.rpc == "CreateOrder" for one in accepted)
        failed = sum(one.status == 0 or (one.status >= 500 and not one.refused) for one in within)
        rates = " | ".join(f"{n / stage.seconds:.1f}" for n in (len(accepted), orders, len(refused), failed))
        times = f"{_ms(accepted, 0.5)} | {_ms(accepted, 0.99)} | {_ms(refused, 0.99)}"
        yield f"| {stage.rate:g} | {rates} | {times} |"
        began = ended


def _rpcs(requests: Iterable[Request]) -> Iterator[str]:
    by_rpc: dict[str, list[Request]] = defaultdict(list)
    for one in requests:
        by_rpc[one.rpc].append(one)
    yield "| rpc | accepted | refused for load | other 4xx | failed | accepted p50 | p95 | p99 |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for rpc, all_of_it in sorted(by_rpc.items()):
        counts = [0] * len(_OUTCOMES)
        for one in all_of_it:
            counts[_outcome(one)] += 1
        accepted = [one for one in all_of_it if one.accepted]
        times = " | ".join(_ms(accepted, share) for share in (0.5, 0.95, 0.99))
        yield f"| {rpc} | {' | '.join(map(str, counts))} | {times} |"


def _memory(memory: Memory) -> Iterator[str]:
    yield "| part | after a tenth, MB | at the end, MB | growth |"
    yield "| --- | ---: | ---: | ---: |"
    growth = memory.growth()
    total = (sum(first for first, _ in growth.values()), sum(last for _, last in growth.values()))
    for part, (first, last) in [*sorted(growth.items(), key=lambda row: -row[1][1]), ("all", total)]:
        grown = f"{last / first - 1:+.0%}" if first else ""
        yield f"| {part} | {first / _MEGABYTE:.0f} | {last / _MEGABYTE:.0f} | {grown} |"


def _section(title: str, text: str = "") -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if text:
        yield from (text, "")


def _ms(requests: Sequence[Request], share: float) -> str:
    if not requests:
        return "-"
    seconds = sorted(one.seconds for one in requests)
    return f"{seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000:.0f} ms"


def _outcome(one: Request) -> int:
    return next(number for number, (_, _, is_one) in enumerate(_OUTCOMES) if is_one(one))


def _answers(outcome: Outcome) -> str:
    requests = outcome.measured.requests
    seconds = max((one.at for one in requests), default=1.0)
    wide = math.ceil(seconds / _MOST_COLUMNS)
    counts: dict[int, list[int]] = defaultdict(lambda: [0] * len(_OUTCOMES))
    for one in requests:
        counts[int(one.at) // wide * wide][_outcome(one)] += 1
    most = max((sum(column) for column in counts.values()), default=1)
    drawing, scale = _chart("Answers a second", seconds, most / wide)
    for second, column in counts.items():
        y = float(_TOP + _PLOT)
        for (word, colour, _), count in zip(_OUTCOMES, column, strict=True):
            tall = _PLOT * count / most
            y -= tall
            if tall:
                note = f"from {second} s on: {count / wide:.3g} a second {word}"
                drawing.box(_LEFT + second * scale, y, max(1.0, wide * scale - 0.5), tall, colour, note)
    drawing.legend(_LEFT, 44, [(word, colour) for word, colour, _ in _OUTCOMES])
    return str(drawing)


def _latency(outcome: Outcome) -> str:
    accepted = [one for one in outcome.measured.requests if one.accepted]
    seconds = max((one.at for one in accepted), default=1.0)
    wide = math.ceil(seconds / _MOST_COLUMNS)
    columns: dict[int, list[float]] = defaultdict(list)
    for one in accepted:
        columns[int(one.at) // wide * wide].append(one.seconds)
    shares = ((0.5, "#3fae84", "p50"), (0.99, "#c0392b", "p99"))
    points = {
        second: [sorted(values)[min(len(values) - 1, int(share * len(values)))] for share, _, _ in shares]
        for second, values in columns.items()
    }
    most = max((values[-1] for values in points.values()), default=1.0)
    drawing, scale = _chart("Latency of accepted requests, seconds", seconds, most)
    drawing.legend(_LEFT, 44, [(word, colour) for _, colour, word in shares])
    for number, (_, colour, word) in enumerate(shares):
        for second, values in points.items():
            y = _TOP + _PLOT * (1 - values[number] / most)
            drawing.dot(_LEFT + second * scale, y, 2.5, colour, f"{second} s: {word} {values[number]:.3f} s")
    return str(drawing)


def _chart(title: str, seconds: float, most: float) -> tuple[Drawing, float]:
    """A drawing with its axes, and how many pixels a second has."""
    drawing = Drawing(_WIDTH, _TOP + _PLOT + 34, title)
    drawing.text(12, 22, title, size=14, bold=True)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(seconds, 1)
    for second in ticks(seconds):
        x = _LEFT + second * scale
        drawing.line(x, _TOP, x, _TOP + _PLOT)
        drawing.text(x, _TOP + _PLOT + 16, f"{second:g} s", size=11, anchor="middle", fill=FAINT)
    for share in (0, 0.5, 1):
        y = _TOP + _PLOT * (1 - share)
        drawing.line(_LEFT, y, _WIDTH - _RIGHT, y, GRID)
        drawing.text(_LEFT - 8, y + 4, f"{share * most:.3g}", size=11, anchor="end", fill=FAINT)
    return drawing, scale
