"""Orders that are moved along, or called off: by whom, and what becomes of stock and money."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.support import invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.shop import CHALLENGED, VISA, Customer, Json, Shop, answered, refusal, until

CANCELLED = "Your order has been cancelled"
pytestmark = pytest.mark.usefixtures("before")


async def move(who: Customer, order: Json, status: str) -> httpx.Response:
    return await who.call("PATCH", f"/orders/{order['id']}/status", {"status": status})


async def paid_order(customer: Customer) -> Json:
    order = await customer.order()
    assert (await customer.pay(order))["status"] == "succeeded"
    return await customer.until_order_is(order, "confirmed")


async def until_refunded(customer: Customer, order: Json) -> Json:
    async def look() -> Json:
        found: Json = (await customer.get(f"/payments?orderId={order['id']}"))["payments"][0]
        return found

    return await until(look, lambda found: found["status"] == "refunded", f"order {order['id']} is refunded")


def released(found: Facts, order: Json) -> bool:
    return found.reservations[order["id"]].status == "released"


async def test_the_owner_calls_off_an_order_that_is_not_paid(shop: Shop, customer: Customer, before: Baseline) -> None:
    order = await customer.order()
    cancelled = answered(await move(customer, order, "cancelled"), 200)
    assert cancelled == order | {"status": "cancelled", "updatedAt": cancelled["updatedAt"]}
    assert (await customer.get(f"/orders/{order['id']}")) == cancelled
    # Once more is no harm, and pays for nothing.
    assert answered(await move(customer, order, "cancelled"), 200) == cancelled
    error = refusal(await customer.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA}))
    assert (error.status, error.reason) == (400, "ORDER_NOT_PAYABLE")
    mail = await customer.until_mailed(order, CANCELLED)
    assert "You asked us to cancel it" in mail["text"]
    found = await invariants.hold(shop.stack, before)
    assert released(found, order)
    assert [commit.status for commit in found.orders[order["id"]].commits] == ["pending", "cancelled"]
    assert [charged for charged in found.charged if charged.order_id == order["id"]] == []


async def test_the_owner_calls_off_a_paid_order_and_the_money_goes_back_once(
    shop: Shop, customer: Customer, before: Baseline
) -> None:
    order = await paid_order(customer)
    answers = await asyncio.gather(*(move(customer, order, "cancelled") for _ in range(10)))
    assert {answered(answer, 200)["status"] for answer in answers} == {"cancelled"}
    payment = await until_refunded(customer, order)
    await customer.until_mailed(order, CANCELLED)
    found = await invariants.hold(shop.stack, before)
    assert released(found, order)
    (charged,) = [charged for charged in found.charged if charged.payment_id == payment["paymentId"]]
    assert charged.captured == charged.refunded == found.orders[order["id"]].total
    refunds = await shop.sandbox.ask("GET", "/v1/refunds", params={"payment_intent": charged.intent_id})
    assert [refund["amount"] for refund in refunds["data"]] == [5998]
    history = (await customer.get(f"/orders/{order['id']}/history"))["events"]
    assert [event["data"].get("reason") for event in history] == [None, "paid", "by_owner"]


async def test_calling_off_while_a_challenge_waits_closes_it(shop: Shop, customer: Customer, before: Baseline) -> None:
    order = await customer.order()
    payment = await customer.pay(order, CHALLENGED)
    answered(await move(customer, order, "cancelled"), 200)

    async def look() -> Json:
        return await customer.get(f"/payments/{payment['paymentId']}")

    await until(look, lambda found: found["status"] == "cancelled", "the payment is cancelled")
    intent = await shop.sandbox.intent(payment["clientSecret"].partition("_secret_")[0])
    assert intent["status"] == "canceled"
    assert released(await invariants.hold(shop.stack, before), order)


async def test_calling_off_while_it_is_being_paid_ends_in_one_of_the_two(
    shop: Shop, customer: Customer, before: Baseline
) -> None:
    """Whichever comes first: nobody is charged for a cancelled order in the end."""
    orders = await asyncio.gather(*(customer.order() for _ in range(8)))
    await asyncio.gather(
        *(customer.call("POST", "/payments", {"orderId": one["id"], "paymentMethodId": VISA}) for one in orders),
        *(move(customer, one, "cancelled") for one in orders),
    )
    found = await invariants.hold(shop.stack, before)
    assert {found.orders[order["id"]].status for order in orders} <= {"confirmed", "cancelled"}


async def test_of_two_who_move_an_order_at_once_exactly_one_wins(
    shop: Shop, customer: Customer, staff: Customer, before: Baseline
) -> None:
    """The owner cancels while staff ship: either it is on its way, or the money is. Never both, never neither."""
    orders = await asyncio.gather(*(paid_order(customer) for _ in range(6)))

    async def race(order: Json) -> str:
        answers = await asyncio.gather(move(customer, order, "cancelled"), move(staff, order, "shipped"))
        won = [answered(answer, 200)["status"] for answer in answers if answer.status_code == 200]
        (lost,) = (refusal(answer) for answer in answers if answer.status_code != 200)
        assert (lost.status, lost.reason) == (400, "ILLEGAL_TRANSITION")
        (status,) = won
        return str(status)

    outcomes = await asyncio.gather(*map(race, orders))
    for order, outcome in zip(orders, outcomes, strict=True):
        if outcome == "cancelled":
            await until_refunded(customer, order)
    found = await invariants.hold(shop.stack, before)
    for order, outcome in zip(orders, outcomes, strict=True):
        assert [commit.status for commit in found.orders[order["id"]].commits] == ["pending", "confirmed", outcome]
        assert released(found, order) == (outcome == "cancelled")
        (charged,) = [charged for charged in found.charged if charged.order_id == order["id"]]
        assert charged.refunded == (charged.captured if outcome == "cancelled" else 0)


async def test_staff_move_an_order_along(customer: Customer, staff: Customer) -> None:
    order = await paid_order(customer)
    for status in ("shipped", "delivered"):
        assert answered(await move(staff, order, status), 200)["status"] == status
        assert (await customer.get(f"/orders/{order['id']}"))["status"] == status
    history = (await staff.get(f"/orders/{order['id']}/history"))["events"]
    assert [event["data"].get("status") for event in history] == [None, "confirmed", "shipped", "delivered"]
    assert [event["data"].get("reason") for event in history[2:]] == ["by_staff", "by_staff"]


async def test_staff_call_off_a_paid_order(shop: Shop, customer: Customer, staff: Customer, before: Baseline) -> None:
    order = await paid_order(customer)
    answered(await move(staff, order, "cancelled"), 200)
    await until_refunded(customer, order)
    assert "we had to cancel it" in (await customer.until_mailed(order, CANCELLED))["text"]
    assert released(await invariants.hold(shop.stack, before), order)


async def test_steps_that_do_not_exist_are_refused_and_change_nothing(
    shop: Shop, customer: Customer, stranger: Customer, staff: Customer, before: Baseline
) -> None:
    pending, confirmed, shipped, cancelled = await asyncio.gather(
        customer.order(), paid_order(customer), paid_order(customer), customer.order()
    )
    answered(await move(staff, shipped, "shipped"), 200)
    answered(await move(customer, cancelled, "cancelled"), 200)
    was = await invariants.hold(shop.stack, before)

    refused = [
        # Who: the owner may only cancel, and a stranger sees nothing.
        (customer, pending, "confirmed", 403, "OWNER_MAY_ONLY_CANCEL"),
        (customer, confirmed, "shipped", 403, "OWNER_MAY_ONLY_CANCEL"),
        (stranger, pending, "cancelled", 404, "ORDER_NOT_FOUND"),
        (stranger, confirmed, "shipped", 404, "ORDER_NOT_FOUND"),
        # Whence: no step is left out, none is taken back.
        (staff, pending, "shipped", 400, "ILLEGAL_TRANSITION"),
        (staff, pending, "delivered", 400, "ILLEGAL_TRANSITION"),
        (staff, confirmed, "delivered", 400, "ILLEGAL_TRANSITION"),
        (staff, shipped, "confirmed", 400, "ILLEGAL_TRANSITION"),
        (staff, shipped, "cancelled", 400, "ILLEGAL_TRANSITION"),
        (customer, shipped, "cancelled", 400, "ILLEGAL_TRANSITION"),
        (staff, cancelled, "confirmed", 400, "ILLEGAL_TRANSITION"),
        (staff, cancelled, "shipped", 400, "ILLEGAL_TRANSITION"),
        # Whither: states that nobody can be sent to.
        (staff, confirmed, "pending", 400, "INVALID_ARGUMENT"),
        (staff, pending, "returned", 400, "INVALID_ARGUMENT"),
        (staff, pending, "", 400, "INVALID_ARGUMENT"),
    ]
    for who, order, status, expected, reason in refused:
        error = refusal(await move(who, order, status))
        assert (error.status, error.reason) == (expected, reason), (status, error)
        assert reason != "INVALID_ARGUMENT" or set(error.fields) == {"status"}
    assert await invariants.hold(shop.stack, before) == was
