"""Reconciliation: stores that were made to differ by hand are found, and repaired where that is safe."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from motor.motor_asyncio import AsyncIOMotorClient

from tests.support.argosy import Answered, argosy
from tests.support.shop import Customer, Shop, answered, until

AT_ONCE = {"COMPARE_SETTLED_SECONDS": "0"}


async def reconcile(shop: Shop, *options: str) -> Answered:
    environment = {**shop.stack.stack.environment, **AT_ONCE}
    return await argosy("reconcile", *options, "--json", environment=environment)


def kinds(answer: Answered) -> list[tuple[str, str]]:
    return sorted((row["kind"], row["result"]) for row in answer.any_rows)


@asynccontextmanager
async def database(shop: Shop, service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(shop.stack.postgres_url(service))
    try:
        yield connection
    finally:
        await connection.close()


async def bought(customer: Customer) -> dict[str, Any]:
    order = await customer.order()
    await customer.pay(order)
    await customer.until_order_is(order, "confirmed")
    return order


async def is_clean(shop: Shop, *options: str) -> None:
    async def look() -> Answered:
        return await reconcile(shop, "--dry-run", *options)

    await until(look, lambda answer: not answer.any_rows and answer.code == 0, "nothing differs")


async def test_a_purchase_mix_leaves_nothing_that_differs(shop: Shop, customer: Customer) -> None:
    await bought(customer)
    cancelled = await bought(customer)
    answered(await customer.call("PATCH", f"/orders/{cancelled['id']}/status", {"status": "cancelled"}), 200)
    await customer.order()
    await is_clean(shop)


async def test_stock_that_was_changed_by_hand(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    product = order["items"][0]["productId"]
    async with database(shop, "inventory") as connection:
        numbers = "SELECT on_hand, held FROM products WHERE id = $1"
        before = await connection.fetchrow(numbers, product)
        await connection.execute("UPDATE products SET held = held + 3, on_hand = on_hand + 5 WHERE id = $1", product)
        dry = await reconcile(shop, "--dry-run", "--order", order["id"])
        assert (kinds(dry), dry.code) == ([("stock_differs", "would be repaired")], 1)
        assert await connection.fetchrow(numbers, product) != before
        wet = await reconcile(shop, "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("stock_differs", "repaired")], 0)
        assert await connection.fetchrow(numbers, product) == before
        kind = "SELECT kind FROM stock_moves WHERE product_id = $1 ORDER BY id DESC LIMIT 1"
        assert await connection.fetchval(kind, product) == "reconcile"


async def test_stock_that_does_not_fit_its_order(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    product = order["items"][0]["productId"]
    async with database(shop, "inventory") as connection:
        # As if the confirmation had never come.
        quantity = sum(line["quantity"] for line in order["items"])
        await connection.execute("UPDATE reservations SET status = 'held' WHERE order_id = $1::uuid", order["id"])
        await connection.execute(
            "WITH p AS (UPDATE products SET on_hand = on_hand + $2, held = held + $2 WHERE id = $1 RETURNING *)"
            " INSERT INTO stock_moves (product_id, kind, on_hand_delta, held_delta, on_hand, held)"
            " SELECT id, 'adjust', $2, $2, on_hand, held FROM p",
            product,
            quantity,
        )
        wet = await reconcile(shop, "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("confirmed_without_stock", "repaired")], 0)
        status = await connection.fetchval("SELECT status FROM reservations WHERE order_id = $1::uuid", order["id"])
        assert status == "committed"
        # The opposite sides: the order is cancelled, and the release is undone by hand.
        answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
        await is_clean(shop, "--order", order["id"])
        await connection.execute(
            "UPDATE reservations SET status = 'committed', release_reason = NULL WHERE order_id = $1::uuid", order["id"]
        )
        wet = await reconcile(shop, "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("cancelled_holds_stock", "repaired")], 0)


async def test_a_paid_order_that_was_never_confirmed(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(shop.stack.mongo_url("orders"))
    try:
        await client.get_default_database()["commits"].delete_one({"_id": f"{order['id']}:2"})
    finally:
        client.close()
    wet = await reconcile(shop, "--of", "payment", "--order", order["id"])
    assert (kinds(wet), wet.code) == ([("paid_not_confirmed", "repaired")], 0)
    await customer.until_order_is(order, "confirmed")


async def test_money_that_a_cancelled_order_holds(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    await is_clean(shop, "--order", order["id"])
    other = await bought(customer)
    async with database(shop, "payment") as connection:
        # A payment of another order is made the cancelled one's: nothing was begun to give it back.
        await connection.execute(
            "UPDATE payments SET order_id = $1::uuid WHERE order_id = $2::uuid", order["id"], other["id"]
        )
        wet = await reconcile(shop, "--of", "payment", "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("cancelled_holds_money", "repaired")], 0)

        async def statuses() -> set[str]:
            rows = await connection.fetch("SELECT status FROM payments WHERE order_id = $1::uuid", order["id"])
            return {row["status"] for row in rows}

        await until(statuses, lambda found: found == {"refunded"}, "the money goes back")
        await connection.execute(
            "UPDATE payments SET order_id = $2::uuid WHERE order_id = $1::uuid AND NOT EXISTS"
            " (SELECT FROM payments p WHERE p.order_id = $2::uuid) AND id ="
            " (SELECT max(id::text)::uuid FROM payments WHERE order_id = $1::uuid)",
            order["id"],
            other["id"],
        )
    answered(await customer.call("PATCH", f"/orders/{other['id']}/status", {"status": "cancelled"}), 200)


async def test_a_ledger_that_lacks_a_line_is_listed(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    async with database(shop, "payment") as connection:
        await connection.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_append_only")
        lost = await connection.fetchrow(
            "DELETE FROM ledger_entries WHERE entry = 'capture' AND payment_id ="
            " (SELECT id FROM payments WHERE order_id = $1::uuid) RETURNING *",
            order["id"],
        )
        wet = await reconcile(shop, "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("ledger_differs", "left")], 1)
        row = wet.any_rows[0]
        assert "the ledger comes to 0" in row["theirs"]
        assert row["repair"] is None
        await connection.execute(
            "INSERT INTO ledger_entries (payment_id, entry, amount, currency, stripe_id) VALUES ($1, $2, $3, $4, $5)",
            *(lost[name] for name in ("payment_id", "entry", "amount", "currency", "stripe_id")),
        )
        await connection.execute("ALTER TABLE ledger_entries ENABLE TRIGGER ledger_entries_append_only")
    await is_clean(shop, "--order", order["id"])


async def test_a_list_that_lacks_an_order(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(shop.stack.mongo_url("orders"))

    async def seen() -> list[tuple[str, str]]:
        return kinds(await reconcile(shop, "--of", "order", "--order", order["id"]))

    try:
        await client.get_default_database()["orders"].delete_one({"_id": order["id"]})
        await until(seen, lambda found: found == [("read_side_differs", "repaired")], "it is shown again")
        assert await client.get_default_database()["orders"].find_one({"_id": order["id"]}) is not None
    finally:
        client.close()


async def test_what_cannot_be_asked_is_refused(shop: Shop) -> None:
    refused = await argosy("reconcile", "--of", "user", environment=shop.stack.stack.environment)
    assert (refused.code, refused.err) == (1, "argosy: --of takes payment, inventory, order, not user\n")
    nothing = await reconcile(shop, "--order", str(uuid.uuid4()))
    assert (nothing.code, nothing.out) == (0, "")
