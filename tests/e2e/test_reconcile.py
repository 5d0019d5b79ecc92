"""Reconciliation: stores that were made to differ by hand are found, and repaired where that is safe."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from motor.motor_asyncio import AsyncIOMotorClient

from tests.support.argosy import Answered, argosy
from tests.support.second_instance import SecondInstance, second_instance
from tests.support.shop import Customer, Shop, answered, until

AT_ONCE = {"COMPARE_SETTLED_SECONDS": "0"}
FAST = {"COMPARE_EVERY_SECONDS": "0.5", "COMPARE_SETTLED_SECONDS": "3"}
CONFIRMED = "Your order is confirmed"


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


def about(mails: list[dict[str, Any]], order: dict[str, Any]) -> int:
    """How many of these mails confirm the order."""
    return sum(mail["subject"] == CONFIRMED and order["id"] in mail["text"] for mail in mails)


async def until_logged(instance: SecondInstance, subject: str) -> list[dict[str, Any]]:
    """The lines about the drift of a subject, as soon as there is one."""

    async def look() -> list[dict[str, Any]]:
        return [line for line in instance.lines("drift") if line["subject"] == subject]

    return await until(look, bool, f"the drift of {subject} is in the log")


async def until_sold(connection: asyncpg.Connection, order: dict[str, Any]) -> None:
    """Returns once inventory has heard that the order is confirmed."""
    status = "SELECT status FROM reservations WHERE order_id = $1::uuid"
    await until(lambda: connection.fetchval(status, order["id"]), lambda found: found == "committed", "it is sold")


async def is_clean(shop: Shop, *options: str) -> None:
    async def look() -> Answered:
        return await reconcile(shop, "--dry-run", *options)

    await until(look, lambda answer: not answer.any_rows and answer.code == 0, "nothing differs")


async def test_a_purchase_mix_leaves_nothing_that_differs(shop: Shop, customer: Customer) -> None:
    confirmed, cancelled, pending = await bought(customer), await bought(customer), await customer.order()
    answered(await customer.call("PATCH", f"/orders/{cancelled['id']}/status", {"status": "cancelled"}), 200)
    for order in (confirmed, cancelled, pending):
        await is_clean(shop, "--order", order["id"])


async def test_stock_that_was_changed_by_hand(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    product = order["items"][0]["productId"]
    async with database(shop, "inventory") as connection:
        numbers = "SELECT on_hand, held FROM products WHERE id = $1"
        await until_sold(connection, order)
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
        await until_sold(connection, order)
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
        # Stripe may already have the refund, and the payment not yet, when the two are compared.
        assert ("cancelled_holds_money", "repaired") in kinds(wet)
        assert wet.code == 0

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


async def test_an_order_that_was_confirmed_and_never_paid_is_listed(shop: Shop, customer: Customer) -> None:
    order, other = await bought(customer), await customer.order()
    async with database(shop, "payment") as connection:
        move = "UPDATE payments SET order_id = $2::uuid WHERE order_id = $1::uuid"
        await connection.execute(move, order["id"], other["id"])
        wet = await reconcile(shop, "--of", "order", "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("confirmed_not_paid", "left")], 1)
        assert wet.any_rows[0]["ours"] == "the order is confirmed"
        await connection.execute(move, other["id"], order["id"])
    await is_clean(shop, "--order", order["id"])
    answered(await customer.call("PATCH", f"/orders/{other['id']}/status", {"status": "cancelled"}), 200)


async def test_an_order_that_was_confirmed_and_has_no_reservation_is_listed(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    async with database(shop, "inventory") as connection:
        await until_sold(connection, order)
        lines = await connection.fetchval(
            "SELECT jsonb_agg(item) FROM reservation_items item WHERE order_id = $1::uuid", order["id"]
        )
        lost = await connection.fetchval(  # its lines go with it
            "DELETE FROM reservations WHERE order_id = $1::uuid RETURNING to_jsonb(reservations)", order["id"]
        )
        wet = await reconcile(shop, "--order", order["id"])
        assert (kinds(wet), wet.code) == ([("confirmed_not_reserved", "left")], 1)
        assert wet.any_rows[0]["ours"] == "the order is confirmed"
        await connection.execute(
            "INSERT INTO reservations SELECT * FROM jsonb_populate_record(NULL::reservations, $1)", lost
        )
        await connection.execute(
            "INSERT INTO reservation_items SELECT * FROM jsonb_populate_recordset(NULL::reservation_items, $1)", lines
        )
    await is_clean(shop, "--order", order["id"])


async def test_a_mail_that_got_lost_and_one_that_was_sent_twice(shop: Shop, customer: Customer) -> None:
    lost, twice, late = await bought(customer), await bought(customer), await bought(customer)
    for order in (lost, twice, late):
        await customer.until_mailed(order, CONFIRMED)
    async with database(shop, "notification") as connection:
        for order in (lost, twice, late):
            await until(
                lambda: connection.fetchval("SELECT status FROM messages WHERE order_id = $1::uuid", order["id"]),  # noqa: B023
                lambda status: status == "sent",
                "it is recorded as sent",
            )
        await connection.execute("DELETE FROM messages WHERE order_id = $1::uuid", lost["id"])
        wet = await reconcile(shop, "--of", "notification", "--order", lost["id"])
        assert (kinds(wet), wet.code) == ([("mail_missing", "repaired")], 0)
        mails = await until(lambda: shop.mails_to(customer.email), lambda found: about(found, lost) == 2, "it is sent")
        assert about(mails, lost) == 2
        await connection.execute(
            "INSERT INTO messages (id, user_id, event_id, channel, type, subject, order_id, data, status, sent_at)"
            " SELECT gen_random_uuid(), user_id, gen_random_uuid(), channel, type, subject, order_id, data, status,"
            " sent_at FROM messages WHERE order_id = $1::uuid",
            twice["id"],
        )
        wet = await reconcile(shop, "--of", "notification", "--order", twice["id"])
        assert (kinds(wet), wet.code) == ([("mail_sent_twice", "left")], 1)
        await connection.execute(
            "DELETE FROM messages WHERE id = (SELECT id FROM messages WHERE order_id = $1::uuid LIMIT 1)", twice["id"]
        )
        await connection.execute(
            "UPDATE messages SET status = 'pending', sent_at = NULL, created_at = now() - interval '2 days',"
            " next_attempt_at = now() + interval '1 day' WHERE order_id = $1::uuid",
            late["id"],
        )
        wet = await reconcile(shop, "--of", "notification", "--order", late["id"])
        assert (kinds(wet), wet.code) == ([("mail_not_sent", "repaired")], 0)
        await until(lambda: shop.mails_to(customer.email), lambda found: about(found, late) == 2, "it is sent")
    for order in (lost, twice, late):
        await is_clean(shop, "--of", "notification", "--order", order["id"])


async def test_a_list_that_shows_an_order_that_never_was(shop: Shop, customer: Customer) -> None:
    order = await bought(customer)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(shop.stack.mongo_url("orders"))
    try:
        orders = client.get_default_database()["orders"]
        shown = await orders.find_one({"_id": order["id"]})
        assert shown is not None
        ghost = str(uuid.uuid4())
        wet = None
        for _ in range(3):  # the background's look may come before the command's
            await orders.insert_one({**shown, "_id": ghost})
            wet = await reconcile(shop, "--of", "order", "--order", ghost)
            if kinds(wet):
                break
        assert wet is not None
        assert (kinds(wet), wet.code) == ([("read_side_differs", "repaired")], 0)
        assert await orders.find_one({"_id": ghost}) is None
    finally:
        client.close()


async def test_the_background_mends_stock(shop: Shop, customer: Customer, tmp_path: Path) -> None:
    order = await bought(customer)
    product = order["items"][0]["productId"]
    async with (
        database(shop, "inventory") as connection,
        second_instance(shop.stack, "inventory", FAST, tmp_path) as it,
    ):
        numbers = "SELECT on_hand, held FROM products WHERE id = $1"
        await until_sold(connection, order)
        before = await connection.fetchrow(numbers, product)
        await connection.execute("UPDATE products SET held = held + 3, on_hand = on_hand + 5 WHERE id = $1", product)
        await until(lambda: connection.fetchrow(numbers, product), lambda row: row == before, "the stock is set right")
        line = (await until_logged(it, product))[0]
        on_hand, held = before["on_hand"], before["held"]
        assert (line["kind"], line["outcome"]) == ("stock_differs", "mended")
        assert line["ours"] == f"{on_hand + 5} on hand, {held + 3} held"
        assert line["theirs"].startswith(f"moves come to {on_hand} on hand, {held} held")
        found = {"kind": "stock_differs", "outcome": "mended"}
        assert await it.metric("argosy_drift_found_total", found) == 1
        assert await it.metric("argosy_drift_left", {"kind": "stock_differs"}) == 0


async def test_the_background_lists_what_it_cannot_mend(shop: Shop, customer: Customer, tmp_path: Path) -> None:
    order = await bought(customer)
    kind = {"kind": "payment_amount_differs"}
    change = "UPDATE payments SET amount = amount + $2 WHERE order_id = $1::uuid"
    async with database(shop, "payment") as connection, second_instance(shop.stack, "payment", FAST, tmp_path) as it:
        payment = await connection.fetchval("SELECT id FROM payments WHERE order_id = $1::uuid", order["id"])
        await connection.execute(change, order["id"], 1)
        await until(lambda: it.metric("argosy_drift_left", kind), lambda left: left == 1, "the metric shows it")
        line = next(one for one in await until_logged(it, str(payment)) if one["kind"] == kind["kind"])
        assert line["outcome"] == "left"
        assert str(order["totalAmount"]) in line["theirs"]
        await connection.execute(change, order["id"], -1)
        await until(lambda: it.metric("argosy_drift_left", kind), lambda left: left == 0, "it is gone")


async def test_the_background_mends_lists(shop: Shop, customer: Customer, tmp_path: Path) -> None:
    order = await bought(customer)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(shop.stack.mongo_url("orders"))
    try:
        orders = client.get_default_database()["orders"]
        async with second_instance(shop.stack, "order", FAST, tmp_path) as it:
            ghost = {**(await orders.find_one({"_id": order["id"]}) or {}), "_id": str(uuid.uuid4())}
            await orders.insert_one(ghost)
            await until(lambda: orders.find_one({"_id": ghost["_id"]}), lambda found: not found, "it is shown no more")
            assert [line["outcome"] for line in await until_logged(it, ghost["_id"])] == ["mended"]
    finally:
        client.close()


async def test_the_background_writes_mails_that_got_lost(shop: Shop, customer: Customer, tmp_path: Path) -> None:
    order = await bought(customer)
    await customer.until_mailed(order, CONFIRMED)
    async with (
        database(shop, "notification") as connection,
        second_instance(shop.stack, "notification", FAST, tmp_path) as it,
    ):
        await connection.execute("DELETE FROM messages WHERE order_id = $1::uuid", order["id"])
        await until(lambda: shop.mails_to(customer.email), lambda found: about(found, order) == 2, "it is sent")
        assert [line["outcome"] for line in await until_logged(it, order["id"])] == ["mended"]


async def test_what_cannot_be_asked_is_refused(shop: Shop) -> None:
    refused = await argosy("reconcile", "--of", "user", environment=shop.stack.stack.environment)
    assert (refused.code, refused.err) == (1, "argosy: --of takes inventory, notification, order, payment, not user\n")
    nothing = await reconcile(shop, "--order", str(uuid.uuid4()))
    assert (nothing.code, nothing.out) == (0, "")
