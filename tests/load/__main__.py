"""What `make load` calls: `python -m tests.load --profile flash`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from local.paths import STACKS
from local.stack import Stack
from tests.chaos.report import publish
from tests.load import k6, parts, ready, report, setup
from tests.load.profiles import CURIO, NORMAL_RATE, Profile, profile
from tests.load.report import Outcome
from tests.support import invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import Shop

_OFFSET = 11_600
_SETTINGS = (
    # All arrivals are one machine's, and a few accounts are many people.
    "edge.RATE_LIMIT_MULTIPLIER=1000",
    "inventory.UNPAID_ORDERS_PER_CUSTOMER=1000000",
    "inventory.HELD_PIECES_PER_CUSTOMER=1000000",
)
_SETTLE_SECONDS = 1200.0


def main() -> int:
    """Run the profile, check the invariants, and report. Returns 1 when something did not hold."""
    arguments = _parser().parse_args()
    try:
        chosen = profile(arguments.profile, arguments.rate)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if code := setup.main():
        return code
    stack = Stack((STACKS / "load").resolve(), _OFFSET)
    outcome = asyncio.run(_run(stack, chosen))
    directory = stack.data.parent / "load-reports" / chosen.name
    where = report.write(outcome, directory)
    print("\n".join([*outcome.problems, *report.summary(outcome)]) + f"\nreport: {where}")
    if arguments.publish:
        print(f"for check-in: {publish(directory, report.PUBLISHED)}")
    return 1 if outcome.problems else 0


async def _run(stack: Stack, chosen: Profile) -> Outcome:
    real = RealStack(stack, _SETTINGS)
    await asyncio.to_thread(real.command, "reset", "--yes")
    try:
        print("starting the system …", flush=True)
        await asyncio.to_thread(real.up)
        async with Shop(real) as shop:
            return await _load(real, shop, chosen)
    finally:
        await asyncio.to_thread(real.command, "down")


async def _load(real: RealStack, shop: Shop, chosen: Profile) -> Outcome:
    before = await invariants.baseline(real)
    await ready.fill_shelves(shop, chosen)
    print(f"registering {chosen.people} people …", flush=True)
    people = await ready.register(shop, chosen)
    async with parts.watched(real.stack) as memory:
        measured = await k6.run(chosen, f"{real.edge_url}/api/v1", people, real.stack.data / "k6")
    print("waiting until all stores agree …", flush=True)
    began = time.monotonic()
    found, problems = await _settled(real, before)
    problems += _of_the_run(chosen, measured)
    sold = found.stock[CURIO].sold if found and chosen.pieces else None
    if sold is not None and sold != chosen.pieces:
        problems.append(f"{sold} pieces were sold of {chosen.pieces}")
    orders = Counter(order.status for order in found.orders.values()) if found else Counter[str]()
    return Outcome(chosen, measured, memory, orders, sold, time.monotonic() - began, problems)


async def _settled(real: RealStack, before: Baseline) -> tuple[Facts | None, list[str]]:
    try:
        return await invariants.hold(real, before, patience=_SETTLE_SECONDS), []
    except AssertionError as error:
        return None, str(error).splitlines()[1:]


def _of_the_run(chosen: Profile, measured: k6.Measured) -> list[str]:
    problems = []
    if measured.dropped:
        problems.append(f"k6 did not start {measured.dropped} of {chosen.arrivals} arrivals: the profile was not kept")
    broken = Counter(one.status for one in measured.requests if one.status >= 500 and not one.refused)
    problems += [f"{count} answers were {status}" for status, count in sorted(broken.items())]
    return problems


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make load", description="Put load on the system, then check everything.")
    parser.add_argument("--profile", required=True, help="ramp, spike, soak or flash")
    parser.add_argument("--rate", type=float, default=NORMAL_RATE, help="normal arrivals a second of spike and soak")
    parser.add_argument("--publish", action="store_true", help="copy the report to docs/load, to be checked in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
