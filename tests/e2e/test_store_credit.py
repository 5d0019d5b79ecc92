"""Store credit through the edge: granted, paid with while Stripe is away, given back, refunded to."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.parts import Parts
from tests.support.shop import CREDIT, Customer, Json, Shop, an_order, answered, refusal, until

pytestmark = pytest.mark.usefixtures("before")


@pytest.fixture
async def buyer(shop: Shop) -> Customer:
    """Somebody without any credit."""
    return await shop.register()


async def grant(staff: Customer, customer: Customer, amount: float, *, key: str | None = None) -> Json:
    body = {"userId": customer.id, "amount": amount, "currency": "USD", "reason": "a late parcel"}
    return answered(await staff.call("POST", "/credit/grants", body, key=key), 201)


async def balance(customer: Customer) -> str:
    balances = (await customer.get("/credit"))["balances"]
    assert [one["currency"] for one in balances] in ([], ["USD"])
    return balances[0]["amount"] if balances else "0.00"


async def until_balance_is(customer: Customer, amount: str) -> None:
    await until(lambda: balance(customer), lambda found: found == amount, f"a balance of {amount}")


async def kinds(customer: Customer) -> list[str]:
    return [one["kind"] for one in (await customer.get("/credit/entries"))["entries"]]


async def test_an_order_is_bought_with_credit_alone_while_stripe_is_away(
    shop: Shop, buyer: Customer, staff: Customer, before: Baseline
) -> None:
    first = await grant(staff, buyer, 100, key="e2e-grant")
    assert await grant(staff, buyer, 100, key="e2e-grant") == first
    async with Parts(shop.stack).away("stripe"):
        order = await buyer.order()
        paid = await buyer.pay(order, CREDIT, key="e2e-credit")
        assert (paid["status"], paid["amount"], paid["provider"]) == ("succeeded", "59.98", "store_credit")
        assert await buyer.pay(order, CREDIT, key="e2e-credit") == paid
        assert await balance(buyer) == "40.02"
        await buyer.until_order_is(order, "confirmed")
    assert await kinds(buyer) == ["charge", "grant"]
    await invariants.hold(shop.stack, before)


async def test_a_cancelled_order_gives_the_credit_back(
    shop: Shop, buyer: Customer, staff: Customer, before: Baseline
) -> None:
    await grant(staff, buyer, 59.98)
    order = await buyer.order()
    await buyer.pay(order, CREDIT)
    await buyer.until_order_is(order, "confirmed")
    answered(await buyer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    await until_balance_is(buyer, "59.98")
    assert await kinds(buyer) == ["reversal", "charge", "grant"]
    await invariants.hold(shop.stack, before)


async def test_too_little_credit_is_a_failed_payment_with_its_reason(
    shop: Shop, buyer: Customer, staff: Customer, before: Baseline
) -> None:
    await grant(staff, buyer, 59.97)
    order = await buyer.order()
    failed = await buyer.pay(order, CREDIT)
    assert (failed["status"], failed["declineCode"]) == ("failed", "insufficient_credit")
    await buyer.until_order_is(order, "cancelled")
    assert (await balance(buyer), await kinds(buyer)) == ("59.97", ["grant"])
    await invariants.hold(shop.stack, before)


async def test_a_refund_to_credit_buys_the_next_order(
    shop: Shop, buyer: Customer, staff: Customer, before: Baseline
) -> None:
    order = await buyer.order()
    paid = await buyer.pay(order)
    await buyer.until_order_is(order, "confirmed")
    path = f"/payments/{paid['paymentId']}/refunds"
    asked = {"amount": 30, "reason": "a dent", "to": "store_credit"}
    part = answered(await staff.call("POST", path, asked, key="e2e-to-credit"), 201)
    assert (part["status"], part["amount"], part["provider"]) == ("succeeded", "30.00", "store_credit")
    assert answered(await staff.call("POST", path, asked, key="e2e-to-credit"), 201) == part
    too_much = refusal(await staff.call("POST", path, {"amount": 30, "to": "store_credit"}))
    assert (too_much.status, too_much.reason) == (400, "REFUND_TOO_LARGE")
    found = await invariants.hold(shop.stack, before)
    (charged,) = [one for one in found.charged if one.payment_id == paid["paymentId"]]
    assert (charged.captured, charged.refunded) == (found.orders[order["id"]].total, Decimal(0))

    next_order = await buyer.order(an_order(quantity=1))
    assert (await buyer.pay(next_order, CREDIT))["status"] == "succeeded"
    assert await balance(buyer) == "0.01"
    await buyer.until_order_is(next_order, "confirmed")
    rest = answered(await staff.call("POST", path, {}), 201)
    assert (rest["amount"], rest["provider"]) == ("29.98", "stripe")
    await invariants.hold(shop.stack, before)


async def test_two_payments_at_once_on_one_balance(
    shop: Shop, buyer: Customer, staff: Customer, before: Baseline
) -> None:
    await grant(staff, buyer, 60)
    orders = [await buyer.order() for _ in range(2)]
    payments = await asyncio.gather(*(buyer.pay(order, CREDIT) for order in orders))
    assert sorted(one["status"] for one in payments) == ["failed", "succeeded"]
    assert await balance(buyer) == "0.02"
    await invariants.hold(shop.stack, before)


async def test_customers_grant_themselves_nothing(buyer: Customer, stranger: Customer, shop: Shop) -> None:
    body = {"userId": buyer.id, "amount": 10, "currency": "USD", "reason": "please"}
    assert refusal(await buyer.call("POST", "/credit/grants", body)).status == 403
    assert refusal(await shop.call("POST", "/credit/grants", body)).status == 401
    for path in ("/credit", "/credit/entries"):
        assert refusal(await stranger.call("GET", f"{path}?userId={buyer.id}")).status == 403
        assert refusal(await shop.call("GET", path)).status == 401
    assert await balance(buyer) == "0.00"
