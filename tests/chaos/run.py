"""One run: start the system, let customers buy while the plan's faults happen, end all faults, check."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from local import data
from local.commands.down import down
from local.commands.reset import reset
from local.commands.up import up
from local.paths import STACKS
from local.stack import Stack
from tests.chaos import alerts, arrivals, breakers, checker, clocks, disk, layout, logs, people
from tests.chaos.arrivals import Arrivals
from tests.chaos.checker import Limits
from tests.chaos.convergence import Meter, Probe
from tests.chaos.crashes import Crashes, make_directories
from tests.chaos.customers import SCARCE, Customer
from tests.chaos.faults import Faults
from tests.chaos.network import Link
from tests.chaos.plan import Fault, Kind
from tests.chaos.record import Exchange, Record
from tests.chaos.visitor import GaveUp
from tests.load import ready
from tests.load.profiles import Profile
from tests.support import facts, invariants
from tests.support.facts import Facts
from tests.support.real_stack import RealStack
from tests.support.shop import Shop, until

DEFAULT_OFFSET = 11_400
_FINISH_SECONDS = 420
_CALM_PURCHASES = 6


@dataclass
class Outcome:
    """What came of a run."""

    seed: int
    plan: Sequence[Fault]
    seconds: float
    problems: list[str] = field(default_factory=list)
    """What did not hold, a sentence each; empty for a run that passed."""
    exchanges: list[Exchange] = field(default_factory=list)
    happened: list[tuple[float, Fault]] = field(default_factory=list)
    """When each fault really began, and which."""
    cut_off: list[Fault] = field(default_factory=list)
    """Faults of the plan that did not happen, or not as long as they should, before the run ended."""
    done: Counter[str] = field(default_factory=Counter)
    """How often customers and staff did what."""
    load: Profile | None = None
    """What arrives beside the customers."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    orders: Counter[str] = field(default_factory=Counter)
    """Orders by their final status."""
    crashes: Crashes | None = None
    """What became of crash points."""
    alerts: dict[str, list[int]] = field(default_factory=dict)
    """Alerts that fired → the seconds at which they did."""
    converged: list[tuple[Fault, float]] = field(default_factory=list)
    """Seconds from the end of a fault until the system was whole again, where no other fault happened meanwhile."""
    unfinished: list[tuple[Fault, float]] = field(default_factory=list)
    """The same where the system was not whole when the next fault began: at least so many seconds."""
    drifts: Counter[str] = field(default_factory=Counter)
    """How often the reconciliation found which kind of drift, and what became of it."""
    settled_after: float = 0.0
    """Seconds from the end of the last fault until the stores agreed."""

    @property
    def name(self) -> str:
        """What the report's directory is called."""
        return f"seed-{self.seed}" + (f"-{self.load.name}" if self.load else "")


def chaos_stack(name: str = "chaos") -> Stack:
    """The stack under attack: `ARGOSY_DATA` and `ARGOSY_PORT_OFFSET` move it."""
    named = Stack.from_environment()
    directory = named.data if os.environ.get("ARGOSY_DATA") else (STACKS / name).resolve()
    return Stack(directory, named.offset if os.environ.get("ARGOSY_PORT_OFFSET") else DEFAULT_OFFSET)


async def run(stack: Stack, seed: int, plan: Sequence[Fault], seconds: float, load: Profile | None = None) -> Outcome:
    """Run it on a fresh stack, and stop the stack. Returns the outcome, with the invariants that did not hold."""
    outcome = Outcome(seed, plan, seconds, load=load)
    disk_fills = any(fault.kind is Kind.FULL_DISK for fault in plan)
    async with system(stack, disk_fills=disk_fills) as (real, links):
        await attack(real, links, outcome)
    return outcome


@asynccontextmanager
async def system(
    stack: Stack, settings: Sequence[str] = (), *, disk_fills: bool = False
) -> AsyncIterator[tuple[RealStack, dict[str, Link]]]:
    """The system under attack, from a fresh stack; stopped at the end.

    settings: PART.NAME=VALUE each, above those of the layout.
    disk_fills: whether PostgreSQL gets a file system of its own.

    Raises RuntimeError when it does not start.
    """
    found = layout.links(stack)
    disk.unmount(stack)
    # Unasked: a run begins without the orders, charges and records of the one before.
    await asyncio.to_thread(reset, stack, layout.LAYOUT, yes=True)
    make_directories(stack)
    if disk_fills:
        disk.mount(stack)
    try:
        for link in found.values():
            await link.start()
        code = await asyncio.to_thread(up, stack, (), settings, layout.LAYOUT)
        if code:
            raise RuntimeError("the system under attack did not start")
        yield RealStack(data.as_started(stack)), found
    finally:
        with contextlib.suppress(Exception):
            await asyncio.to_thread(down, stack, layout.LAYOUT)
        disk.unmount(stack)
        clocks.sweep()
        for link in found.values():
            await link.stop()


async def attack(real: RealStack, links: dict[str, Link], outcome: Outcome, limits: Limits | None = None) -> None:
    """Let the outcome's plan happen while people use the shop, check everything, and write down what came of it."""
    async with Shop(real) as shop:
        await _attack(real, links, shop, outcome, limits or Limits())


