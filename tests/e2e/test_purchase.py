"""Buying something, by REST through the edge: what is answered, and what has become of it everywhere a moment later."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.support import invariants
from tests.support.invariants import Baseline
from tests.support.shop import (
    CHALLENGED,
    CONNECTION_LOST,
    DECLINED,
    INSUFFICIENT_FUNDS,
    PRODUCT,
    SLOW,
    SLOW_AND_DECLINED,
    VISA,
    Customer,
    Json,
    Shop,
    an_order,
    answered,
    until,
)

CONFIRMED = "Your order is confirmed"
CANCELLED = "Your order has been cancelled"
ORDER_TO_PLACE = """{"userId": "%s", "items":[{"productId":"prod-123","quantity":2,"price":29.99}],
"shippingAddress":{"street":"123 Test St","city":"Test City","state":"TS","zipCode":"12345","country":"US"}}"""
PAYMENT_TO_MAKE = """{"orderId":"%s","amount":59.98,"currency":"USD","paymentMethodId":"pm_card_visa"}"""
JSON = {"Content-Type": "application/json"}


pytestmark = pytest.mark.usefixtures("before")


async def bought(customer: Customer, card: str, status: str) -> tuple[Json, Json]:
    """An order, and its payment by that card, which must be answered so."""
    order = await customer.order()
    payment = await customer.pay(order, card)
    assert payment["status"] == status, payment
    return order, payment


async def ended(customer: Customer, order: Json, status: str, subject: str) -> list[Json]:
    """The order's history once it has ended so and its owner knows."""
    await customer.until_order_is(order, status)
    await customer.until_mailed(order, subject)
    history: list[Json] = (await customer.get(f"/orders/{order['id']}/history"))["events"]
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    return history


@pytest.mark.usefixtures("settled")
async def test_the_two_bodies_of_the_load_profile_buy_something(shop: Shop) -> None:
    """As the specification has them, with the token from registering."""
    customer = await shop.register()
    available = (await shop.product())["available"]
    placed = await customer.call("POST", "/orders", content=ORDER_TO_PLACE % customer.id, headers=JSON)
    order = answered(placed, 201)
    assert order == {
        "id": order["id"],
        "userId": customer.id,
        "items": [{"productId": "prod-123", "quantity": 2, "price": "29.99"}],
        "totalAmount": "59.98",
        "currency": "USD",
        "status": "pending",
        "shippingAddress": {
            "street": "123 Test St",
            "city": "Test City",
            "state": "TS",
            "zipCode": "12345",
            "country": "US",
        },
        "createdAt": order["createdAt"],
        "updatedAt": order["createdAt"],
    }
    assert (await shop.product())["available"] == available - 2

    paid = await customer.call("POST", "/payments", content=PAYMENT_TO_MAKE % order["id"], headers=JSON)
    payment = answered(paid, 201)
    assert (payment["status"], payment["amount"], payment["currency"]) == ("succeeded", "59.98", "USD")
    assert payment["orderId"] == order["id"]
    assert not payment.keys() & {"clientSecret", "requiresAction", "declineCode"}

    history = await ended(customer, order, "confirmed", CONFIRMED)
    assert [(event["type"], event["data"].get("status")) for event in history] == [
        ("ORDER_CREATED", None),
        ("ORDER_STATUS_UPDATED", "confirmed"),
    ]
    assert history[0]["data"] == {
        "orderId": order["id"],
        "userId": customer.id,
        "totalAmount": "59.98",
        "currency": "USD",
        "items": [{"productId": "prod-123", "quantity": 2, "price": "29.99"}],
    }
    assert history[1]["data"] == {
        "orderId": order["id"],
        "userId": customer.id,
        "status": "confirmed",
        "previousStatus": "pending",
        "reason": "paid",
    }
    # Sold, not only held: it does not come back.
    assert (await shop.product())["available"] == available - 2

    (mail,) = [mail for mail in await shop.mails_to(customer.email) if order["id"] in mail["text"]]
    assert (mail["subject"], mail["to"]) == (CONFIRMED, [customer.email])
    assert all(text in mail["text"] for text in (order["id"], "2 x prod-123 at 29.99 USD", "59.98 USD"))
    assert "Ada" not in mail["text"], "the address is not verified: it may be a stranger's"
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 5998)


