"""CreateRefund and ListRefunds: for staff alone; never more than was captured; changes neither order nor stock."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.support import (
    Metadata,
    SignedIn,
    bad_tokens,
    bearer,
    contents,
    fields,
    refused,
    service_token,
    user_token,
)
from tests.support.real_stack import RealStack

Stub = payment_pb2_grpc.PaymentServiceStub


def refund(payment_id: str, amount: float | None = None, **more: Any) -> payment_pb2.CreateRefundRequest:
    return payment_pb2.CreateRefundRequest(id=payment_id, amount=amount, **more)


def every_rpc(payments: Stub, payment_id: str) -> list[Callable[..., Awaitable[Any]]]:
    return [
        lambda **how: payments.CreateRefund(refund(payment_id, 1.0), **how),
        lambda **how: payments.ListRefunds(payment_pb2.ListRefundsRequest(id=payment_id), **how),
    ]


def keyed(person: SignedIn) -> Metadata:
    return (*person.metadata, ("idempotency-key", f"refund-{uuid.uuid4().hex}"))


@pytest.fixture
async def paid(payments: Stub, place_order: PlaceOrder, ada: SignedIn) -> payment_pb2.Payment:
    """A payment of 29.99 USD of Ada's that succeeded."""
    request = payment_pb2.CreatePaymentRequest(order_id=await place_order(ada), payment_method_id="pm_card_visa")
    payment: payment_pb2.Payment = await payments.CreatePayment(request, metadata=ada.metadata)
    assert payment.status == "succeeded"
    return payment


async def test_a_part_and_then_what_is_left(
    payments: Stub, staff: SignedIn, ada: SignedIn, paid: payment_pb2.Payment
) -> None:
    part = await payments.CreateRefund(refund(paid.payment_id, 12.34, reason="a dent"), metadata=staff.metadata)
    assert (part.payment_id, part.amount, part.currency, part.status, part.reason) == (
        paid.payment_id,
        "12.34",
        "USD",
        "succeeded",
        "a dent",
    )
    assert part.HasField("created_at")
    assert not part.HasField("failure_code")
    get = payment_pb2.GetPaymentRequest(id=paid.payment_id)
    assert (await payments.GetPayment(get, metadata=ada.metadata)).status == "partially_refunded"
    rest = await payments.CreateRefund(refund(paid.payment_id), metadata=staff.metadata)
    assert rest.amount == "17.65"
    assert (await payments.GetPayment(get, metadata=ada.metadata)).status == "refunded"
    listed = await payments.ListRefunds(payment_pb2.ListRefundsRequest(id=paid.payment_id), metadata=staff.metadata)
    assert list(listed.refunds) == [rest, part]
    assert listed.next_page_token == ""


async def test_more_than_is_left_names_the_field_and_what_is_left(
    payments: Stub, stack: RealStack, staff: SignedIn, paid: payment_pb2.Payment
) -> None:
    await payments.CreateRefund(refund(paid.payment_id, 17.65), metadata=staff.metadata)
    watched = (f"(SELECT * FROM refunds WHERE payment_id = '{paid.payment_id}')", "idempotency_keys")
    before = await contents(stack, "payment", watched)
    refusal = await refused(payments.CreateRefund(refund(paid.payment_id, 12.35), metadata=keyed(staff)))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REFUND_TOO_LARGE")
    assert [(violation.field, violation.description) for violation in refusal.violations] == [
        ("amount", "at most 12.34 USD is left to refund")
    ]
    assert await contents(stack, "payment", watched) == before


