"""Orders that are cancelled: nothing more is paid, and what was paid goes back, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from argosy.event.v1.order_events_pb2 import OrderStatusUpdated
from services.chassis.bus.events import Event
from services.chassis.plain import clock, trace_context
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.orders import Order, OrderNotPayable
from services.payment.domain.payments import OrderPaymentState, Status
from services.payment.entrypoints.consumers import handlers
from services.payment.ports import OutcomeUnknown
from services.payment.use_cases.record_refund import RecordRefund
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, Lab

SOON = timedelta(seconds=30)
A_DAY = timedelta(hours=24)


class Died(Exception):
    """What a process that is killed does not live to see."""


async def test_an_order_cancelled_before_a_payment_takes_none(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.end_order(order)
    with pytest.raises(OrderNotPayable):  # though the order service answered that it was pending
        await lab.pay(order)
    assert await lab.payments_of(order) == []
    assert (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"]["total"] == 0


async def test_while_the_customer_is_at_the_challenge(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    await lab.end_order(order)
    await lab.reconcile()
    payment = await lab.payment(waiting.payment_id)
    assert (payment.status, payment.error_code, payment.check_at) == (Status.CANCELLED, "requested_by_customer", None)
    assert (await lab.sandbox.intent(str(payment.provider_reference)))["status"] == "canceled"
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}


async def test_just_after_the_customer_has_passed_the_challenge(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    await lab.sandbox.pass_challenge(str((await lab.payment(waiting.payment_id)).provider_reference))
    await lab.end_order(order)
    await lab.reconcile()
    payment = await lab.payment(waiting.payment_id)
    assert (payment.status, payment.late) == (Status.REFUNDED, True)
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_REFUNDED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]


async def test_while_stripe_is_processing(lab: Lab) -> None:
    order = lab.orders.place()
    started = await lab.pay(order, "pm_sandbox_processing")
    await lab.end_order(order)
    await lab.reconcile()  # it cannot be cancelled now
    await lab.sandbox.until_captured(started.payment_id)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(started.payment_id)).status is Status.REFUNDED
    assert (await lab.sandbox.counts(payment_id=started.payment_id))["amount_refunded"] == 5998


async def test_after_it_was_paid(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    assert await lab.look_up(order.id) is OrderPaymentState.PAID
    await lab.end_order(order)
    await lab.end_order(order)
    await lab.reconcile()
    await lab.reconcile()
    payment = await lab.payment(paid.payment_id)
    assert (payment.status, payment.late) == (Status.REFUNDED, False)
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]
    counts = await lab.sandbox.counts(payment_id=paid.payment_id)
    assert (counts["amount_captured"], counts["amount_refunded"]) == (5998, 5998)
    assert await lab.look_up(order.id) is OrderPaymentState.NONE


async def test_after_it_was_declined(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order, DECLINED)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.only_payment_of(order)).status is Status.FAILED
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}


async def test_while_nobody_knows_whether_it_was_charged(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(3)
    unknown = await lab.pay(order)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(unknown.payment_id)).status is Status.REFUNDED
    assert (await lab.sandbox.counts(payment_id=unknown.payment_id))["amount_refunded"] == 5998


async def test_nothing_is_charged_after_an_unknown_outcome_of_a_cancelled_order(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lab.orders.place()

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", away)
        unknown = await lab.pay(order)
    await lab.end_order(order)
    await lab.reconcile()
    assert (await lab.payment(unknown.payment_id)).is_live  # its request may still be on its way
    await lab.reconcile(past=timedelta(minutes=6))
    assert (await lab.payment(unknown.payment_id)).status is Status.CANCELLED
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}
    assert (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"]["total"] == 0


async def test_a_charge_that_stripes_search_does_not_show_yet(lab: Lab) -> None:
    """As long as the search may be behind, that it finds nothing does not end the payment."""
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(3)
    unknown = await lab.pay(order)
    await lab.sandbox.control(search_lag_seconds=3600)
    await lab.end_order(order)
    await lab.reconcile(past=lab.search_lag)
    assert (await lab.payment(unknown.payment_id)).is_live
    await lab.sandbox.control(search_lag_seconds=0)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(unknown.payment_id)).status is Status.REFUNDED
    assert (await lab.sandbox.counts(payment_id=unknown.payment_id))["amount_refunded"] == 5998


@pytest.mark.parametrize("past", [SOON, A_DAY])
async def test_a_process_that_dies_before_it_has_written_that_the_money_went_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, past: timedelta
) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    await lab.end_order(order)

    async def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(RecordRefund, "refund", die)
        await lab.reconcile_once()
    assert (await lab.sandbox.counts(payment_id=paid.payment_id))["amount_refunded"] == 5998
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    if past == A_DAY:
        await lab.sandbox.forget_keys()
    await lab.reconcile(past=past)
    assert (await lab.payment(paid.payment_id)).status is Status.REFUNDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert (await lab.sandbox.counts(payment_id=paid.payment_id))["amount_refunded"] == 5998


async def test_a_refund_that_takes_its_time(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order, "pm_card_pendingRefund")
    await lab.end_order(order)
    await lab.sandbox.control(settlement_seconds=0.5)
    await lab.reconcile()
    assert (await lab.payment(paid.payment_id)).status is Status.SUCCEEDED
    await lab.until_refund_is_settled_at_stripe(paid.payment_id)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(paid.payment_id)).status is Status.REFUNDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


async def test_what_an_operator_gave_back_before_is_not_given_back_again(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    intent_id = str((await lab.payment(paid.payment_id)).provider_reference)
    await lab.sandbox.refund_by_hand(intent_id, 5998)
    await lab.end_order(order)
    await lab.reconcile()  # Stripe refuses ours; what there is becomes ours
    assert (await lab.payment(paid.payment_id)).status is Status.REFUNDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert (await lab.sandbox.counts(payment_id=paid.payment_id))["amount_refunded"] == 5998
    assert await lab.reconcile(past=SOON) == 0


def updated(order: Order, status: str) -> Event:
    """The event of the order service when an order has moved."""
    message = OrderStatusUpdated(order_id=str(order.id), user_id=str(order.user_id), status=status)
    return Event(
        id=uuid4(),
        type="ORDER_STATUS_UPDATED",
        time=clock.now(),
        source="/argosy/order",
        subject=str(order.id),
        key=str(order.id),
        sequence=2,
        message=message,
        traceparent=trace_context.new(),
        topic="order-events",
        partition=0,
        offset=0,
    )


async def test_the_event_takes_effect_once(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order)
    handle = handlers(lab.apply_order_status)["ORDER_STATUS_UPDATED"]
    cancelled = updated(order, "cancelled")
    await asyncio.gather(*(handle(cancelled) for _ in range(3)))
    assert lab.recorder.due.is_set()
    await lab.reconcile()
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


@pytest.mark.parametrize("status", ["confirmed", "shipped", "delivered"])
async def test_an_order_that_goes_on_is_left_alone(lab: Lab, status: str) -> None:
    order = lab.orders.place()
    await handlers(lab.apply_order_status)["ORDER_STATUS_UPDATED"](updated(order, status))
    assert (await lab.pay(order)).status == "succeeded"


async def test_only_that_order_is_concerned(lab: Lab) -> None:
    ended, other = lab.orders.place(), lab.orders.place()
    await lab.pay(other)
    await lab.end_order(ended)
    await lab.reconcile()
    assert (await lab.only_payment_of(other)).status is Status.SUCCEEDED
    assert (await lab.pay(lab.orders.place(), VISA)).status == "succeeded"
