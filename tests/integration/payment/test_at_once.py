"""Many at once: one charge, one answer."""

from __future__ import annotations

import asyncio

import pytest

from argosy.payment.v1 import payment_pb2
from services.payment.domain.orders import AlreadyPaid, OrderNotPayable
from services.payment.domain.payments import PaymentInProgress, Status
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, Lab


@pytest.mark.parametrize("method", [VISA, DECLINED, CHALLENGED])
async def test_a_hundred_with_one_key(lab: Lab, method: str) -> None:
    order = lab.orders.place()
    answers = await asyncio.gather(*(lab.pay(order, method, idempotency_key=f"k-hundred-{method}") for _ in range(100)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await lab.payments_of(order)) == 1
    counts = await lab.sandbox.counts(order_id=str(order.id))
    assert counts["payment_intents"]["total"] == 1
    assert sum((await lab.published(order)).values()) == 1


async def test_a_hundred_with_one_key_while_answers_are_lost(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(3)
    answers = await asyncio.gather(*(lab.pay(order, idempotency_key="k-hundred-lost") for _ in range(100)))
    assert {answer.status for answer in answers} == {"processing"}
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"]["total"] == 1


@pytest.mark.parametrize("method", [VISA, DECLINED])
async def test_twenty_without_keys(lab: Lab, method: str) -> None:
    order = lab.orders.place()
    outcomes = await asyncio.gather(*(lab.pay(order, method) for _ in range(20)), return_exceptions=True)
    (answered,) = [outcome for outcome in outcomes if isinstance(outcome, payment_pb2.Payment)]
    refused = [
        outcome for outcome in outcomes if isinstance(outcome, PaymentInProgress | AlreadyPaid | OrderNotPayable)
    ]
    assert len(refused) == 19
    assert answered.status == ("succeeded" if method == VISA else "failed")
    assert len(await lab.payments_of(order)) == 1
    assert (await lab.sandbox.counts(order_id=str(order.id)))["charges"]["total"] == 1


async def test_many_orders(lab: Lab) -> None:
    orders = [lab.orders.place() for _ in range(40)]
    paid = await asyncio.gather(*(lab.pay(order) for order in orders))
    assert {answer.status for answer in paid} == {"succeeded"}
    for order in orders:
        assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_several_reconcilers_and_customers_finish_one_payment_once(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    payment = await lab.payment(waiting.payment_id)
    await lab.sandbox.pass_challenge(str(payment.provider_reference))
    await asyncio.gather(
        *(lab.reconcile() for _ in range(3)),
        *(lab.confirm(payment.id, order.user_id) for _ in range(4)),
        *(lab.settle(payment) for _ in range(3)),
    )
    assert (await lab.payment(payment.id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]


async def test_paying_while_the_order_is_cancelled(lab: Lab) -> None:
    """Whoever comes first: in the end no money of a cancelled order stays here, and the events report it."""
    orders = [lab.orders.place() for _ in range(20)]

    async def cancel(number: int) -> None:
        await asyncio.sleep(number * 0.004)
        await lab.end_order(orders[number])

    await asyncio.gather(
        *(lab.pay(order) for order in orders), *(cancel(number) for number in range(20)), return_exceptions=True
    )
    await lab.reconcile()
    for order in orders:
        counts = await lab.sandbox.counts(order_id=str(order.id))
        assert counts["amount_captured"] == counts["amount_refunded"]
        events = await lab.published(order)
        assert events["PAYMENT_REFUNDED"] == (1 if counts["amount_captured"] else 0)
        for payment in await lab.payments_of(order):
            assert payment.status is Status.REFUNDED