async def test_what_took_no_money_has_none_to_give_back(
    payments: Stub, stack: RealStack, place_order: PlaceOrder, staff: SignedIn, ada: SignedIn
) -> None:
    request = payment_pb2.CreatePaymentRequest(
        order_id=await place_order(ada), payment_method_id="pm_card_visa_chargeDeclined"
    )
    declined = await payments.CreatePayment(request, metadata=ada.metadata)
    refusal = await refused(payments.CreateRefund(refund(declined.payment_id), metadata=staff.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_REFUNDABLE")
    assert await refunds_in(stack, declined.payment_id) == "[]"


async def test_nobody_but_staff(
    payments: Stub, stack: RealStack, ada: SignedIn, bob: SignedIn, paid: payment_pb2.Payment
) -> None:
    denied = {
        "its owner": ada.metadata,
        "somebody else": bob.metadata,
        "somebody with another role": bearer(user_token(stack, ada.id, roles=["support"])),
    }
    for who, metadata in denied.items():
        for rpc in every_rpc(payments, paid.payment_id):
            refusal = await refused(rpc(metadata=metadata))
            assert refusal.code is grpc.StatusCode.PERMISSION_DENIED, who
    tokens = {**bad_tokens(stack, ada.id), "the order service's": service_token(stack, "order")}
    for what, metadata in {"nobody": (), **{what: bearer(token) for what, token in tokens.items()}}.items():
        for rpc in every_rpc(payments, paid.payment_id):
            refusal = await refused(rpc(metadata=metadata))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
    assert await refunds_in(stack, paid.payment_id) == "[]"


@pytest.mark.usefixtures("unchanged")
async def test_an_unknown_payment_is_not_found(payments: Stub, staff: SignedIn) -> None:
    for rpc in every_rpc(payments, str(uuid.uuid4())):
        refusal = await refused(rpc(metadata=staff.metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "42"}, "id"),
        ({"amount": 0.0}, "amount"),
        ({"amount": -1.0}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": float("inf")}, "amount"),
        ({"amount": 1.001}, "amount"),
        ({"amount": 1e12}, "amount"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
    ],
)
async def test_what_is_wrong_is_named(
    payments: Stub, stack: RealStack, staff: SignedIn, paid: payment_pb2.Payment, changes: dict[str, Any], field: str
) -> None:
    request = payment_pb2.CreateRefundRequest(**{"id": paid.payment_id, **changes})
    refusal = await refused(payments.CreateRefund(request, metadata=staff.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
    assert await refunds_in(stack, paid.payment_id) == "[]"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"id": "42"}, "id"), ({"page_size": -1}, "pageSize"), ({"page_token": "nonsense"}, "pageToken")],
)
async def test_what_is_wrong_with_a_list_is_named(
    payments: Stub, staff: SignedIn, paid: payment_pb2.Payment, changes: dict[str, Any], field: str
) -> None:
    request = payment_pb2.ListRefundsRequest(**{"id": paid.payment_id, **changes})
    refusal = await refused(payments.ListRefunds(request, metadata=staff.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}


async def test_a_repeat_gets_the_first_answer_and_gives_nothing_back(
    payments: Stub, stack: RealStack, staff: SignedIn, paid: payment_pb2.Payment
) -> None:
    metadata = keyed(staff)
    first = await payments.CreateRefund(refund(paid.payment_id, 10), metadata=metadata)
    assert await payments.CreateRefund(refund(paid.payment_id, 10), metadata=metadata) == first
    before = await refunds_in(stack, paid.payment_id)
    refusal = await refused(payments.CreateRefund(refund(paid.payment_id, 11), metadata=metadata))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert await refunds_in(stack, paid.payment_id) == before


async def test_pages(payments: Stub, staff: SignedIn, paid: payment_pb2.Payment) -> None:
    made = [
        (await payments.CreateRefund(refund(paid.payment_id, 1 + number), metadata=staff.metadata)).id
        for number in range(3)
    ]
    seen, token = [], ""
    while True:
        request = payment_pb2.ListRefundsRequest(id=paid.payment_id, page_size=2, page_token=token)
        page = await payments.ListRefunds(request, metadata=staff.metadata)
        seen += [one.id for one in page.refunds]
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]


async def refunds_in(stack: RealStack, payment_id: str) -> str:
    """The refunds of a payment, as they are stored."""
    (found,) = (
        await contents(stack, "payment", (f"(SELECT id, amount FROM refunds WHERE payment_id = '{payment_id}')",))
    ).values()
    return found
