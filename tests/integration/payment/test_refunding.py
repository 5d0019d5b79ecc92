"""Refunds that staff order: full or partial, at once, cut off at any line; never more than was captured."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from argosy.payment.v1 import payment_pb2
from services.chassis.plain.errors import IdempotencyMismatch
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.orders import Order
from services.payment.domain.payments import OrderPaymentState, PaymentNotFound, Status
from services.payment.domain.refunds import NotRefundable, ProviderRefund, RefundStatus, RefundTooLarge
from services.payment.ports import OutcomeUnknown
from services.payment.use_cases.list_refunds import ListRefunds
from services.payment.use_cases.record_refund import RecordRefund
from tests.integration.payment.lab import CHALLENGED, DECLINED, STAFF, VISA, Lab

SOON = timedelta(seconds=30)
A_DAY = timedelta(hours=24)
ALL_TRIES = 3
PENDING_REFUND = "pm_card_pendingRefund"


class Died(Exception):
    """What a process that is killed does not live to see."""


async def paid(lab: Lab, method: str = VISA) -> tuple[Order, str]:
    """An order that costs 59.98 and is paid; the payment's id."""
    order = lab.orders.place()
    payment = await lab.pay(order, method)
    assert payment.status == "succeeded"
    return order, payment.payment_id


async def gone_back(lab: Lab, payment_id: str) -> int:
    """What Stripe has given back of the payment, in cents."""
    return int((await lab.sandbox.counts(payment_id=payment_id))["amount_refunded"])


