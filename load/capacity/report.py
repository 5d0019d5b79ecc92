"""The tables of docs/capacity.md, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from facts.system import System
from load.capacity import costs
from load.capacity.plan import Demand, demands, deployed, needed
from load.capacity.purchase import CONFIRMED, CORES, MACHINE, ONE_PRODUCT, ORDERED, PAID, purchase
from load.capacity.queues import Result, simulate

RATES = (10, 100, 1_000, 10_000)
_JOBS = 4_000
_STEP = 4
_DAY_SECONDS = 86_400
_PROCESSES = ("order", "payment", "inventory", "notification", "edge")


def at_rate(rate: float, units: Mapping[str, int], jobs: int) -> str:
    """What a rate does to these units: utilisation and capacity by part, the first to saturate, and latencies.

    Latencies are simulated only below saturation: above it, queues grow for as long as it lasts.
    """
    rows = [(one, one.capacity(units[one.part])) for one in demands() if one.part != ONE_PRODUCT]
    rows.sort(key=lambda row: row[1])
    table = _table(
        ("part", "units", "busy", "saturates at"),
        (
            (one.part, _units(units[one.part], one.unit), f"{rate / most:.0%}", f"{_short(most)}/s")
            for one, most in rows
        ),
    )
    first, most = rows[0]
    verdict = f"First to saturate: {first.part}, at {_short(most)} purchases a second.\n"
    if rate >= most:
        return f"{table}\n{verdict}\nAt {_short(rate)}/s the queue for it grows without end.\n"
    return f"{table}\n{verdict}\n{_latencies(simulate(purchase(), units, rate, jobs))}"


def shared_machine(rate: float, cores: int, units: Mapping[str, int], jobs: int) -> str:
    """The same where all parts share the cores of one machine, as on a laptop."""
    demand = sum(costs.CPU_MS.values())
    most = cores * 1000 / demand
    verdict = f"All parts together saturate {cores} cores at {most:.0f} purchases a second ({demand:.1f} ms each).\n"
    if rate >= most:
        return verdict
    return verdict + _latencies(simulate(purchase(one_machine=True), {**units, MACHINE: cores}, rate, jobs))


def limits_table(system: System) -> str:
    """What each part can do as it is deployed, the first to saturate first."""
    units = deployed(system)
    rows = sorted(((one, one.capacity(units[one.part])) for one in demands()), key=lambda row: row[1])
    return _table(
        ("part", "as deployed, at most", "a purchase needs", "saturates at, purchases a second"),
        ((one.part, _units(units[one.part], one.unit), f"{one.held_ms:.2f} ms", _short(most)) for one, most in rows),
    )


def needs_table() -> str:
    """What each rate needs of each part, and what it leads to."""
    plans = {rate: needed(rate) for rate in RATES}
    results = {rate: simulate(purchase(), plans[rate], rate, _JOBS) for rate in RATES}
    by_unit = [(one, [_short(plans[rate][one.part]) for rate in RATES]) for one in demands() if one.part != ONE_PRODUCT]
    rows: list[Sequence[str]] = [(_with_unit(one), *counts) for one, counts in by_unit]
    rows += [
        ("**all cores**", *(_short(sum(plans[rate][part] for part in CORES)) for rate in RATES)),
        ("memory of edge and services, GB", *(_short(_memory_gb(plans[rate])) for rate in RATES)),
        ("kept for good, GB a day", *(_short(_gb_a_day(rate)) for rate in RATES)),
        ("kept for a while, GB in all", *(_short(_gb_for_a_while(rate)) for rate in RATES)),
    ]
    for mark in (ORDERED, PAID, CONFIRMED):
        rows.append((f"{mark}: p50, p99 ms", *(_percentiles(results[rate], mark) for rate in RATES)))
    return _table(("purchases a second", *map(_short, RATES)), rows)


def levers_table(system: System) -> str:
    """Which part saturates next when each in turn gets four times its units, until the last of RATES is reached."""
    units = deployed(system)
    parts = [one for one in demands() if one.part != ONE_PRODUCT]
    rows: list[Sequence[str]] = []
    while True:
        first = min(parts, key=lambda one: one.capacity(units[one.part]))
        before = first.capacity(units[first.part])
        if before >= RATES[-1]:
            return _table(("saturates at", "part", "then", "which lasts until"), rows)
        old, new = units[first.part], units[first.part] * _STEP
        units[first.part] = new
        rows.append((f"{_short(before)}/s", first.part, f"{old} → {_units(new, first.unit)}", _last(first, new)))


def document(system: System) -> str:
    """The generated part of docs/capacity.md."""
    tables = {
        "As deployed": limits_table(system),
        "One part after another": levers_table(system),
        "What a rate needs": needs_table(),
    }
    return "\n".join(f"### {title}\n\n{table}" for title, table in tables.items())


def _last(one: Demand, units: int) -> str:
    return f"{_short(one.capacity(units))}/s"


def _memory_gb(units: Mapping[str, int]) -> float:
    return sum(units[name] * costs.MEMORY_MB[name] for name in _PROCESSES) / 1000


def _gb_a_day(rate: float) -> float:
    return rate * _DAY_SECONDS * sum(costs.BYTES_KEPT.values()) / 1e9


def _gb_for_a_while(rate: float) -> float:
    inbox = sum(costs.INBOX_ROWS.values()) * costs.INBOX_BYTES * costs.INBOX_DAYS
    bus = sum(days * events for days, events in costs.RECORD_DAYS) * costs.RECORD_BYTES * costs.BROKERS
    return rate * _DAY_SECONDS * (sum(costs.BYTES_OF_A_DAY.values()) + inbox + bus) / 1e9


def _latencies(result: Result) -> str:
    marks = (ORDERED, PAID, CONFIRMED)
    return _table(
        ("from the order's arrival until", "p50, p99 ms"), ((one, _percentiles(result, one)) for one in marks)
    )


def _percentiles(result: Result, mark: str) -> str:
    return f"{_short(result.percentile(mark, 0.5))}, {_short(result.percentile(mark, 0.99))}"


def _with_unit(one: Demand) -> str:
    """`order, cores`; a part whose name ends with its unit says it once."""
    return one.part if one.part.endswith((f"{one.unit}s", one.unit)) else f"{one.part}, {one.unit}s"


def _units(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _short(number: float) -> str:
    """Two significant digits are more than the model knows; whole units are exact."""
    if isinstance(number, int):
        return f"{number:,}"
    digits = 1 - math.floor(math.log10(number))
    return f"{round(number, digits):,.{max(digits, 0)}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
