"""CPU of a purchase by part, and of doing nothing: `python -m load.purchase_cost`. Needs a running stack.

A purchase is an order, its payment, the saga up to `confirmed`, and the mail about it. What the parts use while nothing
happens is taken off.

`--beside DIRECTORY:OFFSET` measures a second running stack in alternating rounds: that of another commit, started in a
work tree of its own with another ARGOSY_PORT_OFFSET. DIRECTORY is its data.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.table import Table

from load.cpu import Costs, above, cpu_seconds, medians_of_parts, spread, without_idle
from load.customer import Customer, at_once
from load.report import name_of, plot, show
from load.session import ORDER
from local import credentials
from local.credentials import FERRETDB
from local.stack import Stack

STATEMENTS = "transactions/s"
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass
class Measured:
    """The rounds of one stack."""

    stack: Stack
    name: str
    purchase: list[Costs] = field(default_factory=list)
    """CPU of a purchase above that of doing nothing, ms."""
    idle: list[Costs] = field(default_factory=list)
    """CPU of a second in which nothing happens, ms; and PostgreSQL's transactions."""


def main() -> int:
    """Measure each stack in turn, and print."""
    options = _options()
    measured = [Measured(stack, name_of(stack)) for stack in (Stack.from_environment(), *options.beside)]
    try:
        asyncio.run(_measure(measured, options))
    except (httpx.HTTPError, OSError) as error:
        print(f"a stack does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr)
        return 1
    _show(measured, options)
    return 0


async def _measure(measured: Sequence[Measured], options: argparse.Namespace) -> None:
    for one in measured:
        async with Buyer(one.stack) as buyer:
            await buyer.buy(options.warm_up, options.at_once)
    for _ in range(options.rounds):
        for one in measured:
            one.idle.append(await _idle(one.stack, options))
            one.purchase.append(await _purchases(one.stack, options, one.idle[-1]))


async def _idle(stack: Stack, options: argparse.Namespace) -> Costs:
    await asyncio.sleep(options.settle)
    before, transactions, began = cpu_seconds(stack), await _transactions(stack), time.monotonic()
    await asyncio.sleep(options.idle)
    took = time.monotonic() - began
    used = above(cpu_seconds(stack), before, took)
    return {**used, STATEMENTS: (await _transactions(stack) - transactions) / took}


async def _purchases(stack: Stack, options: argparse.Namespace, idle: Costs) -> Costs:
    async with Buyer(stack) as buyer:
        before, began = cpu_seconds(stack), time.monotonic()
        await buyer.buy(options.purchases, options.at_once)
        took = time.monotonic() - began
        used = above(cpu_seconds(stack), before, options.purchases)
    return without_idle(used, idle, took / options.purchases)


async def _transactions(stack: Stack) -> float:
    """Transactions that PostgreSQL has ended, in all databases."""
    password = credentials.read(stack.secrets).postgres_password(FERRETDB)
    connection = await asyncpg.connect(f"postgresql://{FERRETDB}:{password}@{stack.address('postgres')}/{FERRETDB}")
    try:
        return float(await connection.fetchval("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database"))
    finally:
        await connection.close()


class Buyer(Customer):
    """A customer who buys."""

    async def buy(self, count: int, callers: int) -> None:
        """Make `count` purchases, and wait for the mail about each: once per buyer. Raises TimeoutError."""
        await at_once(callers, range(count), self._purchase)
        confirmed, last, give_up = 0, "0", time.monotonic() + _PATIENCE_SECONDS
        while confirmed < count:
            if time.monotonic() > give_up:
                raise TimeoutError(f"{confirmed} of {count} purchases were confirmed by mail")
            await asyncio.sleep(_POLL_SECONDS)
            for mail in await self._mails(last):
                confirmed, last = confirmed + ("confirmed" in mail["subject"]), mail["id"]

    async def _purchase(self, _: int) -> None:
        order = await self.post("/orders", ORDER)
        await self.post("/payments", {"orderId": order["id"], "paymentMethodId": "pm_card_visa"})

    async def _mails(self, after: str) -> list[dict[str, Any]]:
        params = {"to": self.email, "after": after}
        answer = await self.http.get(self.stack.url("mail-http", "/messages"), params=params)
        mails: list[dict[str, Any]] = answer.raise_for_status().json()["messages"]
        return mails


def _show(measured: Sequence[Measured], options: argparse.Namespace) -> None:
    rounds = f"median of {options.rounds} rounds (least to most)"
    title = f"CPU of a purchase, ms: {options.purchases} purchases, {options.at_once} at once; {rounds}"
    show(_table(title, measured, [one.purchase for one in measured]))
    plot("purchase", "CPU of a purchase by part, ms", {one.name: medians_of_parts(one.purchase) for one in measured})
    title = f"CPU of a second in which nothing happens, ms: {options.idle:.0f} s; {rounds}"
    show(_table(title, measured, [one.idle for one in measured]))


def _table(title: str, measured: Sequence[Measured], figures: Sequence[Sequence[Costs]]) -> Table:
    table = Table(title=title)
    table.add_column("part")
    for one in measured:
        table.add_column(one.name, justify="right")
    for part in figures[0][0]:
        table.add_row(part, *(spread([costs[part] for costs in rounds if part in costs]) for rounds in figures))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load.purchase_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--purchases", type=int, default=200, help="of a round")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--idle", type=float, default=15, help="seconds of a round in which nothing happens")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=40, help="purchases before the first round")
    parser.add_argument(
        "--settle",
        type=float,
        default=15,
        help="seconds to wait after purchases: orders are projected once more after 10 s",
    )
    parser.add_argument("--beside", type=stack_at, action="append", default=[], metavar="DIRECTORY:OFFSET")
    return parser.parse_args()


def stack_at(text: str) -> Stack:
    """The stack of `DIRECTORY:OFFSET`."""
    directory, _, offset = text.rpartition(":")
    return Stack(Path(directory).resolve(), int(offset))


if __name__ == "__main__":
    sys.exit(main())
