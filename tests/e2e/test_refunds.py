"""Money that staff give back: through the edge, neither order nor stock changes."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.support import invariants
from tests.support.facts import Facts, Payment
from tests.support.invariants import Baseline
from tests.support.shop import Customer, Json, Shop, answered, refusal

pytestmark = pytest.mark.usefixtures("before")


async def paid_order(customer: Customer) -> tuple[Json, Json]:
    """An order of 59.98 USD that is confirmed, and its payment."""
    order = await customer.order()
    payment = await customer.pay(order)
    return await customer.until_order_is(order, "confirmed"), payment


def payment_in(found: Facts, payment: Json) -> Payment:
    return next(one for one in found.payments if one.id == payment["paymentId"])


async def test_money_goes_back_and_neither_order_nor_stock_changes(
    shop: Shop, customer: Customer, staff: Customer, before: Baseline
) -> None:
    order, payment = await paid_order(customer)
    path = f"/payments/{payment['paymentId']}/refunds"
    was = await invariants.hold(shop.stack, before)
    asked = {"amount": 12.34, "reason": "a dent"}
    part = answered(await staff.call("POST", path, asked, key="e2e-refund"), 201)
    assert (part["amount"], part["currency"], part["status"], part["reason"]) == ("12.34", "USD", "succeeded", "a dent")
    assert (
        answered(await staff.call("POST", path, {"amount": 12.34, "reason": "a dent"}, key="e2e-refund"), 201) == part
    )
    too_much = refusal(await staff.call("POST", path, {"amount": "47.65"}))
    assert (too_much.status, too_much.reason) == (400, "REFUND_TOO_LARGE")
    assert too_much.fields == {"amount": "at most 47.64 USD is left to refund"}
    found = await invariants.hold(shop.stack, before)
    assert payment_in(found, payment).status == "partially_refunded"
    rest = answered(await staff.call("POST", path, {}), 201)
    assert rest["amount"] == "47.64"
    listed = await staff.get(path)
    assert listed == {"refunds": [rest, part], "nextPageToken": ""}
    found = await invariants.hold(shop.stack, before)
    assert payment_in(found, payment).by_staff == Decimal("59.98")
    assert found.orders[order["id"]] == was.orders[order["id"]]
    assert (found.stock, found.reservations) == (was.stock, was.reservations)


async def test_a_cancelled_order_gives_back_only_what_staff_have_not(
    shop: Shop, customer: Customer, staff: Customer, before: Baseline
) -> None:
    order, payment = await paid_order(customer)
    answered(await staff.call("POST", f"/payments/{payment['paymentId']}/refunds", {"amount": 10}), 201)
    answered(await customer.call("PATCH", f"/orders/{order['id']}/status", {"status": "cancelled"}), 200)
    found = await invariants.hold(shop.stack, before)
    (charged,) = [charged for charged in found.charged if charged.payment_id == payment["paymentId"]]
    assert charged.captured == charged.refunded == found.orders[order["id"]].total
    assert payment_in(found, payment).by_staff == 10


async def test_customers_give_themselves_nothing_back(
    shop: Shop, customer: Customer, stranger: Customer, before: Baseline
) -> None:
    _, payment = await paid_order(customer)
    path = f"/payments/{payment['paymentId']}/refunds"
    was = await invariants.hold(shop.stack, before)
    for who in (customer, stranger):
        assert refusal(await who.call("POST", path, {"amount": 1})).status == 403
        assert refusal(await who.call("GET", path)).status == 403
    assert refusal(await shop.call("POST", path, {"amount": 1})).status == 401
    assert await invariants.hold(shop.stack, before) == was


async def test_twenty_at_once_are_never_more_than_was_taken(
    shop: Shop, customer: Customer, staff: Customer, before: Baseline
) -> None:
    _, payment = await paid_order(customer)
    path = f"/payments/{payment['paymentId']}/refunds"
    answers = await asyncio.gather(*(staff.call("POST", path, {"amount": 9.99}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [400] * 14
    found = await invariants.hold(shop.stack, before)
    assert payment_in(found, payment).by_staff == Decimal("59.94")
