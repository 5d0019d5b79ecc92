"""Payments compared with the ledger, with orders and with Stripe: each kind of drift, made by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.plain.comparison import Comparison, examine, examine_all
from services.chassis.plain.money import Money
from services.payment.domain.orders import Order
from services.payment.entrypoints.workers import comparisons
from tests.integration.payment.lab import CHALLENGED, VISA, Lab

Seen = list[tuple[str, bool, bool]]
"""Kind, whether there is a repair, whether it was made."""


def compares(lab: Lab) -> tuple[Comparison, Comparison]:
    """With orders and the ledger, and with Stripe."""
    made = comparisons(lab.orders, lab.apply_order_status, lab.settle, lab.settle_refund, timedelta(0))
    by_name = {one.name: one for one in made}
    return by_name["payments"], by_name["stripe"]


async def seen(comparison: Comparison, order: Order, *, mend: bool = True) -> Seen:
    found = await examine(comparison, await comparison.of_order(order.id), mend=mend)
    return sorted((one.drift.kind, one.drift.repair is not None, one.mended) for one in found)


async def paid(lab: Lab, status: str = "confirmed") -> Order:
    order = lab.orders.place()
    await lab.pay(order)
    lab.orders.move(order, status)
    return order


async def of(lab: Lab, order: Order) -> Any:
    row = await lab.postgres.fetchrow("SELECT * FROM payments WHERE order_id = $1", order.id)
    assert row is not None
    return row


async def set_by_hand(lab: Lab, order: Order, change: str) -> None:
    await lab.postgres.execute(f"UPDATE payments SET {change} WHERE order_id = $1", order.id)


async def test_what_agrees(lab: Lab) -> None:
    refunded, challenged = await paid(lab), lab.orders.place()
    await lab.pay(challenged, CHALLENGED)
    payment = await of(lab, refunded)
    await lab.refund(payment["id"], 100)
    ended = await paid(lab, "cancelled")
    await lab.end_order(ended)
    await lab.reconcile()
    for order in (refunded, challenged, ended):
        for comparison in compares(lab):
            assert await seen(comparison, order) == [], (comparison.name, order)


async def test_an_order_that_was_paid_stays_so_when_its_money_went_back(lab: Lab) -> None:
    order, unpaid = await paid(lab), lab.orders.place()
    await lab.refund((await of(lab, order))["id"])
    await lab.reconcile()
    assert (await of(lab, order))["status"] == "refunded"
    assert await lab.was_paid(order.id)
    assert not await lab.was_paid(unpaid.id)


async def test_a_live_payment_that_nothing_looks_after(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order, CHALLENGED)
    await set_by_hand(lab, order, "check_at = NULL")
    payments, _ = compares(lab)
    assert await seen(payments, order) == [("payment_unattended", True, True)]
    assert (await of(lab, order))["check_at"] is not None
    assert await seen(payments, order) == []


async def test_an_amount_that_is_not_the_order_s(lab: Lab) -> None:
    order = await paid(lab)
    dearer = Money(order.total.minor + 1, order.total.currency)
    lab.orders.all[order.id] = Order(order.id, order.user_id, "confirmed", dearer)
    payments, _ = compares(lab)
    assert await seen(payments, order) == [("payment_amount_differs", False, False)]


async def test_a_paid_order_that_is_not_confirmed(lab: Lab) -> None:
    order = await paid(lab, "pending")
    payments, _ = compares(lab)
    events = "SELECT id, sent_at FROM outbox WHERE type = 'PAYMENT_CONFIRMED' AND key = $1"
    await lab.postgres.execute("UPDATE outbox SET sent_at = now() WHERE key = $1", str(order.id))
    first = await lab.postgres.fetch(events, str(order.id))
    assert await seen(payments, order) == [("paid_not_confirmed", True, True)]
    again = await lab.postgres.fetch(events, str(order.id))
    assert [(row["id"], row["sent_at"]) for row in again] == [(first[0]["id"], None)], "the same event leaves again"
    await lab.postgres.execute("DELETE FROM outbox WHERE key = $1", str(order.id))  # after a day
    assert await seen(payments, order) == [("paid_not_confirmed", True, True)]
    (new,) = await lab.postgres.fetch(events, str(order.id))
    assert new["id"] != first[0]["id"]


async def test_money_of_a_cancelled_order(lab: Lab) -> None:
    order = await paid(lab, "cancelled")
    payments, _ = compares(lab)
    assert await seen(payments, order) == [("cancelled_holds_money", True, True)]
    await lab.reconcile()
    assert (await of(lab, order))["status"] == "refunded"
    assert await seen(payments, order) == []


async def test_money_of_an_order_that_is_lost(lab: Lab) -> None:
    order = await paid(lab)
    del lab.orders.all[order.id]
    payments, _ = compares(lab)
    assert await seen(payments, order) == [("paid_order_unknown", False, False)]


async def test_a_payment_that_is_made_at_stripe_alone(lab: Lab) -> None:
    """The customer came back from the challenge, and the webhook was lost."""
    order = lab.orders.place()
    await lab.pay(order, CHALLENGED)
    intent = (await of(lab, order))["provider_reference"]
    await lab.sandbox.confirm_by_customer(intent)
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_state_differs", True, True)]
    assert (await of(lab, order))["status"] == "succeeded"
    assert await seen(stripe, order) == []


async def test_a_payment_that_is_made_here_alone(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order, CHALLENGED)
    await set_by_hand(lab, order, "status = 'succeeded', processed_at = now()")
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_state_differs", False, False)]


async def test_an_amount_that_is_not_stripe_s(lab: Lab) -> None:
    order = await paid(lab)
    await set_by_hand(lab, order, "amount = amount + 1")
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_amount_differs", False, False)]


async def test_a_refund_that_was_made_at_stripe_alone(lab: Lab) -> None:
    order = await paid(lab)
    await lab.sandbox.refund_by_hand((await of(lab, order))["provider_reference"], 100)
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_refunds_differ", True, True)]
    assert (await of(lab, order))["status"] == "partially_refunded"
    assert await seen(stripe, order) == []


async def test_a_dispute_that_nobody_reported(lab: Lab) -> None:
    order = await paid(lab)
    await lab.sandbox.dispute((await of(lab, order))["provider_reference"])
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_dispute_unheard", True, True)]
    assert (await of(lab, order))["dispute"] is not None
    assert await seen(stripe, order) == []


async def test_a_charge_that_stripe_does_not_have(lab: Lab) -> None:
    order = await paid(lab)
    await lab.postgres.execute(
        "UPDATE payments SET provider_reference = $2 WHERE order_id = $1", order.id, f"pi_{uuid4().hex}"
    )
    _, stripe = compares(lab)
    assert await seen(stripe, order) == [("stripe_charge_missing", True, True)]
    assert (await of(lab, order))["stranded"] == "unknown_at_stripe"
    assert await seen(stripe, order) == []


@pytest.mark.parametrize("has_payment", [True, False])
async def test_a_charge_that_no_payment_of_ours_has(lab: Lab, has_payment: bool) -> None:
    """Found in Stripe's list: nothing of ours names it."""
    payment_id: UUID = (await of(lab, await paid(lab)))["id"] if has_payment else uuid4()
    made = await lab.sandbox.ask(
        "POST",
        "/v1/payment_intents",
        data={
            "amount": "500",
            "currency": "usd",
            "payment_method": VISA,
            "confirm": "true",
            "metadata[payment_id]": str(payment_id),
            "return_url": "http://127.0.0.1:3000/back",
        },
    )
    _, stripe = compares(lab)
    found = [one async for one in examine_all(stripe, limit=5, mend=True)]
    about = [one for one in found if one.drift.subject == made["id"]]
    assert [(one.drift.kind, one.drift.repair, one.mended) for one in about] == [("stripe_charge_unknown", None, False)]
    assert str(payment_id) in about[0].drift.ours


async def test_pages_go_through_all_payments(lab: Lab) -> None:
    orders = [await paid(lab) for _ in range(3)]
    for order in orders:
        del lab.orders.all[order.id]
    ids = {str((await of(lab, order))["id"]) for order in orders}
    payments, stripe = compares(lab)
    found = [one async for one in examine_all(payments, limit=2, mend=False)]
    assert ids <= {one.drift.subject for one in found if one.drift.kind == "paid_order_unknown"}
    place = ""
    subjects: list[str] = []
    while True:
        page = await stripe.page(place, 2)
        subjects += page.subjects
        place = page.place
        if not place:
            break
    intents = {(await of(lab, order))["provider_reference"] for order in orders}
    assert intents <= set(subjects)
    assert await stripe.page("pi_gone", 2) == type(page)((), "")