async def test_all_of_it(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    refund = await lab.refund(payment_id)
    assert (refund.payment_id, refund.amount, refund.currency, refund.status, refund.reason) == (
        payment_id,
        "59.98",
        "USD",
        "succeeded",
        "requested_by_customer",
    )
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert await gone_back(lab, payment_id) == 5998


async def test_parts_of_it_and_then_the_rest(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    for amount, status in (
        (1000, Status.PARTIALLY_REFUNDED),
        (234, Status.PARTIALLY_REFUNDED),
        (None, Status.REFUNDED),
    ):
        await lab.refund(payment_id, amount)
        assert (await lab.payment(payment_id)).status is status
    assert [line for line in await lab.ledger(order) if line[0] == "refund"] == [
        ("refund", "10.00"),
        ("refund", "2.34"),
        ("refund", "47.64"),
    ]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 3}
    assert await gone_back(lab, payment_id) == 5998


async def test_the_books_name_stripes_refund(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    refund = await lab.refund(payment_id, 1000, reason="duplicate")
    line = await lab.postgres.fetchrow("SELECT stripe_id FROM ledger_entries WHERE refund_id = $1::uuid", refund.id)
    assert line is not None
    at_stripe = await lab.sandbox.ask("GET", f"/v1/refunds/{line['stripe_id']}")
    assert (at_stripe["metadata"]["refund_id"], at_stripe["reason"]) == (refund.id, "duplicate")


async def test_the_reason_of_staff_is_not_sent_to_stripe(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    refund = await lab.refund(payment_id, 1000, reason="arrived with a dent")
    (stored,) = await lab.refunds(payment_id)
    at_stripe = await lab.sandbox.ask("GET", f"/v1/refunds/{stored.provider_reference}")
    assert (refund.reason, stored.ordered_by) == ("arrived with a dent", STAFF)
    assert at_stripe["reason"] == "requested_by_customer"
    assert "dent" not in str(at_stripe)
    assert not await lab.postgres.fetchval("SELECT count(*) FROM outbox WHERE position('dent'::bytea IN value) > 0")


async def test_a_repeated_answer_of_stripe_writes_nothing(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    await lab.refund(payment_id, 1000)
    before = await lab.everything()
    payment = await lab.payment(payment_id)
    await lab.settle_refund.look_up_all(payment, str(payment.provider_reference))
    assert await lab.everything() == before


async def test_more_than_is_left_changes_nothing(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    await lab.refund(payment_id, 4764)
    before = await lab.everything()
    with pytest.raises(RefundTooLarge, match=r"at most 12\.34 USD is left to refund"):
        await lab.refund(payment_id, 1235, idempotency_key="k-too-large")
    assert await lab.everything() == before
    await lab.refund(payment_id)
    before = await lab.everything()
    with pytest.raises(RefundTooLarge, match="nothing is left to refund"):
        await lab.refund(payment_id)
    assert await lab.everything() == before


@pytest.mark.parametrize("method", [DECLINED, CHALLENGED])
async def test_what_took_no_money_has_none_to_give_back(lab: Lab, method: str) -> None:
    payment = await lab.pay(lab.orders.place(), method)
    before = await lab.everything()
    with pytest.raises(NotRefundable):
        await lab.refund(payment.payment_id)
    with pytest.raises(PaymentNotFound):
        await lab.refund(uuid4())
    assert await lab.everything() == before


async def test_thirty_at_once_never_come_to_more_than_was_captured(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    outcomes = await asyncio.gather(*(lab.refund(payment_id, 500) for _ in range(30)), return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, payment_pb2.Refund)]
    assert len(made) == 11  # 55.00 of 59.98
    assert all(isinstance(outcome, payment_pb2.Refund | RefundTooLarge) for outcome in outcomes)
    assert await gone_back(lab, payment_id) == 5500
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 11}
    assert (await lab.payment(payment_id)).status is Status.PARTIALLY_REFUNDED


async def test_fifty_with_one_key_give_back_once(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    answers = await asyncio.gather(*(lab.refund(payment_id, 1000, idempotency_key="k-fifty") for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await lab.refunds(payment_id)) == 1
    assert await gone_back(lab, payment_id) == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    with pytest.raises(IdempotencyMismatch):
        await lab.refund(payment_id, 2000, idempotency_key="k-fifty")
    assert await gone_back(lab, payment_id) == 1000


async def test_a_repeat_gets_its_answer_also_when_nothing_is_left(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    first = await lab.refund(payment_id, idempotency_key="k-all")
    assert await lab.refund(payment_id, idempotency_key="k-all") == first


async def test_a_pending_refund_counts_against_the_amount_left(lab: Lab) -> None:
    _, payment_id = await paid(lab, PENDING_REFUND)
    await lab.sandbox.control(settlement_seconds=3600)
    first = await lab.refund(payment_id, 5000)
    assert first.status == "pending"
    assert (await lab.payment(payment_id)).status is Status.SUCCEEDED
    with pytest.raises(RefundTooLarge, match=r"at most 9\.98 USD"):
        await lab.refund(payment_id, 999)


async def test_the_bank_confirms_one_later(lab: Lab) -> None:
    order, payment_id = await paid(lab, PENDING_REFUND)
    await lab.sandbox.control(settlement_seconds=0.2)
    assert (await lab.refund(payment_id)).status == "pending"
    await lab.until_refund_is_settled_at_stripe(payment_id)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


@pytest.mark.parametrize("past", [SOON, A_DAY])
async def test_a_process_that_dies_before_it_has_written_that_the_money_went_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, past: timedelta
) -> None:
    order, payment_id = await paid(lab)

    async def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(RecordRefund, "refund", die)
        with pytest.raises(Died):
            await lab.refund(payment_id, 1000, idempotency_key=f"k-died-{past}")
    assert await gone_back(lab, payment_id) == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    if past == A_DAY:
        await lab.sandbox.forget_keys()
    await lab.reconcile(past=past)
    assert await gone_back(lab, payment_id) == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    repeated = await lab.refund(payment_id, 1000, idempotency_key=f"k-died-{past}")
    assert (repeated.status, repeated.amount) == ("succeeded", "10.00")
    assert await gone_back(lab, payment_id) == 1000


async def test_a_process_that_dies_before_it_has_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = await paid(lab)

    async def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "refund", die)
        with pytest.raises(Died):
            await lab.refund(payment_id, 1000)
    assert await gone_back(lab, payment_id) == 0
    assert await lab.reconcile() == 0  # it is left to whoever began it, for a while
    await lab.reconcile(past=SOON)
    assert await gone_back(lab, payment_id) == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


async def test_an_answer_that_is_lost_each_time_is_found_out_later(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    await lab.sandbox.drop_next_answers(ALL_TRIES)
    unknown = await lab.refund(payment_id, 1000, idempotency_key="k-lost-refund")
    assert unknown.status == "pending"
    await lab.reconcile(past=SOON)
    assert await gone_back(lab, payment_id) == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    assert await lab.refund(payment_id, 1000, idempotency_key="k-lost-refund") == unknown


async def test_one_that_stripe_refuses_has_failed_with_its_reason(lab: Lab) -> None:
    """Somebody gave it back in Stripe's dashboard, and the webhook is still on its way."""
    order, payment_id = await paid(lab)
    await lab.sandbox.refund_by_hand(str((await lab.payment(payment_id)).provider_reference), 5998)
    refused = await lab.refund(payment_id, idempotency_key="k-refused")
    assert (refused.status, refused.failure_code) == ("failed", "charge_already_refunded")
    assert await lab.refund(payment_id, idempotency_key="k-refused") == refused
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]
    assert await lab.reconcile(past=A_DAY) == 0


async def test_a_cancelled_order_gives_back_what_staff_have_not(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    await lab.refund(payment_id, 1000)
    await lab.end_order(order)
    with pytest.raises(RefundTooLarge, match="nothing is left"):
        await lab.refund(payment_id)
    await lab.reconcile()
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.ledger(order) == [
        ("capture", "59.98"),
        ("fee", "2.04"),
        ("refund", "10.00"),
        ("refund", "49.98"),
    ]
    assert await gone_back(lab, payment_id) == 5998


async def test_what_the_bank_sends_back_to_a_cancelled_order_is_given_back_anew(lab: Lab) -> None:
    """Staff's refund was on its way when the order was cancelled, so the rest went back; then it came to nothing."""
    order, payment_id = await paid(lab, "pm_card_refundFail")
    await lab.sandbox.control(settlement_seconds=3600)
    await lab.refund(payment_id, 1000)
    await lab.end_order(order)
    await lab.reconcile()
    refunds = await lab.refunds(payment_id)
    by_staff = next(refund for refund in refunds if refund.ordered_by)
    failed = await lab.sandbox.ask("GET", f"/v1/refunds/{by_staff.provider_reference}")
    at_stripe = StripeProvider.refunds_of

    async def sent_back(gateway: StripeProvider, intent_id: str) -> object:
        seen = await at_stripe(gateway, intent_id)
        return [one if one.reference != failed["id"] else _failed(one) for one in seen]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(StripeProvider, "refunds_of", sent_back)
        await lab.settle_refund.look_up_all(
            await lab.payment(payment_id), str((await lab.payment(payment_id)).provider_reference)
        )
    amounts = [(refund.amount.minor, refund.status.value) for refund in await lab.refunds(payment_id)]
    assert amounts == [(1000, "failed"), (4998, "succeeded"), (1000, "pending")]


async def test_staff_and_cancellation_at_once(lab: Lab) -> None:
    """Whoever comes first: in the end all of it went back, once."""
    payments = [await paid(lab) for _ in range(8)]

    async def cancel(number: int) -> None:
        await asyncio.sleep(number * 0.004)
        await lab.end_order(payments[number][0])

    await asyncio.gather(
        *(lab.refund(payment_id, 1000 + number) for number, (_, payment_id) in enumerate(payments)),
        *(cancel(number) for number in range(8)),
        return_exceptions=True,
    )
    await lab.reconcile(past=SOON)
    for order, payment_id in payments:
        assert await gone_back(lab, payment_id) == 5998
        assert (await lab.payment(payment_id)).status is Status.REFUNDED
        assert sum(Decimal(amount) for entry, amount in await lab.ledger(order) if entry == "refund") == Decimal(
            "59.98"
        )


async def test_an_order_whose_money_went_back_does_not_become_payable_by_it(lab: Lab) -> None:
    order, payment_id = await paid(lab)
    await lab.refund(payment_id, 1000)
    assert await lab.look_up(order.id) is OrderPaymentState.PAID


async def test_pages_of_refunds_are_newest_first_and_complete(lab: Lab) -> None:
    _, payment_id = await paid(lab)
    made = [(await lab.refund(payment_id, 100 + number)).id for number in range(5)]
    seen: list[str] = []
    before = None
    while True:
        page, before = await lab.list_refunds(ListRefunds((await lab.payment(payment_id)).id, before=before, size=2))
        seen += [str(refund.id) for refund in page]
        if before is None:
            break
    assert seen == made[::-1]
    with pytest.raises(PaymentNotFound):
        await lab.list_refunds(ListRefunds(uuid4(), before=None, size=2))


async def test_stripe_away(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = await paid(lab)

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "refund", away)
        assert (await lab.refund(payment_id)).status == "pending"
    await lab.reconcile(past=SOON)
    assert (await lab.payment(payment_id)).status is Status.REFUNDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


def _failed(seen: ProviderRefund) -> ProviderRefund:
    return replace(seen, status=RefundStatus.FAILED)
