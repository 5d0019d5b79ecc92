"""Customers who complain to their bank: written down, booked when money moves, and nothing paid twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.payment.domain.disputes import DisputeState
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Stranded
from services.payment.domain.payments import Status as St
from services.payment.domain.refunds import NotRefundable
from services.payment.entrypoints.mapping import staff_message
from services.payment.use_cases.retry_stranded import RetryStranded
from tests.integration.payment.lab import Lab

HOURS = timedelta(hours=2)


async def paid(lab: Lab) -> tuple[Order, Payment]:
    order = lab.orders.place()
    payment = await lab.pay(order)
    return order, await lab.payment(payment.payment_id)


async def disputed(lab: Lab, **how: Any) -> tuple[Order, Payment, str]:
    """A payment whose dispute a webhook reported; the dispute's id."""
    order, payment = await paid(lab)
    dispute = await lab.sandbox.dispute(str(payment.provider_reference), **how)
    await hear(lab, payment, "created")
    return order, await lab.payment(payment.id), dispute["id"]


async def hear(lab: Lab, payment: Payment, of: str) -> None:
    await lab.webhook(await lab.sandbox.event(f"charge.dispute.{of}", str(payment.provider_reference)))


async def kept(lab: Lab, payment: Payment) -> list[tuple[str, ...]]:
    rows = await lab.postgres.fetch("SELECT * FROM disputes WHERE payment_id = $1 ORDER BY created_at", payment.id)
    return [(row["stripe_dispute_id"], str(row["amount"]), row["status"], row["state"]) for row in rows]


async def test_a_dispute_is_recorded_and_booked_once(lab: Lab) -> None:
    opened = REGISTRY.get_sample_value("argosy_disputes_total", {"state": "open"}) or 0
    order, payment, dispute = await disputed(lab)
    await hear(lab, payment, "funds_withdrawn")
    assert await kept(lab, payment) == [(dispute, "59.98", "needs_response", "open")]
    assert (await lab.ledger(order))[2:] == [("dispute", "59.98"), ("dispute_fee", "15.00")]
    assert payment.dispute is DisputeState.OPEN
    assert staff_message(payment).dispute == "open"
    assert REGISTRY.get_sample_value("argosy_disputes_total", {"state": "open"}) == opened + 1
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_one_that_is_won_gives_the_money_back_to_us(lab: Lab) -> None:
    order, payment, dispute = await disputed(lab)
    await lab.sandbox.decide(dispute, "won")
    for of in ("updated", "closed", "funds_reinstated"):
        await hear(lab, payment, of)
    assert await kept(lab, payment) == [(dispute, "59.98", "won", "won")]
    assert (await lab.ledger(order))[2:] == [
        ("dispute", "59.98"),
        ("dispute_fee", "15.00"),
        ("dispute_reversal", "59.98"),
    ]
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(payment.id)).status is St.REFUNDED


async def test_after_a_lost_dispute_nothing_is_refunded(lab: Lab) -> None:
    order, payment, dispute = await disputed(lab, amount=1000)
    await lab.sandbox.decide(dispute, "lost")
    await hear(lab, payment, "closed")
    with pytest.raises(NotRefundable, match="dispute"):
        await lab.refund(payment.id)
    await lab.end_order(order)
    await lab.reconcile(past=HOURS)
    assert await lab.refunds(payment.id) == []
    assert (await lab.payment(payment.id)).stranded is Stranded.DISPUTE_LOST
    assert await lab.retry_stranded(RetryStranded([payment.id], "ada")) == [payment.id]
    await lab.reconcile(past=HOURS)
    assert await lab.refunds(payment.id) == []
    (listed,) = [one for one in await lab.stranded() if one.id == payment.id]
    assert (listed.reason, listed.disputes) == (Stranded.DISPUTE_LOST, "fraudulent: lost")
    assert (await lab.sandbox.counts(payment_id=str(payment.id)))["amount_refunded"] == 0


async def test_a_refund_that_was_written_down_before_one_was_lost_is_not_asked_for(lab: Lab) -> None:
    order, payment = await paid(lab)
    await lab.end_order(order)  # and nobody has asked Stripe yet
    dispute = await lab.sandbox.dispute(str(payment.provider_reference), amount=1000)
    await lab.sandbox.decide(dispute["id"], "lost")
    await hear(lab, payment, "closed")
    await lab.reconcile(past=HOURS)
    assert [one.failure_code for one in await lab.refunds(payment.id)] == ["dispute_lost"]
    assert (await lab.sandbox.counts(payment_id=str(payment.id)))["amount_refunded"] == 0


async def test_while_one_is_open_a_cancelled_order_waits_for_it(lab: Lab) -> None:
    order, payment, dispute = await disputed(lab)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(payment.id)).stranded is Stranded.DISPUTED
    await lab.sandbox.decide(dispute, "won")
    await lab.reconcile(past=HOURS)  # no webhook reported it
    assert (await lab.payment(payment.id)).status is St.REFUNDED


async def test_an_inquiry_moves_no_money_and_hinders_nothing(lab: Lab) -> None:
    order, payment, _ = await disputed(lab, inquiry=True)
    assert (payment.dispute, len(await lab.ledger(order))) == (DisputeState.INQUIRY, 2)
    await lab.refund(payment.id)
    assert (await lab.payment(payment.id)).status is St.REFUNDED


async def test_stripes_own_card_for_it(lab: Lab) -> None:
    order = lab.orders.place()
    payment = await lab.payment((await lab.pay(order, "pm_card_createDispute")).payment_id)
    await hear(lab, payment, "created")
    assert (await lab.payment(payment.id)).dispute is DisputeState.OPEN


async def test_what_was_asked_before_its_end_and_is_written_after_it_undoes_nothing(lab: Lab) -> None:
    _, payment, dispute = await disputed(lab)
    (before,) = await lab.gateway.disputes_of(str(payment.provider_reference))
    await lab.sandbox.decide(dispute, "lost")
    await hear(lab, payment, "closed")
    await lab.recorder.disputes(payment, before)
    assert (await lab.payment(payment.id)).dispute is DisputeState.LOST
    assert await kept(lab, payment) == [(dispute, "59.98", "lost", "lost")]


async def test_webhooks_of_one_in_any_order(lab: Lab) -> None:
    order, payment = await paid(lab)
    dispute = await lab.sandbox.dispute(str(payment.provider_reference))
    await lab.sandbox.decide(dispute["id"], "lost")
    for of in ("closed", "created", "funds_withdrawn", "updated"):
        await hear(lab, payment, of)
    assert await kept(lab, payment) == [(dispute["id"], "59.98", "lost", "lost")]
    assert (await lab.ledger(order))[2:] == [("dispute", "59.98"), ("dispute_fee", "15.00")]
