"""Entry point: `python -m load.growth`."""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Mapping, Sequence

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from load.growth import documents, rows
from load.growth.copies import PURCHASES, Copies
from load.purchase_cost import Buyer
from load.report import show
from local.stack import Stack

_PAGE = f"/orders?pageSize={PURCHASES}"
_PAGES = 50
"""How often a page is read to measure it."""


def main() -> int:
    """Fill the stack, and print what an order costs each store."""
    parser = argparse.ArgumentParser(
        prog="python -m load.growth", description="Fill a running stack with copies of real purchases."
    )
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument(
        "--of-one", type=float, default=0.1, help="the share of the orders that are the first customer's"
    )
    options = parser.parse_args()
    copies = options.orders // PURCHASES
    if not copies:
        parser.error(f"--orders: at least {PURCHASES}")
    if not 0 <= options.of_one <= 1:
        parser.error("--of-one: a share from 0 to 1")
    of_one = int(copies * options.of_one)
    try:
        asyncio.run(_fill(Stack.from_environment(), Copies(copies - of_one, of_one)))
    except (httpx.HTTPError, OSError) as error:
        print(
            f"the stack does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr
        )
        return 1
    return 0


async def _fill(stack: Stack, copies: Copies) -> None:
    since = {name: await rows.transaction(stack, name) for name in rows.TABLES}
    async with Buyer(stack) as buyer:
        await buyer.buy(PURCHASES, 4)
        orders = (await buyer.get(_PAGE))["orders"]
        before, alone = await rows.sizes(stack), await _page_milliseconds(buyer)
        await _copy(stack, since, [one["id"] for one in reversed(orders)], copies)
        after, grown = await rows.sizes(stack), await _page_milliseconds(buyer)
    show(_table({of: (after[of] - before.get(of, 0)) / (copies.all * PURCHASES) for of in after}, copies))
    Console().print(
        f"a page of a customer with {PURCHASES} orders: {alone:.1f} ms; "
        f"with {copies.of_one * PURCHASES} more: {grown:.1f} ms"
    )


async def _page_milliseconds(buyer: Buyer) -> float:
    """How long the first page of the customer's orders takes, the median."""
    took = []
    for _ in range(_PAGES):
        began = time.perf_counter()
        await buyer.get(_PAGE)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def _copy(stack: Stack, since: Mapping[str, int], orders: Sequence[str], copies: Copies) -> None:
    with Progress() as progress:
        async with asyncio.TaskGroup() as tasks:
            for name in rows.TABLES:
                tasks.create_task(rows.fill(stack, name, since[name], copies, progress))
            tasks.create_task(documents.fill(stack, orders, copies, progress))


def _table(bytes_an_order: Mapping[str, float], copies: Copies) -> Table:
    table = Table(title=f"What an order leaves, bytes with indexes: {copies.all * PURCHASES} orders")
    table.add_column("database and table")
    table.add_column("bytes", justify="right")
    for of, bytes_ in sorted(bytes_an_order.items(), key=lambda one: -one[1]):
        if bytes_ >= 1:
            table.add_row(of, f"{bytes_:.0f}")
    table.add_row("all", f"{sum(bytes_an_order.values()):.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
