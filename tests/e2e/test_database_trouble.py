"""A database that takes no writes for a while: answers have a Retry-After, and no purchase is lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import httpx

from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack
from tests.support.shop import PRODUCT, Json, Shop, an_order, until


@contextlib.asynccontextmanager
async def read_only(stack: RealStack, database: str) -> AsyncIterator[None]:
    """What a service finds whose primary became a replica: its sessions end, and new ones may only read."""
    admin = await asyncpg.connect(stack.postgres_url("postgres"))
    try:
        await admin.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        await admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", database)
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
        await admin.close()


async def test_a_purchase_goes_on_when_inventorys_database_takes_writes_again(
    stack: RealStack, shop: Shop, before: Baseline
) -> None:
    customer = await shop.register()
    order = await customer.order()
    await until(lambda: health(stack), lambda found: found["status"] == "SERVING", "inventory is well before")
    async with read_only(stack, "inventory"):
        await customer.pay(order)
        await customer.until_order_is(order, "confirmed")  # inventory hears of it, and waits
        found = await until(lambda: health(stack), lambda now: now["status"] == "NOT_SERVING", "/health fails")
        assert found["failing"] == ["postgres"]
        for answer in (
            await shop.call("GET", f"/products/{PRODUCT}"),
            await customer.call("POST", "/orders", an_order()),
        ):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["code"] == 14
    await until(lambda: health(stack), lambda found: found["status"] == "SERVING", "inventory is well again")
    await customer.until_mailed(order, "Your order is confirmed")
    await invariants.hold(stack, before)  # the stock is sold, and there is no dead letter


async def health(stack: RealStack) -> Json:
    """The health of inventory."""
    async with httpx.AsyncClient() as http:
        answer: Json = (await http.get(f"{stack.admin_url('inventory')}/health")).json()
        return answer
