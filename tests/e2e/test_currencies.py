"""Currencies of every kind, from the catalog through Stripe to the mail; and what cannot be charged, refused before
anything is held for it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from tests.contract.support import contents
from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.shop import ADDRESS, Customer, Json, Shop, an_order, answered, refusal

pytestmark = pytest.mark.usefixtures("before")


async def sold(staff: Customer, price: object, currency: str) -> str:
    """A new product, with 50 in stock."""
    body = {"id": f"cur-{uuid.uuid4().hex[:12]}", "name": "Curio", "price": price, "currency": currency}
    product: str = answered(await staff.call("POST", "/products", body), 201)["id"]
    answered(await staff.call("POST", f"/products/{product}/stock", {"delta": 50}), 201)
    return product


@dataclass(frozen=True)
class Purchase:
    """Three of a product, and the amounts at each step."""

    currency: str
    price: str
    total: str
    at_stripe: int
    part: str
    rest: str


PURCHASES = [
    Purchase("JPY", "1000", "3000", 3000, "500", "2500"),
    Purchase("KWD", "1.250", "3.750", 3750, "0.500", "3.250"),
]


@pytest.mark.parametrize("bought", PURCHASES, ids=[one.currency for one in PURCHASES])
async def test_a_purchase_from_the_catalog_to_the_mail(
    shop: Shop, customer: Customer, staff: Customer, before: Baseline, bought: Purchase
) -> None:
    product = await sold(staff, float(bought.price), bought.currency.lower())
    shown = await shop.product(product)
    assert (shown["price"], shown["currency"]) == (bought.price, bought.currency)

    order = await customer.order(an_order(3, product, float(bought.price)))
    assert (order["totalAmount"], order["currency"]) == (bought.total, bought.currency)
    assert order["items"] == [{"productId": product, "quantity": 3, "price": bought.price}]
    body = {"orderId": order["id"], "amount": bought.total, "currency": bought.currency.lower()}
    paid = await customer.call("POST", "/payments", {**body, "paymentMethodId": "pm_card_visa"})
    payment = answered(paid, 201)
    assert (payment["status"], payment["amount"], payment["currency"]) == ("succeeded", bought.total, bought.currency)
    assert (await shop.sandbox.counts(order_id=order["id"]))["amount_captured"] == bought.at_stripe
    await customer.until_order_is(order, "confirmed")
    created = (await customer.get(f"/orders/{order['id']}/history"))["events"][0]["data"]
    assert (created["totalAmount"], created["items"][0]["price"]) == (bought.total, bought.price)
    mail = await customer.until_mailed(order, "Your order is confirmed")
    assert f"3 x {product} at {bought.price} {bought.currency}" in mail["text"]
    assert f"Total: {bought.total} {bought.currency}" in mail["text"]

    path = f"/payments/{payment['paymentId']}/refunds"
    part = answered(await staff.call("POST", path, {"amount": bought.part}), 201)
    assert (part["amount"], part["currency"], part["status"]) == (bought.part, bought.currency, "succeeded")
    refund_mail = await customer.until_mailed(order, "Your refund is on its way")
    assert f"We refunded {bought.part} {bought.currency}" in refund_mail["text"]
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    await invariants.hold(shop.stack, before)
    assert {one["amount"] for one in (await staff.get(path))["refunds"]} == {bought.part, bought.rest}
    assert (await shop.sandbox.counts(order_id=order["id"]))["amount_refunded"] == bought.at_stripe


async def test_what_cannot_be_charged_is_not_put_into_the_catalog(shop: Shop, staff: Customer) -> None:
    before = await contents(shop.stack, "inventory", ("products", "stock_moves"))
    wrong: dict[str, tuple[object, str, str]] = {
        "an unknown currency": (1, "XXX", "currency"),
        "no currency at all": (1, "dollars", "currency"),
        "a fraction of a yen": (9.8, "JPY", "price"),
        "four decimals": ("1.2555", "KWD", "price"),
        "what Stripe does not split": (1.255, "KWD", "price"),
        "three decimals": (9.801, "USD", "price"),
        "too much": (10_000_000_000, "USD", "price"),
        "a number that is none": ("0x10", "USD", "price"),
    }
    for what, (price, currency, field) in wrong.items():
        body = {"id": "cur-never", "name": "Curio", "price": price, "currency": currency}
        error = refusal(await staff.call("POST", "/products", body))
        assert (error.status, set(error.fields)) == (400, {field}), what
    assert await contents(shop.stack, "inventory", ("products", "stock_moves")) == before


async def test_what_cannot_be_charged_is_no_order(shop: Shop, customer: Customer, staff: Customer) -> None:
    pin, ship = await sold(staff, 0.1, "USD"), await sold(staff, "6000000000", "USD")
    tea = await sold(staff, 40, "JPY")

    def lines(*wanted: tuple[str, int]) -> Json:
        items = [{"productId": product, "quantity": quantity} for product, quantity in wanted]
        return {"items": items, "shippingAddress": ADDRESS}

    tables = ("products", "reservations", "reservation_items", "stock_moves")
    before = await contents(shop.stack, "inventory", tables)
    placed = (await customer.get("/orders?pageSize=100"))["orders"]
    wrong = {
        "less than Stripe charges": (lines((pin, 4)), "items", "0.40 USD must be at least 0.50 USD"),
        "the same in yen": (lines((tea, 1)), "items", "40 JPY must be at least 50 JPY"),
        "more than Stripe charges": (lines((ship, 2)), "items", "must be at most 9999999999.99 USD"),
        "two currencies": (lines((pin, 5), (tea, 2)), "items[1].productId", "must be sold in USD"),
    }
    for what, (body, field, rule) in wrong.items():
        refused = refusal(await customer.call("POST", "/orders", body))
        assert (refused.status, set(refused.fields)) == (400, {field}), what
        assert rule in refused.fields[field], what
    assert await contents(shop.stack, "inventory", tables) == before
    assert (await customer.get("/orders?pageSize=100"))["orders"] == placed
    assert (await customer.order(lines((pin, 5))))["totalAmount"] == "0.50"


async def test_an_amount_or_a_key_that_could_be_read_otherwise_moves_nothing(
    shop: Shop, customer: Customer, staff: Customer
) -> None:
    order = await customer.order()
    payment = await customer.pay(order)
    path = f"/payments/{payment['paymentId']}/refunds"
    error = refusal(await staff.call("POST", path, {"amount": "0x10"}))
    assert (error.status, set(error.fields)) == (400, {"amount"})
    assert (await staff.get(path))["refunds"] == []

    available = (await shop.product())["available"]
    line = '{"productId": "prod-123", "quantity": %d}'
    body = f'{{"items": [{line % 2}], "items": [{line % 4}], "shippingAddress": {{}}}}'
    json = {"Content-Type": "application/json"}
    error = refusal(await customer.call("POST", "/orders", content=body, headers=json))
    assert (error.status, dict(error.fields)) == (400, {"items": "must be there once"})
    assert (await shop.product())["available"] == available