async def test_everything_bought_is_in_the_lists_of_who_bought_it(shop: Shop) -> None:
    customer, other = await asyncio.gather(shop.register(), shop.register())
    pairs = [await bought(customer, VISA, "succeeded") for _ in range(2)]
    await asyncio.gather(*(ended(customer, order, "confirmed", CONFIRMED) for order, _ in pairs))
    open_order = await customer.order(an_order(quantity=1, price=None))
    newest_first = [open_order["id"], pairs[1][0]["id"], pairs[0][0]["id"]]

    async def listed() -> Json:
        return await customer.get("/orders")

    def is_complete(found: Json) -> bool:
        return [one["status"] for one in found["orders"]] == ["pending", "confirmed", "confirmed"]

    orders = await until(listed, is_complete, "all orders are listed as they are")
    assert ([one["id"] for one in orders["orders"]], orders["nextPageToken"]) == (newest_first, "")
    only = await customer.get("/orders?status=confirmed")
    assert [one["id"] for one in only["orders"]] == newest_first[1:]
    first = await customer.get("/orders?pageSize=2")
    rest = await customer.get(f"/orders?pageSize=2&pageToken={first['nextPageToken']}")
    assert [one["id"] for one in first["orders"] + rest["orders"]] == newest_first

    payments = await customer.get("/payments")
    assert [one["paymentId"] for one in payments["payments"]] == [pay["paymentId"] for _, pay in reversed(pairs)]
    of_order = await customer.get(f"/payments?orderId={pairs[0][0]['id']}")
    assert of_order["payments"] == [await customer.get(f"/payments/{pairs[0][1]['paymentId']}")]
    notifications = (await customer.get("/notifications"))["notifications"]
    assert Counter((one.get("orderId"), one["type"], one["channel"]) for one in notifications) == Counter(
        [(None, "welcome", "email"), *((order["id"], "order_confirmed", "email") for order, _ in pairs)]
    )

    for path, name in (("/orders", "orders"), ("/payments", "payments")):
        assert await other.get(path) == {name: [], "nextPageToken": ""}
    assert {one["type"] for one in (await other.get("/notifications"))["notifications"]} <= {"welcome"}
    assert await other.get(f"/payments?orderId={pairs[0][0]['id']}") == {"payments": [], "nextPageToken": ""}


async def test_somebody_signs_in_reads_themself_and_looks_around(shop: Shop, customer: Customer) -> None:
    signed_in = await customer.sign_in()
    assert signed_in.token != customer.token
    me = await signed_in.get("/users/me")
    assert (me["id"], me["email"], me["firstName"], me["lastName"]) == (customer.id, customer.email, "Ada", "Tour")
    assert me["lastLogin"]
    assert await customer.get(f"/users/{customer.id}") == me
    products = answered(await shop.call("GET", "/products"), 200)
    assert next(one for one in products["products"] if one["id"] == PRODUCT) == await shop.product()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    ("card", "decline_code"), [(DECLINED, "generic_decline"), (INSUFFICIENT_FUNDS, "insufficient_funds")]
)
async def test_a_declined_card_cancels_the_order_and_gives_the_stock_back(
    shop: Shop, customer: Customer, card: str, decline_code: str
) -> None:
    available = (await shop.product())["available"]
    order, payment = await bought(customer, card, "failed")
    assert payment["declineCode"] == decline_code
    history = await ended(customer, order, "cancelled", CANCELLED)
    assert (history[-1]["data"]["status"], history[-1]["data"]["reason"]) == ("cancelled", "payment_failed")
    await until(shop.product, lambda found: found["available"] == available, "the stock is back")
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 0)
    again = await customer.call("POST", "/payments", {"orderId": order["id"], "paymentMethodId": VISA})
    assert again.status_code == 400, again.text
    assert (await shop.sandbox.counts(order_id=order["id"])) == counts


