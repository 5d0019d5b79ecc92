"""The catalog as staff keep it, through the edge: new products, prices, stock; and what others may not."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from argosy.event.v1.inventory_events_pb2 import StockLow
from tests.support import bus, invariants
from tests.support.invariants import Baseline
from tests.support.shop import Customer, Json, Shop, an_order, answered, refusal, until

pytestmark = pytest.mark.usefixtures("before")


@pytest.fixture
async def product(staff: Customer) -> Json:
    """A new product of 10.00 USD with 5 in stock, which is running out below 4."""
    body = {"id": f"e2e-{uuid.uuid4().hex[:12]}", "name": "Oar", "description": "Ash", "price": 10, "currency": "USD"}
    made = answered(await staff.call("POST", "/products", {**body, "lowStockThreshold": 4}), 201)
    assert made == {**body, "price": "10.00", "available": 0}
    move = answered(await staff.call("POST", f"/products/{made['id']}/stock", {"delta": 5}), 201)
    assert (move["kind"], move["delta"], move["onHand"], move["available"]) == ("adjust", 5, 5, 5)
    return {**made, "available": 5}


async def test_a_product_from_the_first_price_to_the_last_piece(
    shop: Shop, customer: Customer, staff: Customer, product: Json, before: Baseline
) -> None:
    path = f"/products/{product['id']}"
    first = await customer.order(an_order(2, product["id"], 10.00))
    assert first["totalAmount"] == "20.00"
    changed = answered(await staff.call("PATCH", path, {"price": "12.50", "name": "Long oar"}), 200)
    assert changed == {**product, "name": "Long oar", "price": "12.50", "available": 3}
    stale = refusal(await customer.call("POST", "/orders", an_order(1, product["id"], 10.00)))
    assert (stale.status, set(stale.fields)) == (400, {"items[0].price"})
    await customer.pay(first)  # at the price that it was placed at
    await customer.until_order_is(first, "confirmed")
    assert (await customer.get(f"/orders/{first['id']}"))["totalAmount"] == "20.00"
    await invariants.hold(shop.stack, before)
    moves = (await staff.get(f"{path}/stock-moves"))["stockMoves"]
    assert [(move["kind"], move["delta"], move["heldDelta"], move["available"]) for move in moves] == [
        ("commit", -2, -2, 3),
        ("reserve", 0, 2, 3),
        ("adjust", 5, 0, 5),
        ("opening", 0, 0, 0),
    ]
    assert [move.get("orderId") for move in moves] == [first["id"], first["id"], None, None]
    assert (await staff.get(f"{path}/stock-moves?pageSize=1"))["stockMoves"] == moves[:1]


async def test_restocking_once_under_a_key_and_never_below_what_is_held(
    shop: Shop, customer: Customer, staff: Customer, product: Json, before: Baseline
) -> None:
    path, key = f"/products/{product['id']}/stock", uuid.uuid4().hex
    answers = await asyncio.gather(*(staff.call("POST", path, {"delta": 3}, key=key) for _ in range(10)))
    assert len({answer.text for answer in answers if answered(answer, 201)}) == 1
    assert (await shop.product(product["id"]))["available"] == 8
    await customer.order(an_order(6, product["id"], 10.00))
    error = refusal(await staff.call("POST", path, {"delta": -3}))
    assert (error.status, error.reason) == (400, "ADJUSTMENT_REFUSED")
    assert error.fields == {"delta": "must be at least -2: of 8 in stock, 6 are held for orders"}
    await invariants.hold(shop.stack, before)


async def test_running_low_is_published_once(shop: Shop, customer: Customer, product: Json) -> None:
    for _ in range(3):  # 4, 3 and 2 are left
        await customer.order(an_order(1, product["id"], 10.00))

    async def events() -> list[StockLow]:
        records = await bus.records(shop.stack)
        low = {one.header("ce_id"): one for one in records if one.header("ce_type") == "STOCK_LOW"}
        return [StockLow.FromString(one.value) for one in low.values() if one.key == product["id"].encode()]

    found = await until(events, bool, "STOCK_LOW is on the bus")
    assert found == [StockLow(product_id=product["id"], available=3)]


async def test_customers_neither_make_nor_change_nor_restock(
    shop: Shop, customer: Customer, product: Json, before: Baseline
) -> None:
    path = f"/products/{product['id']}"
    was = await invariants.hold(shop.stack, before)
    new = {"id": f"e2e-{uuid.uuid4().hex[:12]}", "name": "Oar", "price": 10, "currency": "USD"}
    for method, where, body in (
        ("POST", "/products", new),
        ("PATCH", path, {"price": 0.01}),
        ("POST", f"{path}/stock", {"delta": 1}),
        ("GET", f"{path}/stock-moves", None),
    ):
        assert refusal(await customer.call(method, where, body)).status == 403
        assert refusal(await shop.call(method, where, body)).status == 401
    assert await shop.product(product["id"]) == product
    assert refusal(await shop.call("GET", f"/products/{new['id']}")).status == 404
    assert await invariants.hold(shop.stack, before) == was


async def test_an_id_is_taken_once(shop: Shop, staff: Customer, product: Json) -> None:
    body = {"id": product["id"], "name": "Another", "price": 1, "currency": "USD"}
    error = refusal(await staff.call("POST", "/products", body))
    assert (error.status, error.reason, set(error.fields)) == (409, "PRODUCT_EXISTS", {"id"})
    assert await shop.product(product["id"]) == product
