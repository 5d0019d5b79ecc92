"""CreatePayment: who may pay what, and what is answered."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import grpc
import httpx
import pytest

from argosy.order.v1 import order_pb2, order_pb2_grpc
from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.payment.stripe_side import StripeSide
from tests.contract.support import SignedIn, bad_tokens, bearer, fields, refused, service_token
from tests.support.real_stack import RealStack
from tests.support.shop import until

Stub = payment_pb2_grpc.PaymentServiceStub
VISA = "pm_card_visa"
DECLINED = "pm_card_visa_chargeDeclinedInsufficientFunds"
CHALLENGED = "pm_card_authenticationRequired"


def pay(order_id: str, method: str = VISA, **stated: Any) -> payment_pb2.CreatePaymentRequest:
    return payment_pb2.CreatePaymentRequest(order_id=order_id, payment_method_id=method, **stated)


def keyed(person: SignedIn, key: str) -> tuple[tuple[str, str], ...]:
    return (*person.metadata, ("idempotency-key", key))


@pytest.fixture
async def order_id(place_order: PlaceOrder, ada: SignedIn) -> str:
    """A pending order of Ada's, of 29.99 USD."""
    return await place_order(ada)


async def order_comes_to(orders: order_pb2_grpc.OrderServiceStub, person: SignedIn, order_id: str, status: str) -> None:
    async def look() -> str:
        order: order_pb2.Order = await orders.GetOrder(order_pb2.GetOrderRequest(id=order_id), metadata=person.metadata)
        return order.status

    await until(look, lambda seen: seen == status, f"the order to be {status}")