async def test_an_approved_challenge_confirms_the_order(shop: Shop, customer: Customer) -> None:
    order, payment = await bought(customer, CHALLENGED, "requires_action")
    assert payment["requiresAction"] is True
    assert payment["clientSecret"].startswith("pi_")
    assert (await customer.get(f"/orders/{order['id']}"))["status"] == "pending"
    shown = await customer.get(f"/payments/{payment['paymentId']}")
    assert (shown["status"], "clientSecret" in shown) == ("requires_action", False)
    await customer.approve(payment)
    confirmed = await customer.confirm(payment)
    assert (confirmed["status"], "clientSecret" in confirmed) == ("succeeded", False)
    await ended(customer, order, "confirmed", CONFIRMED)


async def test_an_approved_challenge_confirms_the_order_also_when_the_customer_never_comes_back(
    customer: Customer,
) -> None:
    """Stripe's webhook reports it."""
    order, payment = await bought(customer, CHALLENGED, "requires_action")
    await customer.approve(payment)
    await ended(customer, order, "confirmed", CONFIRMED)


async def test_a_failed_challenge_cancels_the_order(customer: Customer) -> None:
    order, payment = await bought(customer, CHALLENGED, "requires_action")
    await customer.approve(payment, "fail")
    assert (await customer.confirm(payment))["status"] == "failed"
    history = await ended(customer, order, "cancelled", CANCELLED)
    assert history[-1]["data"]["reason"] == "payment_failed"


async def test_a_slow_payment_ends_the_order_when_its_outcome_is_known(customer: Customer) -> None:
    (good, _), (bad, _) = await asyncio.gather(
        bought(customer, SLOW, "processing"), bought(customer, SLOW_AND_DECLINED, "processing")
    )
    await asyncio.gather(
        ended(customer, good, "confirmed", CONFIRMED),
        ended(customer, bad, "cancelled", CANCELLED),
    )


async def test_a_connection_lost_after_the_charge_charges_once(shop: Shop, customer: Customer) -> None:
    order, _ = await bought(customer, CONNECTION_LOST, "succeeded")
    await ended(customer, order, "confirmed", CONFIRMED)
    counts = await shop.sandbox.counts(order_id=order["id"])
    assert (counts["payment_intents"]["total"], counts["charges"]["total"], counts["amount_captured"]) == (1, 1, 5998)


async def test_webhooks_that_come_twice_and_in_any_order_change_nothing(shop: Shop, customer: Customer) -> None:
    await shop.sandbox.control(webhooks_duplicated=True, webhooks_shuffled=True)
    paid, declined = await asyncio.gather(bought(customer, VISA, "succeeded"), bought(customer, DECLINED, "failed"))
    await asyncio.gather(
        ended(customer, paid[0], "confirmed", CONFIRMED), ended(customer, declined[0], "cancelled", CANCELLED)
    )

    async def pending() -> int:
        found: int = (await shop.sandbox.counts(order_id=paid[0]["id"]))["pending_webhooks"]
        return found

    await until(pending, lambda count: count == 0, "all webhooks have been delivered")


async def test_a_purchase_ends_well_without_any_webhook(shop: Shop, customer: Customer) -> None:
    await shop.sandbox.control(webhooks_stopped=True)
    (visa, _), (slow, _) = await asyncio.gather(
        bought(customer, VISA, "succeeded"), bought(customer, SLOW, "processing")
    )
    await asyncio.gather(*(ended(customer, order, "confirmed", CONFIRMED) for order in (visa, slow)))


async def test_the_last_one_is_sold_once(shop: Shop, customer: Customer) -> None:
    """One of a kind, and ten want it: whoever gets it may give it back."""
    order = an_order(quantity=1, product="prod-129", price=9999.99)
    answers = await asyncio.gather(*(customer.call("POST", "/orders", order) for _ in range(10)))
    placed = [answer.json() for answer in answers if answer.status_code == 201]
    assert len(placed) == 1, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} == {201, 400}
    assert (await shop.product("prod-129"))["available"] == 0
    answered(await customer.call("PATCH", f"/orders/{placed[0]['id']}/status", {"status": "cancelled"}), 200)

    async def look() -> Json:
        return await shop.product("prod-129")

    await until(look, lambda found: found["available"] == 1, "the stock is back")


async def test_afterwards_everything_adds_up(shop: Shop, before: Baseline) -> None:
    found = await invariants.hold(shop.stack, before)
    assert {"confirmed", "cancelled", "pending"} <= {order.status for order in found.orders.values()}
