"""Paying for an order, as the caller sees it and as it is stored."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from services.chassis.plain.errors import IdempotencyMismatch
from services.chassis.plain.money import Money
from services.payment.domain.charges import Challenge
from services.payment.domain.orders import AlreadyPaid, DiffersFromOrder, Order, OrderNotFound, OrderNotPayable
from services.payment.domain.payments import CustomerRefused, PaymentInProgress, PaymentMethodRefused, Status
from tests.integration.payment.lab import CHALLENGED, DECLINED, RETURN_URL, VISA, Lab


async def nothing_happened(lab: Lab, order: Order) -> bool:
    intents = (await lab.sandbox.counts(order_id=str(order.id)))["payment_intents"]["total"]
    return not intents and not await lab.payments_of(order) and not await lab.published(order)


async def test_a_good_card_pays(lab: Lab) -> None:
    order = lab.orders.place()
    paid = await lab.pay(order, stated_amount=Decimal("59.98"), stated_currency="USD")
    assert (paid.status, paid.amount, paid.currency, paid.order_id) == ("succeeded", "59.98", "USD", str(order.id))
    assert not paid.HasField("requires_action")
    assert paid.HasField("processed_at")
    assert await lab.published(order) == {"PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]
    payment = await lab.payment(paid.payment_id)
    assert (payment.provider_fee, payment.net_amount, payment.check_at) == (Money(204, "USD"), Money(5794, "USD"), None)
    (attempt,) = await lab.attempts(paid.payment_id)
    assert (attempt["attempt_number"], attempt["status"]) == (1, "succeeded")
    counts = await lab.sandbox.counts(payment_id=paid.payment_id)
    assert (counts["payment_intents"], counts["amount_captured"]) == ({"total": 1, "succeeded": 1}, 5998)


async def test_stripe_gets_the_ids_of_order_and_payment(lab: Lab) -> None:
    paid = await lab.pay(lab.orders.place())
    payment = await lab.payment(paid.payment_id)
    intent = await lab.sandbox.intent(str(payment.provider_reference))
    assert intent["metadata"] == {"order_id": paid.order_id, "payment_id": paid.payment_id}


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (DECLINED, "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
async def test_a_declined_card_ends_payment_and_order(lab: Lab, method: str, code: str) -> None:
    order = lab.orders.place()
    declined = await lab.pay(order, method)
    assert (declined.status, declined.decline_code) == ("failed", code)
    assert await lab.published(order) == {"PAYMENT_FAILED": 1}
    assert await lab.ledger(order) == []
    with pytest.raises(OrderNotPayable):  # though the order service has not heard of it yet
        await lab.pay(order, VISA)
    assert (await lab.sandbox.counts(order_id=str(order.id)))["amount_captured"] == 0


async def test_nobody_can_pay_through_a_declined_intent_afterwards(lab: Lab) -> None:
    declined = await lab.pay(lab.orders.place(), DECLINED)
    await lab.reconcile()
    payment = await lab.payment(declined.payment_id)
    assert (payment.status, payment.check_at) == (Status.FAILED, None)
    assert (await lab.sandbox.intent(str(payment.provider_reference)))["status"] == "canceled"


async def test_a_challenge_is_passed_on_and_confirmed(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    assert (waiting.status, waiting.requires_action) == ("requires_action", True)
    payment = await lab.payment(waiting.payment_id)
    intent = await lab.sandbox.intent(str(payment.provider_reference))
    assert waiting.client_secret == intent["client_secret"]
    assert intent["next_action"]["redirect_to_url"]["return_url"] == RETURN_URL
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1}

    still = await lab.confirm(payment.id, order.user_id)
    page = intent["next_action"]["redirect_to_url"]["url"]
    assert (still.status, still.challenge) == (Status.REQUIRES_ACTION, Challenge(intent["client_secret"], page))
    await lab.sandbox.pass_challenge(str(payment.provider_reference))
    done = await lab.confirm(payment.id, order.user_id)
    assert done.status is Status.SUCCEEDED
    assert (await lab.confirm(payment.id, order.user_id)).status is Status.SUCCEEDED
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_CONFIRMED": 1}
    assert await lab.ledger(order) == [("capture", "59.98"), ("fee", "2.04")]


async def test_a_failed_challenge_ends_payment_and_order(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED)
    intent_id = str((await lab.payment(waiting.payment_id)).provider_reference)
    await lab.sandbox.pass_challenge(intent_id, "fail")
    failed = await lab.confirm((await lab.only_payment_of(order)).id, order.user_id)
    assert (failed.status, failed.decline_code) == (Status.FAILED, "payment_intent_authentication_failure")
    assert await lab.published(order) == {"PAYMENT_REQUIRES_ACTION": 1, "PAYMENT_FAILED": 1}
    await lab.reconcile()
    assert (await lab.sandbox.intent(intent_id))["status"] == "canceled"


async def test_no_secret_and_no_card_is_stored(lab: Lab) -> None:
    order = lab.orders.place()
    waiting = await lab.pay(order, CHALLENGED, idempotency_key="k-secret")
    await lab.pay(lab.orders.place(), VISA)
    stored = await lab.everything()
    assert waiting.payment_id in stored
    for word in (waiting.client_secret, waiting.challenge_url, "_secret_", "last4", "exp_month"):
        assert word not in stored
    for digits in ("4242", "3184"):  # not as a part of a random id
        assert not re.search(f"(?<![0-9a-f]){digits}(?![0-9a-f])", stored)


async def test_an_unknown_payment_method_leaves_the_order_payable(lab: Lab) -> None:
    order = lab.orders.place()
    with pytest.raises(PaymentMethodRefused):
        await lab.pay(order, "pm_unheard_of", idempotency_key="k-unheard")
    assert (await lab.only_payment_of(order)).status is Status.FAILED
    assert await lab.published(order) == {}
    with pytest.raises(PaymentMethodRefused):  # the first answer, not another try
        await lab.pay(order, "pm_unheard_of", idempotency_key="k-unheard")
    assert len(await lab.payments_of(order)) == 1
    assert (await lab.pay(order, VISA)).status == "succeeded"


async def test_an_amount_that_stripe_does_not_take(lab: Lab) -> None:
    order = lab.orders.place(total_minor=10)
    with pytest.raises(OrderNotPayable):
        await lab.pay(order)
    assert await lab.published(order) == {}


async def test_a_stated_amount_that_differs_is_refused(lab: Lab) -> None:
    order = lab.orders.place()
    with pytest.raises(DiffersFromOrder):
        await lab.pay(order, stated_amount=Decimal("59.99"))
    with pytest.raises(DiffersFromOrder):
        await lab.pay(order, stated_currency="EUR")
    assert await nothing_happened(lab, order)


async def test_an_order_of_somebody_else_is_unknown(lab: Lab) -> None:
    order, other = lab.orders.place(), lab.orders.place()
    with pytest.raises(OrderNotFound):
        await lab.pay(order, user_id=other.user_id)
    with pytest.raises(OrderNotFound):
        await lab.pay(order, order_id=other.user_id)
    assert await nothing_happened(lab, order)


@pytest.mark.parametrize(("status", "error"), [("cancelled", OrderNotPayable), ("confirmed", AlreadyPaid)])
async def test_an_order_that_is_not_pending(lab: Lab, status: str, error: type[Exception]) -> None:
    order = lab.orders.place(status=status)
    with pytest.raises(error):
        await lab.pay(order, idempotency_key=f"k-{status}")
    assert await nothing_happened(lab, order)
    lab.orders.move(order, "pending")
    assert (await lab.pay(order, idempotency_key=f"k-{status}")).status == "succeeded"  # the key was not used up


async def test_an_order_is_paid_once(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order)
    with pytest.raises(AlreadyPaid):
        await lab.pay(order)
    assert (await lab.sandbox.counts(order_id=str(order.id)))["amount_captured"] == 5998


async def test_an_order_that_is_being_paid(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order, CHALLENGED)
    with pytest.raises(PaymentInProgress):
        await lab.pay(order)
    assert len(await lab.payments_of(order)) == 1


async def test_a_customer_must_be_ones_own(lab: Lab) -> None:
    order = lab.orders.place()
    others = await lab.sandbox.make_customer(lab.orders.place().user_id)
    for customer_id in (others, "cus_unheard0f"):
        with pytest.raises(CustomerRefused):
            await lab.pay(order, customer_id=customer_id)
    assert await nothing_happened(lab, order)
    own = await lab.sandbox.make_customer(order.user_id)
    paid = await lab.pay(order, customer_id=own)
    intent = await lab.sandbox.intent(str((await lab.payment(paid.payment_id)).provider_reference))
    assert (paid.status, intent["customer"]) == ("succeeded", own)


@pytest.mark.parametrize("method", [VISA, DECLINED, CHALLENGED])
async def test_a_repeat_gets_the_first_answer(lab: Lab, method: str) -> None:
    order = lab.orders.place()
    first = await lab.pay(order, method, idempotency_key=f"k-{method}")
    lab.orders.move(order, "cancelled")
    await lab.end_order(order)
    assert await lab.pay(order, method, idempotency_key=f"k-{method}") == first
    assert len(await lab.payments_of(order)) == 1


async def test_a_key_with_other_content(lab: Lab) -> None:
    order = lab.orders.place()
    await lab.pay(order, VISA, idempotency_key="k-other")
    with pytest.raises(IdempotencyMismatch):
        await lab.pay(order, DECLINED, idempotency_key="k-other")
    assert len(await lab.payments_of(order)) == 1


async def test_a_key_of_somebody_else_is_another_key(lab: Lab) -> None:
    mine, theirs = lab.orders.place(), lab.orders.place()
    first = await lab.pay(mine, idempotency_key="k-shared")
    second = await lab.pay(theirs, idempotency_key="k-shared")
    assert first.payment_id != second.payment_id
