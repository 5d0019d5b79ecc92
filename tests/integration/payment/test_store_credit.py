"""Store credit on the real stores: granted, paid with while Stripe is away, refunded to, all of it concurrently too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from argosy.payment.v1 import payment_pb2
from services.chassis.data.postgres import Postgres
from services.chassis.plain.comparison import examine
from services.payment.adapters.ledger import PostgresLedger
from services.payment.adapters.store_credit.provider import StoreCreditProvider
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.credit import STORE_CREDIT
from services.payment.domain.orders import AlreadyPaid, Order
from services.payment.domain.payments import PaymentInProgress
from services.payment.domain.refunds import RefundTooLarge
from services.payment.entrypoints.workers import comparisons
from services.payment.ports import OutcomeUnknown
from tests.integration.payment.lab import Lab, StripeSide


@pytest.fixture
async def without_stripe(postgres: Postgres, sandbox: StripeSide, lab: Lab) -> AsyncIterator[Lab]:
    """The service while nobody listens at Stripe's address."""
    gateway = StripeProvider(SecretStr("sk_test_1"), "http://127.0.0.1:9", timeout=1)
    await gateway.start()
    yield Lab(postgres, gateway, sandbox)
    await gateway.stop()


async def compared(lab: Lab, order: Order) -> list[str]:
    """Every drift of the order, of all comparisons."""
    made = comparisons(lab.orders, lab.apply_order_status, lab.settle, lab.settle_refund, timedelta(0))
    found = [one for each in made for one in await examine(each, await each.of_order(order.id), mend=False)]
    return [one.drift.kind for one in found]


async def entries(lab: Lab, user_id: UUID) -> list[tuple[str, str]]:
    rows = await lab.postgres.fetch("SELECT kind, amount FROM credit_entries WHERE user_id = $1 ORDER BY id", user_id)
    return [(row["kind"], str(row["amount"])) for row in rows]


async def test_an_order_is_paid_with_credit_alone_while_stripe_is_away(without_stripe: Lab) -> None:
    lab = without_stripe
    order = lab.orders.place()
    await lab.grant(order.user_id, 10_000, idempotency_key="k-grant")
    await lab.grant(order.user_id, 10_000, idempotency_key="k-grant")
    paid = await lab.pay(order, STORE_CREDIT, idempotency_key="k-credit")
    assert (paid.status, paid.provider, paid.amount) == ("succeeded", STORE_CREDIT, "59.98")
    assert await lab.pay(order, STORE_CREDIT, idempotency_key="k-credit") == paid
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98")]
    assert (await lab.only_payment_of(order)).check_at is None
    assert await lab.balance(order.user_id) == 4002
    assert await entries(lab, order.user_id) == [("grant", "100.00"), ("charge", "59.98")]
    with pytest.raises(AlreadyPaid):
        await lab.pay(order, STORE_CREDIT)


async def test_the_money_of_a_cancelled_order_is_credit_again(without_stripe: Lab) -> None:
    lab = without_stripe
    order = lab.orders.place()
    await lab.grant(order.user_id, 5998)
    await lab.pay(order, STORE_CREDIT)
    assert await lab.balance(order.user_id) == 0
    lab.orders.move(order, "cancelled")
    await lab.end_order(order)
    await asyncio.gather(*(lab.reconcile_once() for _ in range(5)))
    assert (await lab.only_payment_of(order)).status == "refunded"
    assert await lab.ledger(order) == [("capture", "59.98"), ("refund", "59.98")]
    assert await lab.balance(order.user_id) == 5998
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


async def test_too_little_fails_the_payment_with_a_reason_and_takes_nothing(without_stripe: Lab) -> None:
    lab = without_stripe
    order = lab.orders.place()
    await lab.grant(order.user_id, 5997)
    failed = await lab.pay(order, STORE_CREDIT)
    assert (failed.status, failed.decline_code) == ("failed", "insufficient_credit")
    await lab.reconcile()
    (payment,) = await lab.payments_of(order)
    assert (payment.status, payment.close_charge, payment.check_at) == ("failed", False, None)
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}
    assert await lab.ledger(order) == []
    assert await entries(lab, order.user_id) == [("grant", "59.97")]
    await lab.grant(order.user_id, 10_000)  # what was declined is closed: nothing takes it later
    await lab.reconcile(past=timedelta(hours=1))
    assert await lab.balance(order.user_id) == 15_997


async def test_two_payments_at_once_on_one_balance(lab: Lab) -> None:
    first = lab.orders.place()
    others = [replace(lab.orders.place(), user_id=first.user_id) for _ in range(4)]
    lab.orders.all.update({one.id: one for one in others})
    await lab.grant(first.user_id, 2 * 5998 + 1)
    answers = await asyncio.gather(*(lab.pay(order, STORE_CREDIT) for order in (first, *others)))
    assert sorted(answer.status for answer in answers) == ["failed"] * 3 + ["succeeded"] * 2
    assert await lab.balance(first.user_id) == 1


