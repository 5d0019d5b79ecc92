"""A Stripe that is slow, busy, or fails and keeps that: nobody else is refused for it, and nobody is charged twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.keys import SERVER_ERRORS
from services.payment.domain.orders import Order
from services.payment.domain.payments import Payment, Status
from services.payment.domain.refunds import RefundStatus
from services.payment.ports import NotAsked, NotAuthorized, OutcomeUnknown, UnknownCharge
from services.payment.use_cases.reconcile import AT_ONCE
from tests.integration.payment.lab import VISA, Lab
from tests.support.real_stack import RealStack

SOON = timedelta(seconds=30)
A_WHILE = timedelta(minutes=6)
ALL_TRIES = 3
MOST_IN_A_ROW = 5


@pytest.fixture
async def strict(lab: Lab, stripe_sandbox: RealStack) -> AsyncIterator[Lab]:
    """A lab whose breaker stays open once it has opened."""
    key = SecretStr(stripe_sandbox.secrets.stripe_api_key)
    gateway = StripeProvider(key, stripe_sandbox.stripe_url, timeout=5, leave_alone=3600)
    await gateway.start()
    yield Lab(lab.postgres, gateway, lab.sandbox, orders=lab.orders)
    await gateway.stop()


async def captured(lab: Lab, order: Order) -> int:
    return int((await lab.sandbox.counts(order_id=str(order.id)))["amount_captured"])


async def test_a_slow_answer_is_waited_for_and_not_asked_for_again_meanwhile(strict: Lab) -> None:
    lab, orders = strict, [strict.orders.place() for _ in range(MOST_IN_A_ROW + 1)]
    await lab.sandbox.control(latency_seconds=2)
    paying = [asyncio.create_task(lab.pay(order)) for order in orders]
    for order in orders:
        await lab.until_begun(order)
    assert await lab.reconcile(past=timedelta(seconds=11)) == 0
    assert [answer.status for answer in await asyncio.gather(*paying)] == ["succeeded"] * len(orders)


async def test_what_one_replica_asks_again_no_other_does_meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order, answers = lab.orders.place(), asyncio.Event()
    await lab.sandbox.drop_next_answers(ALL_TRIES)
    begun = await lab.pay(order)
    ask = StripeProvider.ask

    async def ask_slowly(self: StripeProvider, payment: Payment) -> object:
        await answers.wait()
        return await ask(self, payment)

    monkeypatch.setattr(StripeProvider, "ask", ask_slowly)
    await lab.let_pass(SOON)
    async with asyncio.timeout(20):
        asking = asyncio.create_task(lab.reconcile_once())
        while not (await lab.payment(begun.payment_id)).checks:
            await asyncio.sleep(0.01)
        assert await lab.reconcile(past=timedelta(seconds=11)) == 0
        answers.set()
        assert await asking == 1
    assert (await lab.payment(begun.payment_id)).status is Status.SUCCEEDED


async def test_who_asks_again_too_early_after_all_waits_and_harms_nobody(strict: Lab) -> None:
    """Each gets the answer that the key is in use: that is an answer, and does not open the circuit breaker."""
    lab, orders = strict, [strict.orders.place() for _ in range(MOST_IN_A_ROW + 1)]
    await lab.sandbox.control(latency_seconds=4)
    paying = [asyncio.create_task(lab.pay(order)) for order in orders]
    for order in orders:
        await lab.until_begun(order)
    assert await lab.reconcile(past=SOON) == len(orders)
    await lab.sandbox.control(latency_seconds=0)
    assert (await lab.pay(lab.orders.place())).status == "succeeded"
    assert [answer.status for answer in await asyncio.gather(*paying)] == ["succeeded"] * len(orders)
    for order in orders:
        assert (await lab.sandbox.counts(order_id=str(order.id)))["charges"] == {"total": 1, "succeeded": 1}


async def test_requests_that_are_put_off_are_signs_of_life(strict: Lab) -> None:
    lab = strict
    for _ in range(MOST_IN_A_ROW + 1):
        await lab.sandbox.spoil_next("busy")
        assert (await lab.pay(lab.orders.place())).status == "processing"
    assert (await lab.pay(lab.orders.place())).status == "succeeded"


async def test_refusals_are_signs_of_life(strict: Lab) -> None:
    lab = strict
    for _ in range(MOST_IN_A_ROW + 1):
        with pytest.raises(UnknownCharge):
            await lab.gateway.look_up("pi_of_another_account")
    assert (await lab.pay(lab.orders.place())).status == "succeeded"


async def test_servers_that_fail_are_no_sign_of_life(strict: Lab) -> None:
    lab = strict
    await lab.sandbox.spoil_next("error", MOST_IN_A_ROW)
    for _ in range(MOST_IN_A_ROW):
        await lab.pay(lab.orders.place())
    with pytest.raises(NotAsked):
        await lab.pay(lab.orders.place())


@pytest.mark.parametrize("kind", ["error", "error_after"])
async def test_a_failure_that_stripe_keeps_under_the_key(lab: Lab, kind: str) -> None:
    """It is repeated for a day. Whether it was charged is searched for; if not, it is asked for under another key."""
    order = lab.orders.place()
    await lab.sandbox.spoil_next(kind)
    begun = await lab.pay(order)
    assert begun.status == "processing"
    for _ in range(SERVER_ERRORS):
        await lab.reconcile(past=SOON)
    assert (await lab.payment(begun.payment_id)).is_live or kind == "error_after"
    for _ in range(3):
        await lab.reconcile(past=A_WHILE)
    payment = await lab.payment(begun.payment_id)
    assert (payment.status, payment.key_number) == (Status.SUCCEEDED, 1 if kind == "error_after" else 2)
    assert await captured(lab, order) == 5998
    assert (await lab.sandbox.counts(order_id=str(order.id)))["charges"] == {"total": 1, "succeeded": 1}
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_the_next_key_is_written_down_before_it_is_used(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    await lab.sandbox.spoil_next("error")
    begun = await lab.pay(order)
    for _ in range(SERVER_ERRORS):
        await lab.reconcile(past=SOON)
    keys: list[str] = []
    ask = StripeProvider.ask

    async def watch(self: StripeProvider, payment: Payment) -> object:
        stored = await lab.payment(payment.id)
        keys.append(stored.key)
        assert payment.key == stored.key
        return await ask(self, payment)

    monkeypatch.setattr(StripeProvider, "ask", watch)
    for _ in range(2):
        await lab.reconcile(past=A_WHILE)
    assert keys == [f"{begun.payment_id}:2"]


async def test_a_failure_that_stays_ends_the_payment(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.spoil_next("error", 3)  # under each of the keys
    begun = await lab.pay(order)
    for _ in range(20):
        await lab.reconcile(past=A_WHILE)
    assert (await lab.payment(begun.payment_id)).status is Status.FAILED
    assert await captured(lab, order) == 0
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}


@pytest.mark.parametrize("kind", ["error", "error_after"])
async def test_a_failure_that_stripe_keeps_under_a_refunds_key(lab: Lab, kind: str) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order)
    await lab.sandbox.spoil_next(kind)
    assert (await lab.refund(paid.payment_id, 1000)).status == "pending"
    for _ in range(SERVER_ERRORS + 1):
        await lab.reconcile(past=A_WHILE)
    (refund,) = await lab.refunds(paid.payment_id)
    assert refund.status is RefundStatus.SUCCEEDED
    assert (await lab.sandbox.counts(payment_id=paid.payment_id))["amount_refunded"] == 1000
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1, "PAYMENT_REFUNDED": 1}


async def test_a_refusal_of_our_key_after_an_unknown_outcome_proves_nothing(lab: Lab) -> None:
    """The first try charged and got no answer; the second got the answer that our API key is invalid (rolled)."""
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(1)
    await lab.sandbox.spoil_next("unauthorized", 1)
    begun = await lab.pay(order, VISA, idempotency_key="k-rolled")
    assert begun.status == "processing"  # and not withdrawn, so that nobody pays a second time
    await lab.reconcile(past=SOON)
    assert (await lab.payment(begun.payment_id)).status is Status.SUCCEEDED
    assert await captured(lab, order) == 5998
    await lab.sandbox.spoil_next("unauthorized", 1)
    other = lab.orders.place()
    with pytest.raises(NotAuthorized):  # the first thing that we hear is proof
        await lab.pay(other)
    assert (await lab.pay(other)).status == "succeeded"


async def test_due_payments_leave_refunds_their_turn(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    paid = await lab.pay(lab.orders.place())

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "refund", away)
        await lab.refund(paid.payment_id)
        patched.setattr(StripeProvider, "ask", away)
        for _ in range(AT_ONCE * 2 + 1):
            await lab.pay(lab.orders.place())
    await lab.postgres.execute("UPDATE payments SET check_at = now() - interval '1 hour' WHERE status = 'processing'")
    await lab.postgres.execute("UPDATE refunds SET check_at = now() WHERE payment_id = $1::uuid", paid.payment_id)
    never = asyncio.Event()

    async def hang(*_: object) -> None:
        await never.wait()

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", hang)
        running = asyncio.create_task(lab.reconciler.run())
        async with asyncio.timeout(20):
            while (await lab.payment(paid.payment_id)).status is not Status.REFUNDED:
                await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
