"""One run: start the system, let customers buy while the plan's faults happen, end all faults, check."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
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
from tests.chaos import checker, layout
from tests.chaos.customers import SCARCE, Customer, GaveUp, Staff, dashboard
from tests.chaos.faults import Faults
from tests.chaos.network import Link
from tests.chaos.plan import Fault
from tests.chaos.record import Exchange, Record
from tests.support import facts, invariants
from tests.support.facts import Facts
from tests.support.real_stack import RealStack
from tests.support.shop import Shop, until

DEFAULT_OFFSET = 11_400
_CUSTOMERS = 8
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
    done: Counter[str] = field(default_factory=Counter)
    """How often customers and staff did what."""
    orders: Counter[str] = field(default_factory=Counter)
    """Orders by their final status."""
    settled_after: float = 0.0
    """Seconds from the end of the last fault until the stores agreed."""


@dataclass(frozen=True)
class Limits:
    """How long the system may take to be as it must, once all faults are over and no order is pending. Seconds."""

    settle_seconds: float = checker.SETTLE_SECONDS
    """Until the stores agree."""
    rest_seconds: float = checker.REST_SECONDS
    """From then on until all parts are ready and idle."""


def chaos_stack(name: str = "chaos") -> Stack:
    """The stack under attack: `ARGOSY_DATA` and `ARGOSY_PORT_OFFSET` move it."""
    named = Stack.from_environment()
    directory = named.data if os.environ.get("ARGOSY_DATA") else (STACKS / name).resolve()
    return Stack(directory, named.offset if os.environ.get("ARGOSY_PORT_OFFSET") else DEFAULT_OFFSET)


async def run(stack: Stack, seed: int, plan: Sequence[Fault], seconds: float) -> Outcome:
    """Do it, from a fresh stack, and leave the stack stopped. The outcome says whether everything held."""
    outcome = Outcome(seed, plan, seconds)
    async with system(stack) as (real, links):
        await attack(real, links, outcome)
    return outcome


@asynccontextmanager
async def system(stack: Stack, settings: Sequence[str] = ()) -> AsyncIterator[tuple[RealStack, dict[str, Link]]]:
    """The system under attack, from a fresh stack; stopped at the end.

    settings: PART.NAME=VALUE each, above those of the layout.

    Raises RuntimeError when it does not start.
    """
    found = layout.links(stack)
    if await asyncio.to_thread(functools.partial(reset, stack, layout.LAYOUT, yes=True)):
        raise RuntimeError("the data of an earlier run cannot be deleted")
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
        for link in found.values():
            await link.stop()


async def attack(real: RealStack, links: dict[str, Link], outcome: Outcome, limits: Limits | None = None) -> None:
    """Let the outcome's plan happen while customers buy, check everything, and write down what came of it."""
    async with Shop(real) as shop:
        await _attack(real, links, shop, outcome, limits or Limits())


async def _attack(real: RealStack, links: dict[str, Link], shop: Shop, outcome: Outcome, limits: Limits) -> None:
    staff = await shop.register_staff()
    await _sell_what_is_scarce(shop, staff.token)
    before = await invariants.baseline(real)
    chance = random.Random(outcome.seed)
    tokens = [(await shop.register()).token for _ in range(_CUSTOMERS)]
    record = Record(real.stack.data / "requests.jsonl")
    faults = Faults(real, links, shop.sandbox)
    stop = asyncio.Event()
    customers = [
        Customer(
            f"customer-{number}",
            token,
            shop.http,
            record,
            random.Random(chance.getrandbits(64)),
            outcome.done,
            sandbox=shop.sandbox,
        )
        for number, token in enumerate(tokens)
    ]
    helper = Staff("staff", staff.token, shop.http, record, random.Random(chance.getrandbits(64)), outcome.done)
    helper.customers = customers
    people = [
        *(asyncio.create_task(customer.run(stop)) for customer in customers),
        asyncio.create_task(helper.run(stop)),
        asyncio.create_task(dashboard(shop.sandbox, chance, outcome.done, stop)),
    ]
    try:
        await _let_happen(faults, outcome, record)
    finally:
        stop.set()
        await faults.end_all()
    over = time.monotonic()
    _say(f"all faults are over after {record.now:.0f} s; customers finish")
    outcome.problems += await _finish(people)
    _say("everything settles")
    await _check(real, before, outcome, record, customers, limits)
    outcome.settled_after = time.monotonic() - over


async def _let_happen(faults: Faults, outcome: Outcome, record: Record) -> None:
    """Each fault at its time. One that is not over when the run ends is ended then."""

    async def one(fault: Fault) -> None:
        await asyncio.sleep(max(0.0, fault.at - record.now))
        _say(
            f"{record.now:6.1f} s  {fault}   ({sum(outcome.done.values())} things done, {len(record.exchanges)} calls)"
        )
        outcome.happened.append((record.now, fault))
        await faults.happen(fault)

    tasks = [asyncio.create_task(one(fault)) for fault in outcome.plan]
    await asyncio.sleep(max(0.0, outcome.seconds - record.now))
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            outcome.problems.append(f"a fault could not be made: {result!r}")


async def _finish(people: Sequence[asyncio.Task[None]]) -> list[str]:
    finished, waiting = await asyncio.wait(people, timeout=_FINISH_SECONDS)
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
        found: Facts = await checker.settle(real, before, limits.settle_seconds)
    except AssertionError as error:
        outcome.problems += str(error).splitlines()[1:]
        found = await _facts(real, before)
    outcome.problems += checker.broken(record.exchanges, found)
    outcome.problems += checker.opened_without_cause(real, [fault for _, fault in outcome.happened], before.since)
    outcome.problems += await checker.at_rest(real, limits.rest_seconds)
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