async def test_twenty_payments_of_one_order_at_once_take_once(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.grant(order.user_id, 100_000)
    outcomes = await asyncio.gather(*(lab.pay(order, STORE_CREDIT) for _ in range(20)), return_exceptions=True)
    assert [one.status for one in outcomes if isinstance(one, payment_pb2.Payment)] == ["succeeded"]
    assert sum(isinstance(one, AlreadyPaid | PaymentInProgress) for one in outcomes) == 19
    assert await lab.balance(order.user_id) == 100_000 - 5998


async def test_a_process_that_dies_before_or_after_it_has_asked_takes_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = StoreCreditProvider.ask

    async def die_after(self: StoreCreditProvider, payment: object) -> object:
        await ask(self, payment)  # type: ignore[arg-type]
        raise OutcomeUnknown

    async def die_before(self: StoreCreditProvider, payment: object) -> object:
        raise OutcomeUnknown

    for die in (die_before, die_after):
        order = lab.orders.place()
        await lab.grant(order.user_id, 10_000)
        with monkeypatch.context() as patched:
            patched.setattr(StoreCreditProvider, "ask", die)
            assert (await lab.pay(order, STORE_CREDIT)).status == "processing"
        await lab.reconcile(past=timedelta(minutes=2))
        assert (await lab.only_payment_of(order)).status == "succeeded"
        assert await lab.balance(order.user_id) == 10_000 - 5998


async def test_a_refund_to_credit_needs_no_stripe_and_buys_the_next_order(lab: Lab, without_stripe: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    made = await without_stripe.refund(paid.payment_id, to_credit=True, idempotency_key="k-to-credit")
    assert (made.status, made.amount, made.provider) == ("succeeded", "59.98", STORE_CREDIT)
    again = await without_stripe.refund(paid.payment_id, to_credit=True, idempotency_key="k-to-credit")
    assert again == made
    assert (await lab.payment(paid.payment_id)).status == "refunded"
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}
    counts = await lab.sandbox.counts(payment_id=paid.payment_id)
    assert (counts["amount_captured"], counts["amount_refunded"]) == (5998, 0)
    lab.orders.move(order, "confirmed")
    await lab.reconcile()
    assert await compared(lab, order) == []

    next_order = replace(lab.orders.place(), user_id=order.user_id)
    lab.orders.all[next_order.id] = next_order
    assert (await lab.pay(next_order, STORE_CREDIT)).status == "succeeded"
    assert await lab.balance(order.user_id) == 0
    lab.orders.move(next_order, "confirmed")
    assert await compared(lab, next_order) == []


async def test_refunds_at_once_to_credit_and_to_the_card_are_never_more_than_was_taken(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    made = await asyncio.gather(
        *(lab.refund(paid.payment_id, 1000, to_credit=number % 2 == 0) for number in range(12)), return_exceptions=True
    )
    assert sum(isinstance(one, payment_pb2.Refund) for one in made) == 5
    assert sum(isinstance(one, RefundTooLarge) for one in made) == 7
    counts = await lab.sandbox.counts(payment_id=paid.payment_id)
    assert counts["amount_refunded"] + await lab.balance(order.user_id) == 5000


async def test_a_refund_to_credit_is_written_whole_or_not_at_all(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)

    async def die(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(PostgresLedger, "add", die)
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the pool makes of a lost connection
            await lab.refund(paid.payment_id, 1000, to_credit=True, idempotency_key="k-whole")
    assert (await lab.refunds(paid.payment_id), await lab.balance(order.user_id)) == ([], 0)
    await lab.refund(paid.payment_id, 1000, to_credit=True, idempotency_key="k-whole")
    assert await lab.balance(order.user_id) == 1000


async def test_a_balance_that_was_changed_by_hand_is_drift(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.grant(order.user_id, 10_000)
    await lab.pay(order, STORE_CREDIT)
    lab.orders.move(order, "confirmed")
    assert await compared(lab, order) == []
    await lab.postgres.execute("UPDATE credit_accounts SET balance = balance + 1 WHERE user_id = $1", order.user_id)
    assert await compared(lab, order) == ["credit_differs"]


async def test_a_payment_that_the_charges_do_not_have_is_drift(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.grant(order.user_id, 10_000)
    await lab.pay(order, STORE_CREDIT)
    lab.orders.move(order, "confirmed")
    await lab.postgres.execute(
        "UPDATE payments SET provider_reference = $2 WHERE order_id = $1", order.id, f"credit_{uuid4()}"
    )
    assert await compared(lab, order) == ["store_credit_charge_missing"]
