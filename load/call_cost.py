"""CPU and latency of the calls that a shop makes most: `python -m load.call_cost`. Needs a running stack.

They go through the edge.

For each call: the CPU of all parts (load/cpu.py) above that of doing nothing, with what the call sets off within some
seconds after it; calls a second, several at once; and how long one takes when it is alone.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.table import Table

from load.cpu import TOTAL, Costs, above, cpu_seconds, medians_of_parts, spread, without_idle
from load.customer import Customer, at_once
from load.purchase_cost import stack_at
from load.report import name_of, plot, show
from load.session import ORDER
from local.stack import Stack

_SHOWN = 0.05
"""Parts below this share of a call's CPU are not named."""

Call = Callable[[int], Awaitable[Any]]
"""Makes the call of this number."""


@dataclass
class Figures:
    """The rounds of one call on one stack."""

    costs: list[Costs] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    """Calls a second, several at once."""
    alone: list[float] = field(default_factory=list)
    """Milliseconds of each call that was alone."""


class Shopper(Customer):
    """A customer, and what they call."""

    _orders: Sequence[str] = ()

    async def calls(self, count: int) -> dict[str, Call]:
        """The calls by name. Each may be made `count` times: so many orders are placed, to be paid."""
        self._orders = [(await self.post("/orders", ORDER))["id"] for _ in range(count)]
        return {
            "GET user": lambda _: self.get("/users/me"),
            "GET product": lambda _: self.get("/products/prod-123"),
            "GET order": lambda _: self.get(f"/orders/{self._orders[0]}"),
            "POST order": lambda _: self.post("/orders", ORDER),
            "POST payment": lambda number: self.post("/payments", self._payment(number)),
        }

    def _payment(self, number: int) -> dict[str, str]:
        return {"orderId": self._orders[number], "paymentMethodId": "pm_card_visa"}


def main() -> int:
    """Measure each stack in turn, and print."""
    options = _options()
    stacks = {name_of(stack): stack for stack in (Stack.from_environment(), *options.beside)}
    try:
        figures = asyncio.run(_measure(stacks, options))
    except (httpx.HTTPError, OSError) as error:
        print(f"a stack does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr)
        return 1
    show(_table(figures, options))
    plot(
        "calls",
        "CPU of a call by part, ms",
        {
            _named(call, stack, stacks): medians_of_parts(found.costs)
            for call, by_stack in figures.items()
            for stack, found in by_stack.items()
        },
    )
    return 0


async def _measure(stacks: dict[str, Stack], options: argparse.Namespace) -> dict[str, dict[str, Figures]]:
    """By call, and by stack."""
    figures: dict[str, dict[str, Figures]] = {}
    for _ in range(options.rounds):
        for name, stack in stacks.items():
            await asyncio.sleep(options.settle)
            idle = await _idle(stack, options)
            async with Shopper(stack) as shopper:
                for call, make in (await shopper.calls(2 * options.calls)).items():
                    found = figures.setdefault(call, {}).setdefault(name, Figures())
                    await _round(stack, make, idle, options, found)
    return figures


async def _idle(stack: Stack, options: argparse.Namespace) -> Costs:
    before, began = cpu_seconds(stack), time.monotonic()
    await asyncio.sleep(options.idle)
    return above(cpu_seconds(stack), before, time.monotonic() - began)


async def _round(stack: Stack, make: Call, idle: Costs, options: argparse.Namespace, into: Figures) -> None:
    into.alone += [await _milliseconds(make, number) for number in range(options.calls)]
    await asyncio.sleep(options.settle)
    before, began = cpu_seconds(stack), time.monotonic()
    await at_once(options.at_once, range(options.calls, 2 * options.calls), make)
    into.rates.append(options.calls / (time.monotonic() - began))
    await asyncio.sleep(options.settle)
    took = time.monotonic() - began
    used = above(cpu_seconds(stack), before, options.calls)
    into.costs.append(without_idle(used, idle, took / options.calls))


async def _milliseconds(make: Call, number: int) -> float:
    began = time.perf_counter()
    await make(number)
    return (time.perf_counter() - began) * 1000


def _table(figures: dict[str, dict[str, Figures]], options: argparse.Namespace) -> Table:
    rounds = f"median of {options.rounds} rounds of {options.calls} calls (least to most)"
    table = Table(title=f"CPU of a call, ms, and its latency: {options.at_once} at once, then alone; {rounds}")
    for column in ("call", "CPU", "of which", "calls/s", "alone, p50 ms", "p99"):
        table.add_column(column)
    for call, by_stack in figures.items():
        for stack, one in by_stack.items():
            table.add_row(_named(call, stack, by_stack), *_row(one))
    return table


def _named(call: str, stack: str, stacks: Collection[str]) -> str:
    return call if len(stacks) == 1 else f"{call}, {stack}"


def _row(one: Figures) -> Sequence[str]:
    total = spread([costs[TOTAL] for costs in one.costs])
    rate = f"{statistics.median(one.rates):.0f}"
    return (total, _parts(one.costs), rate, *(f"{value:.1f}" for value in _percentiles(one.alone)))


def _parts(rounds: Sequence[Costs]) -> str:
    """The parts that use most, with their medians."""
    medians = medians_of_parts(rounds)
    total = sum(medians.values())
    shown = sorted(((cost, part) for part, cost in medians.items() if cost > total * _SHOWN), reverse=True)
    return ", ".join(f"{part} {cost:.2f}" for cost, part in shown)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the 99th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load.call_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="of each kind in a round, alone and again at once")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=10, help="seconds of a round in which nothing happens")
    parser.add_argument("--settle", type=float, default=3, help="seconds that count after the last call")
    parser.add_argument("--beside", type=stack_at, action="append", default=[], metavar="DIRECTORY:OFFSET")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
