"""Answers that never come, callers who go away, processes that die, keys forgotten: charged once, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.chassis.plain import deadlines
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.domain.charges import Charge
from services.payment.domain.payments import Payment, PaymentMethodRefused, Status
from services.payment.ports import NotAsked, NotAuthorized, OutcomeUnknown
from services.payment.use_cases.record_charge import RecordCharge
from services.payment.use_cases.record_refund import RecordRefund
from tests.integration.payment.lab import CHALLENGED, DECLINED, VISA, Lab
from tests.support.real_stack import RealStack

SOON = timedelta(seconds=30)
A_DAY = timedelta(hours=24)
AN_HOUR = timedelta(hours=1)
ALL_TRIES = 3


class Died(Exception):
    """What a process that is killed does not live to see."""


@pytest.fixture
def dying(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process dies between Stripe's answer and the commit, until this is undone."""

    async def die(*_: object, **__: object) -> None:
        raise Died

    monkeypatch.setattr(RecordCharge, "charge", die)
    monkeypatch.setattr(RecordCharge, "refusal", die)
    monkeypatch.setattr(RecordRefund, "refund", die)
    return monkeypatch


@pytest.fixture
async def wrong_key(stripe_sandbox: RealStack) -> AsyncIterator[StripeProvider]:
    gateway = StripeProvider(SecretStr("sk_test_nobodys"), stripe_sandbox.stripe_url, timeout=5)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def impatient(stripe_sandbox: RealStack) -> AsyncIterator[StripeProvider]:
    key = SecretStr(stripe_sandbox.secrets.stripe_api_key)
    gateway = StripeProvider(key, stripe_sandbox.stripe_url, timeout=0.3)
    await gateway.start()
    yield gateway
    await gateway.stop()


async def test_an_answer_that_is_lost_once_is_asked_for_again_at_once(lab: Lab) -> None:
    paid = await lab.pay(lab.orders.place(), "pm_sandbox_dropAfterCharge")
    assert paid.status == "succeeded"
    assert (await lab.sandbox.counts(payment_id=paid.payment_id))["charges"] == {"total": 1, "succeeded": 1}