async def _attack(real: RealStack, links: dict[str, Link], shop: Shop, outcome: Outcome, limits: Limits) -> None:
    staff = await shop.register_staff()
    await _sell_what_is_scarce(shop, staff.token)
    if outcome.load:
        await ready.fill_shelves(shop, outcome.load)
    before = await invariants.baseline(real)
    record = Record(real.stack.data / "requests.jsonl")
    outcome.crashes = Crashes(real.stack)
    faults = Faults(real, links, shop.sandbox, outcome.crashes)
    crowd = await people.gather(shop, staff.token, outcome.seed, record, outcome.done)
    probe = Probe(real, await shop.register(), record)
    meter = Meter(probe.whole, outcome.converged, outcome.unfinished)
    stop, watch = asyncio.Event(), alerts.Watch(real, lambda: record.now)
    async with arrivals.arriving(real, shop, outcome.load) as outcome.arrivals:
        record.begin()  # the time that it takes to register everybody is not the plan's
        tasks = crowd.begin(stop)
        watch.begin()
        try:
            await let_happen(faults, meter, outcome, record)
        finally:
            stop.set()
            await faults.end_all()
    if outcome.load:
        outcome.done[arrivals.CAUSE] = sum(outcome.arrivals.answers.values())
    outcome.problems += arrivals.problems(outcome.arrivals)
    over = time.monotonic()
    _print(f"all faults are over after {record.now:.0f} s; customers finish")
    await meter.finish(limits.whole_seconds)
    await probe.close()
    outcome.problems += await _finish(tasks)
    _print("everything settles")
    await _check(real, before, outcome, record, crowd.customers, limits)
    outcome.settled_after = time.monotonic() - over
    outcome.alerts = await alerts.fired(await watch.end())
    outcome.problems += alerts.without_cause(outcome.alerts, outcome.happened, outcome.done)


async def let_happen(faults: Faults, meter: Meter, outcome: Outcome, record: Record) -> None:
    """Each fault at its time. One that is not over when the run ends is ended then, and noted as cut off."""

    async def one(fault: Fault) -> None:
        await asyncio.sleep(max(0.0, fault.at - record.now))
        _print(
            f"{record.now:6.1f} s  {fault}   ({sum(outcome.done.values())} things done, {len(record.exchanges)} calls)"
        )
        outcome.happened.append((record.now, fault))
        meter.began(fault)
        try:
            await faults.happen(fault)
        finally:
            meter.ended(fault)

    tasks = [asyncio.create_task(one(fault)) for fault in outcome.plan]
    await asyncio.sleep(max(0.0, outcome.seconds - record.now))
    outcome.cut_off += [
        fault
        for fault, task in zip(outcome.plan, tasks, strict=True)
        if not task.done() and fault not in faults.complete
    ]
    for fault in outcome.cut_off:
        _print(f"{record.now:6.1f} s  {fault} is cut off by the end of the run")
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            outcome.problems.append(f"a fault could not be made: {result!r}")


async def _finish(people_at_work: Sequence[asyncio.Task[None]]) -> list[str]:
    finished, waiting = await asyncio.wait(people_at_work, timeout=_FINISH_SECONDS)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    problems = [f"{len(waiting)} people were never answered"] if waiting else []
    for task in finished:
        error = task.exception()
        if isinstance(error, GaveUp):
            problems.append(f"a request was never answered: {error}")
        elif error is not None:
            problems.append(f"somebody stumbled: {error!r}")
    return problems


async def _check(
    real: RealStack,
    before: invariants.Baseline,
    outcome: Outcome,
    record: Record,
    customers: Sequence[Customer],
    limits: Limits,
) -> None:
    with contextlib.suppress(GaveUp):
        for number in range(_CALM_PURCHASES):  # whoever left a party alone asks it once more
            await customers[number % len(customers)].buy()
    await _until_no_order_waits(real, before, outcome)
    try:
        found: Facts = await checker.settle(real, before, limits)
    except AssertionError as error:
        outcome.problems += str(error).splitlines()[1:]
        found = await _facts(real, before)
    outcome.problems += await checker.broken(real, before, record.exchanges, found, limits, outcome.arrivals.orders)
    if not outcome.load:  # a machine without a free core answers nobody in time
        outcome.problems += breakers.opened_without_cause(real, [fault for _, fault in outcome.happened], before.since)
    outcome.drifts = logs.drifts(real, before.since)
    outcome.exchanges = record.exchanges
    outcome.orders = Counter(order.status for order in found.orders.values())
    record.close()


async def _until_no_order_waits(real: RealStack, before: invariants.Baseline, outcome: Outcome) -> None:
    """Nobody pays any more: what is pending is cancelled when its time is over."""

    async def pending() -> list[str]:
        try:
            found = await _facts(real, before)
        except Exception as error:
            return [repr(error)]
        return [order.id for order in found.orders.values() if order.status == "pending"]

    try:
        await until(pending, lambda waiting: not waiting, "no order is pending")
    except AssertionError as error:
        outcome.problems.append(str(error))


async def _facts(real: RealStack, before: invariants.Baseline) -> Facts:
    return await facts.gather(real, before.since)


async def _sell_what_is_scarce(shop: Shop, token: str) -> None:
    product = {"id": SCARCE, "name": "Last pieces", "description": "", "price": 10, "currency": "USD"}
    made = await shop.call("POST", "/products", product, token=token)
    if made.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):  # a run before may have made it
        raise RuntimeError(f"no product to fight over: {made.text}")
    await shop.call("POST", f"/products/{SCARCE}/stock", {"delta": 5, "reason": "opening"}, token=token)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
