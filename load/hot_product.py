"""Orders of one product beside orders of many products: `python -m load.hot_product`. Needs a running stack.

All orders of one product change one row of stock. The rounds alternate; calls a second, several at once, through the
edge.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import httpx
from rich.table import Table

from load.customer import Customer, at_once
from load.report import show
from load.session import ORDER
from local.demo.shop import Shop, ShopError
from local.stack import Stack

_PIECES = 1_000_000
_ONE, _MANY = "one product", "many products"


def main() -> int:
    """Measure, and print."""
    options = _options()
    stack = Stack.from_environment()
    try:
        products = _products(stack, options.products)
        rates = asyncio.run(_measure(stack, products, options))
    except (httpx.HTTPError, OSError, ShopError) as error:
        print(
            f"the stack does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr
        )
        return 1
    show(_table(rates, options))
    return 0


def _products(stack: Stack, count: int) -> Sequence[str]:
    """So many new products with stock enough for everybody."""
    with Shop(stack) as shop:
        shop.register()
        staff = shop.hire()
        name = f"hot-{time.time_ns()}"
        products = [f"{name}-{number}" for number in range(count)]
        for product in products:
            staff.add_product(product, "Bell", 1)
            staff.restock(product, _PIECES, "measurement")
    return products


async def _measure(stack: Stack, products: Sequence[str], options: argparse.Namespace) -> dict[str, list[float]]:
    """Orders a second in each round."""
    rates: dict[str, list[float]] = {_ONE: [], _MANY: []}
    async with contextlib.AsyncExitStack() as opened:
        customers = [await opened.enter_async_context(Customer(stack)) for _ in range(options.at_once)]
        for _ in range(options.rounds):
            rates[_ONE].append(await _rate(customers, products[:1], options))
            rates[_MANY].append(await _rate(customers, products, options))
    return rates


async def _rate(customers: Sequence[Customer], products: Sequence[str], options: argparse.Namespace) -> float:
    async def order(number: int) -> dict[str, Any]:
        item = {"productId": products[number % len(products)], "quantity": 1}
        return await customers[number % len(customers)].post("/orders", {**ORDER, "items": [item]})

    await asyncio.sleep(options.settle)
    began = time.monotonic()
    await at_once(options.at_once, range(options.orders), order)
    return float(options.orders / (time.monotonic() - began))


def _table(rates: dict[str, list[float]], options: argparse.Namespace) -> Table:
    title = f"Orders a second: {options.rounds} rounds of {options.orders} orders, {options.at_once} at once"
    table = Table(title=title)
    for column in ("orders of", "least", "median", "most"):
        table.add_column(column, justify="left" if column == "orders of" else "right")
    for name, values in rates.items():
        table.add_row(name, *(f"{value:.1f}" for value in (min(values), statistics.median(values), max(values))))
    ratio = statistics.median(one / many for one, many in zip(rates[_ONE], rates[_MANY], strict=True))
    table.add_row("ratio, median of the rounds", "", f"{ratio:.2f}", "")
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m load.hot_product", description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=500, help="of a round")
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=12, help="no more than the bulkhead of orders lets in")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settle", type=float, default=5, help="seconds between rounds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