async def test_a_good_card_pays_the_order(
    payments: Stub, orders: order_pb2_grpc.OrderServiceStub, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    call = payments.CreatePayment(pay(order_id, amount=29.99, currency="usd"), metadata=ada.metadata)
    paid = await call
    assert (paid.status, paid.amount, paid.currency, paid.order_id) == ("succeeded", "29.99", "USD", order_id)
    assert not paid.HasField("client_secret")
    assert dict(await call.initial_metadata())["x-http-code"] == "201"
    counts = await stripe.counts(order_id=order_id)
    assert (counts["payment_intents"]["total"], counts["amount_captured"]) == (1, 2999)
    await order_comes_to(orders, ada, order_id, "confirmed")


async def test_a_declined_card_is_an_answer_and_ends_the_order(
    payments: Stub, orders: order_pb2_grpc.OrderServiceStub, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    declined = await payments.CreatePayment(pay(order_id, DECLINED), metadata=ada.metadata)
    assert (declined.status, declined.decline_code) == ("failed", "insufficient_funds")
    refusal = await refused(payments.CreatePayment(pay(order_id), metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_NOT_PAYABLE")
    await order_comes_to(orders, ada, order_id, "cancelled")
    assert (await stripe.counts(order_id=order_id))["amount_captured"] == 0


async def test_a_challenge_is_handed_on(payments: Stub, ada: SignedIn, order_id: str) -> None:
    waiting = await payments.CreatePayment(pay(order_id, CHALLENGED), metadata=ada.metadata)
    assert (waiting.status, waiting.requires_action) == ("requires_action", True)
    assert waiting.client_secret.startswith("pi_")
    refusal = await refused(payments.CreatePayment(pay(order_id), metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_IN_PROGRESS")


async def test_an_order_is_paid_once(payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str) -> None:
    await payments.CreatePayment(pay(order_id), metadata=ada.metadata)
    refusal = await refused(payments.CreatePayment(pay(order_id), metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_PAID")
    assert (await stripe.counts(order_id=order_id))["charges"]["total"] == 1


@pytest.mark.usefixtures("unchanged")
async def test_nobody_pays_without_a_good_token(
    payments: Stub, stack: RealStack, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    assert (await refused(payments.CreatePayment(pay(order_id)))).code is grpc.StatusCode.UNAUTHENTICATED
    tokens = {**bad_tokens(stack, ada.id), "the order service's": service_token(stack, "order")}
    for what, token in tokens.items():
        refusal = await refused(payments.CreatePayment(pay(order_id), metadata=bearer(token)))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
    assert not await stripe.asked_for(order_id)


@pytest.mark.usefixtures("unchanged")
async def test_an_order_of_somebody_else_is_as_unknown_as_one_that_is_not(
    payments: Stub, stripe: StripeSide, ada: SignedIn, bob: SignedIn, staff: SignedIn, order_id: str
) -> None:
    unknown = await refused(payments.CreatePayment(pay(str(uuid.uuid4())), metadata=ada.metadata))
    assert (unknown.code, unknown.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    for other in (bob, staff):
        refusal = await refused(payments.CreatePayment(pay(order_id), metadata=other.metadata))
        assert (refusal.code, refusal.reason, refusal.message) == (unknown.code, unknown.reason, unknown.message)
    assert not await stripe.asked_for(order_id)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"order_id": ""}, "orderId"),
        ({"order_id": "42"}, "orderId"),
        ({"payment_method_id": ""}, "paymentMethodId"),
        ({"payment_method_id": "4242424242424242"}, "paymentMethodId"),
        ({"payment_method_id": "pm_card visa"}, "paymentMethodId"),
        ({"payment_method_id": "pm_card_visa\0"}, "paymentMethodId"),
        ({"amount": 0}, "amount"),
        ({"amount": -29.99}, "amount"),
        ({"amount": 29.991}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": float("inf")}, "amount"),
        ({"amount": 1e300}, "amount"),
        ({"amount": 30.0}, "amount"),
        ({"currency": "us"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"currency": "EUR"}, "currency"),
        ({"customer_id": ""}, "customerId"),
        ({"customer_id": "cus_/../"}, "customerId"),
        ({"customer_id": "cus_unheard0f"}, "customerId"),
    ],
)
async def test_what_is_wrong_is_named(
    payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str, wrong: dict[str, Any], field: str
) -> None:
    request = pay(order_id)
    for name, value in wrong.items():
        setattr(request, name, value)
    refusal = await refused(payments.CreatePayment(request, metadata=ada.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
    assert not await stripe.asked_for(order_id)


@pytest.mark.usefixtures("unchanged")
async def test_a_price_that_differs_is_refused_with_the_right_one(payments: Stub, ada: SignedIn, order_id: str) -> None:
    request = pay(order_id, amount=30.0, currency="EUR")
    refusal = await refused(payments.CreatePayment(request, metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "DIFFERS_FROM_ORDER")
    assert [tuple(violation) for violation in refusal.violations] == [
        ("amount", "must be the order's total, 29.99"),
        ("currency", "must be the order's, USD"),
    ]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_that_is_none_is_named(payments: Stub, ada: SignedIn, order_id: str, key: str) -> None:
    refusal = await refused(payments.CreatePayment(pay(order_id), metadata=keyed(ada, key)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fields(refusal) == ["Idempotency-Key"]


async def test_a_payment_method_that_stripe_does_not_know_leaves_the_order_payable(
    payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    refusal = await refused(payments.CreatePayment(pay(order_id, "pm_unheard_of"), metadata=ada.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAYMENT_METHOD_REFUSED")
    assert fields(refusal) == ["paymentMethodId"]
    assert not await stripe.asked_for(order_id)
    assert (await payments.CreatePayment(pay(order_id), metadata=ada.metadata)).status == "succeeded"


@pytest.mark.parametrize("method", [VISA, DECLINED, CHALLENGED])
async def test_a_repeat_gets_the_first_answer(
    payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str, method: str
) -> None:
    key = str(uuid.uuid4())
    first = await payments.CreatePayment(pay(order_id, method), metadata=keyed(ada, key))
    assert await payments.CreatePayment(pay(order_id, method), metadata=keyed(ada, key)) == first
    assert (await stripe.counts(order_id=order_id))["payment_intents"]["total"] == 1


async def test_other_content_under_a_key_is_refused(
    payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    key = str(uuid.uuid4())
    await payments.CreatePayment(pay(order_id, CHALLENGED), metadata=keyed(ada, key))
    refusal = await refused(payments.CreatePayment(pay(order_id, VISA), metadata=keyed(ada, key)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_MISMATCH")
    assert (await stripe.counts(order_id=order_id))["payment_intents"]["total"] == 1


async def test_as_many_at_once_with_one_key_as_may_be_in_flight(
    payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str
) -> None:
    key = str(uuid.uuid4())
    answers = await asyncio.gather(
        *(payments.CreatePayment(pay(order_id), metadata=keyed(ada, key)) for _ in range(24))
    )
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].status == "succeeded"
    counts = await stripe.counts(order_id=order_id)
    assert (counts["payment_intents"]["total"], counts["charges"]["total"]) == (1, 1)


async def test_twenty_at_once_without_a_key(payments: Stub, stripe: StripeSide, ada: SignedIn, order_id: str) -> None:
    outcomes = await asyncio.gather(
        *(payments.CreatePayment(pay(order_id), metadata=ada.metadata) for _ in range(20)), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert {refusal.code() for refusal in refusals} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert len(refusals) == 19
    assert (await stripe.counts(order_id=order_id))["charges"]["total"] == 1


async def test_payments_are_counted_by_what_became_of_them(
    payments: Stub, stack: RealStack, ada: SignedIn, order_id: str
) -> None:
    async def counted() -> float:
        async with httpx.AsyncClient() as http:
            metrics = (await http.get(stack.admin_url("payment") + "/metrics")).text
        wanted = 'payments_total{provider="stripe",status="succeeded"}'
        return sum(float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(wanted))

    before = await counted()
    await payments.CreatePayment(pay(order_id), metadata=ada.metadata)
    assert await counted() >= before + 1