async def test_an_answer_that_is_lost_each_time_is_found_out_later(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.drop_next_answers(ALL_TRIES)
    unknown = await lab.pay(order, VISA, idempotency_key="k-lost")
    assert unknown.status == "processing"
    counts = await lab.sandbox.counts(payment_id=unknown.payment_id)
    assert counts["amount_captured"] == 5998  # though nobody here knows
    assert await lab.published(order) == {}
    assert await lab.reconcile() == 0  # it is left to whoever began it, for a while
    await lab.reconcile(past=SOON)
    assert (await lab.payment(unknown.payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]
    assert (await lab.sandbox.counts(payment_id=unknown.payment_id))["payment_intents"]["total"] == 1
    assert await lab.pay(order, VISA, idempotency_key="k-lost") == unknown


@pytest.mark.parametrize(
    ("method", "status", "news"),
    [
        (VISA, Status.SUCCEEDED, {"PAYMENT_CONFIRMED": 1}),
        (DECLINED, Status.FAILED, {"PAYMENT_FAILED": 1}),
        (CHALLENGED, Status.REQUIRES_ACTION, {"PAYMENT_REQUIRES_ACTION": 1}),
    ],
)
async def test_a_process_that_dies_before_it_has_written_the_outcome(
    lab: Lab, dying: pytest.MonkeyPatch, method: str, status: Status, news: dict[str, int]
) -> None:
    order = lab.orders.place()
    with pytest.raises(Died):
        await lab.pay(order, method, idempotency_key=f"k-died-{method}")
    dying.undo()
    payment = await lab.only_payment_of(order)
    assert (payment.status, payment.provider_reference) == (Status.PROCESSING, None)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(payment.id)).status is status
    assert await lab.published(order) == news
    assert (await lab.sandbox.counts(payment_id=str(payment.id)))["payment_intents"]["total"] == 1
    repeated = await lab.pay(order, method, idempotency_key=f"k-died-{method}")
    assert (repeated.payment_id, repeated.status) == (str(payment.id), status)
    assert bool(repeated.client_secret) is (status is Status.REQUIRES_ACTION)


async def test_a_process_that_dies_before_it_has_written_a_refusal(lab: Lab, dying: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    with pytest.raises(Died):
        await lab.pay(order, "pm_unheard_of", idempotency_key="k-died-refused")
    dying.undo()
    await lab.reconcile(past=SOON)
    assert (await lab.only_payment_of(order)).status is Status.FAILED
    assert await lab.published(order) == {}
    with pytest.raises(PaymentMethodRefused):
        await lab.pay(order, "pm_unheard_of", idempotency_key="k-died-refused")
    assert (await lab.pay(order, VISA)).status == "succeeded"


async def test_a_key_that_stripe_has_forgotten_is_not_used_again(lab: Lab, dying: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    with pytest.raises(Died):
        await lab.pay(order, VISA)
    dying.undo()
    await lab.sandbox.forget_keys()
    await lab.reconcile(past=A_DAY)
    payment = await lab.only_payment_of(order)
    assert payment.status is Status.SUCCEEDED
    assert (await lab.sandbox.counts(payment_id=str(payment.id)))["charges"] == {"total": 1, "succeeded": 1}


async def test_a_request_that_never_reached_stripe_within_a_day_has_failed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lab.orders.place()

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", away)
        assert (await lab.pay(order)).status == "processing"
    await lab.reconcile(past=A_DAY)
    payment = await lab.only_payment_of(order)
    assert (payment.status, payment.decline_code) == (Status.FAILED, "processing_error")
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}
    assert (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"]["total"] == 0


async def test_a_request_that_never_reached_stripe_is_made_when_stripe_is_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lab.orders.place()

    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", away)
        await lab.pay(order)
        await lab.reconcile(past=SOON)
    payment = await lab.only_payment_of(order)
    assert (payment.status, payment.checks) == (Status.PROCESSING, 1)
    await lab.reconcile(past=AN_HOUR)
    assert (await lab.only_payment_of(order)).status is Status.SUCCEEDED


async def test_stripe_answers_too_slowly(lab: Lab, impatient: StripeProvider) -> None:
    order = lab.orders.place()
    slow = Lab(lab.postgres, impatient, lab.sandbox, orders=lab.orders)
    await lab.sandbox.hold_next_answers(1, ALL_TRIES)
    unknown = await slow.pay(order)
    assert unknown.status == "processing"
    await lab.sandbox.behave()
    await lab.reconcile(past=SOON)
    assert (await lab.payment(unknown.payment_id)).status is Status.SUCCEEDED
    assert (await lab.sandbox.counts(payment_id=unknown.payment_id))["payment_intents"]["total"] == 1


async def test_a_caller_who_goes_away_is_charged_and_written_down(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.control(latency_seconds=0.3)
    caller = asyncio.create_task(lab.pay(order, idempotency_key="k-gone"))
    await lab.until_begun(order)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    await lab.until_settled(order)
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert (await lab.pay(order, idempotency_key="k-gone")).status == "succeeded"


async def test_a_caller_in_a_hurry_learns_that_it_is_processed(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.sandbox.control(latency_seconds=1)

    async def hurry() -> str:
        deadlines.enter(asyncio.get_running_loop().time() + 1.5)
        return (await lab.pay(order, idempotency_key="k-hurry")).status

    assert await asyncio.create_task(hurry()) == "processing"
    await lab.until_settled(order)
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert (await lab.pay(order, idempotency_key="k-hurry")).status == "processing"  # the first answer


async def test_a_payment_that_takes_its_time(lab: Lab) -> None:
    order = lab.orders.place()
    started = await lab.pay(order, "pm_sandbox_processing")
    assert started.status == "processing"
    assert (await lab.payment(started.payment_id)).provider_reference is not None
    assert await lab.published(order) == {}
    await lab.sandbox.until_captured(started.payment_id)
    await lab.reconcile(past=SOON)
    assert (await lab.payment(started.payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_stripe_does_not_take_our_key(lab: Lab, wrong_key: StripeProvider) -> None:
    order = lab.orders.place()
    with pytest.raises(NotAuthorized):
        await Lab(lab.postgres, wrong_key, lab.sandbox, orders=lab.orders).pay(order, idempotency_key="k-auth")
    assert (await lab.only_payment_of(order)).status is Status.FAILED
    assert await lab.published(order) == {}
    assert (await lab.pay(order, idempotency_key="k-auth")).status == "succeeded"  # nothing stands in the way


async def test_a_stripe_that_fails_again_and_again_is_left_alone(lab: Lab, stripe_sandbox: RealStack) -> None:
    key = SecretStr(stripe_sandbox.secrets.stripe_api_key)
    unreachable = StripeProvider(key, "http://127.0.0.1:9", timeout=5)
    await unreachable.start()
    cut_off = Lab(lab.postgres, unreachable, lab.sandbox, orders=lab.orders)
    open_orders = [lab.orders.place() for _ in range(5)]
    for order in open_orders:
        assert (await cut_off.pay(order)).status == "processing"
    late = lab.orders.place()
    with pytest.raises(NotAsked) as raised:
        await cut_off.pay(late, idempotency_key="k-late")
    assert raised.value.retry_after > timedelta(seconds=30)
    await unreachable.stop()
    assert (await lab.only_payment_of(late)).status is Status.FAILED
    assert await lab.published(late) == {}
    assert (await lab.pay(late, idempotency_key="k-late")).status == "succeeded"  # nothing stands in the way
    await lab.reconcile(past=SOON)
    for order in open_orders:
        assert (await lab.only_payment_of(order)).status is Status.SUCCEEDED
        assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}


async def test_a_return_address_that_has_changed_since(lab: Lab, dying: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    with pytest.raises(Died):
        await lab.pay(order, CHALLENGED)
    dying.undo()
    await lab.postgres.execute(
        "UPDATE payments SET return_url = 'http://127.0.0.1:3000/new' WHERE order_id = $1", order.id
    )
    await lab.reconcile(past=SOON)  # refused under the key, so it is searched for
    payment = await lab.only_payment_of(order)
    assert payment.status is Status.REQUIRES_ACTION
    assert (await lab.sandbox.counts(payment_id=str(payment.id)))["payment_intents"]["total"] == 1


async def test_a_challenge_that_nobody_finishes_ends_in_time(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    intent_id = str((await lab.payment(waiting.payment_id)).provider_reference)
    await lab.reconcile(past=timedelta(minutes=14))
    assert (await lab.payment(waiting.payment_id)).status is Status.REQUIRES_ACTION
    await lab.reconcile(past=timedelta(minutes=2))
    ended = await lab.payment(waiting.payment_id)
    assert (ended.status, ended.error_code, ended.check_at) == (Status.CANCELLED, "abandoned", None)
    assert (await lab.sandbox.intent(intent_id))["status"] == "canceled"
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}


async def test_a_challenge_that_is_passed_at_the_last_moment_pays(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    await lab.sandbox.pass_challenge(str((await lab.payment(waiting.payment_id)).provider_reference))
    await lab.reconcile(past=timedelta(minutes=16))  # cancelling is refused
    assert (await lab.payment(waiting.payment_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}


async def test_a_customer_who_pays_after_all_gets_it_back(lab: Lab) -> None:
    """With the client secret another card can be tried, until the intent is closed."""
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    intent_id = str((await lab.payment(waiting.payment_id)).provider_reference)
    await lab.sandbox.pass_challenge(intent_id, "fail")
    await lab.confirm((await lab.only_payment_of(order)).id, order.user_id)
    await lab.sandbox.confirm_by_customer(intent_id, VISA)
    await lab.reconcile()  # closing it comes too late
    payment = await lab.payment(waiting.payment_id)
    assert (payment.status, payment.late) == (Status.REFUNDED, True)
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04"), ("refund", "59.98")]
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1, "PAYMENT_REFUNDED": 1}
    counts = await lab.sandbox.counts(payment_id=waiting.payment_id)
    assert (counts["amount_captured"], counts["amount_refunded"]) == (5998, 5998)


async def test_a_fee_that_is_known_later_is_booked_later(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    order = lab.orders.place()
    ask = StripeProvider.ask

    async def without_settlement(self: StripeProvider, payment: Payment) -> Charge:
        return replace(await ask(self, payment), settlement=None)

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", without_settlement)
        paid = await lab.pay(order)
    assert (paid.status, await lab.ledger(order)) == ("succeeded", [("capture", "59.98")])
    await lab.reconcile(past=SOON)
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]
    assert (await lab.payment(paid.payment_id)).check_at is None


async def test_each_request_to_charge_is_written_down_with_what_came_of_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OutcomeUnknown

    with monkeypatch.context() as patched:
        patched.setattr(StripeProvider, "ask", away)
        unknown = await lab.pay(lab.orders.place())
        await lab.reconcile(past=SOON)
    await lab.reconcile(past=SOON)
    written = [(one["attempt_number"], one["status"]) for one in await lab.attempts(unknown.payment_id)]
    assert written == [(1, "unknown"), (2, "unknown"), (3, "succeeded")]


async def test_one_that_is_still_processing_was_an_attempt_too(lab: Lab) -> None:
    started = await lab.pay(lab.orders.place(), "pm_sandbox_processing")
    await lab.sandbox.until_captured(started.payment_id)
    await lab.reconcile(past=SOON)
    await lab.reconcile(past=SOON)
    written = [one["status"] for one in await lab.attempts(started.payment_id)]
    assert written == ["processing", "succeeded"]


async def test_attempts_hold_neither_card_nor_secret(lab: Lab) -> None:
    for method in (VISA, DECLINED, CHALLENGED):
        payment = await lab.pay(lab.orders.place(), method)
        (attempt,) = await lab.attempts(payment.payment_id)
        response = attempt["provider_response"]
        assert "pi_" in response
        assert not any(word in response for word in ("_secret_", "4242", "last4", "fingerprint", "brand", "exp_"))
