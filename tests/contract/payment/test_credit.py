"""GrantCredit, GetCredit and ListCreditEntries, and payments and refunds that use store credit."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.payment.stripe_side import StripeSide
from tests.contract.support import Metadata, SignedIn, bad_tokens, bearer, contents, fields, refused, sign_up
from tests.support.real_stack import RealStack

Stub = payment_pb2_grpc.PaymentServiceStub
Call = Callable[..., Awaitable[Any]]


@pytest.fixture
async def cora(stack: RealStack) -> SignedIn:
    """Somebody without any credit."""
    return await sign_up(stack)


def grant(user_id: str, **changes: Any) -> payment_pb2.GrantCreditRequest:
    body = {"user_id": user_id, "amount": 100.0, "currency": "usd", "reason": "a late parcel", **changes}
    return payment_pb2.GrantCreditRequest(**body)


def keyed(person: SignedIn) -> Metadata:
    return (*person.metadata, ("idempotency-key", f"credit-{uuid.uuid4().hex}"))


async def balances(payments: Stub, person: SignedIn, user_id: str | None = None) -> list[tuple[str, str]]:
    credit = await payments.GetCredit(payment_pb2.GetCreditRequest(user_id=user_id), metadata=person.metadata)
    return [(one.amount, one.currency) for one in credit.balances]


async def entries_in(stack: RealStack, user_id: str) -> str:
    (found,) = (
        await contents(stack, "payment", (f"(SELECT id FROM credit_entries WHERE user_id = '{user_id}')",))
    ).values()
    return found


async def test_a_grant_is_on_the_balance_once(payments: Stub, staff: SignedIn, cora: SignedIn) -> None:
    assert await balances(payments, cora) == []
    metadata = keyed(staff)
    first = await payments.GrantCredit(grant(cora.id), metadata=metadata)
    assert (first.user_id, first.kind, first.amount, first.currency, first.reason, first.granted_by) == (
        cora.id,
        "grant",
        "100.00",
        "USD",
        "a late parcel",
        staff.id,
    )
    assert await payments.GrantCredit(grant(cora.id), metadata=metadata) == first
    refusal = await refused(payments.GrantCredit(grant(cora.id, amount=101.0), metadata=metadata))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    await payments.GrantCredit(grant(cora.id, amount=500.0, currency="JPY"), metadata=staff.metadata)
    assert await balances(payments, cora) == [("500", "JPY"), ("100.00", "USD")]
    assert await balances(payments, staff, cora.id) == [("500", "JPY"), ("100.00", "USD")]


async def test_entries_in_pages_without_who_granted_them(payments: Stub, staff: SignedIn, cora: SignedIn) -> None:
    made = [await payments.GrantCredit(grant(cora.id, amount=one), metadata=staff.metadata) for one in (1.0, 2.0, 3.0)]
    request = payment_pb2.ListCreditEntriesRequest(page_size=2)
    page = await payments.ListCreditEntries(request, metadata=cora.metadata)
    assert [one.id for one in page.entries] == [made[2].id, made[1].id]
    assert [one.reason for one in page.entries] == ["a late parcel"] * 2
    assert not any(one.HasField("granted_by") for one in page.entries)
    request.page_token = page.next_page_token
    rest = await payments.ListCreditEntries(request, metadata=cora.metadata)
    assert ([one.id for one in rest.entries], rest.next_page_token) == ([made[0].id], "")
    of_cora = payment_pb2.ListCreditEntriesRequest(user_id=cora.id)
    assert list((await payments.ListCreditEntries(of_cora, metadata=staff.metadata)).entries) == made[::-1]


async def test_only_staff_grant_and_see_others(
    payments: Stub, stack: RealStack, staff: SignedIn, cora: SignedIn, bob: SignedIn
) -> None:
    for person in (cora, bob):
        refusal = await refused(payments.GrantCredit(grant(cora.id), metadata=person.metadata))
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
    reads: list[Call] = [
        lambda **how: payments.GetCredit(payment_pb2.GetCreditRequest(user_id=cora.id), **how),
        lambda **how: payments.ListCreditEntries(payment_pb2.ListCreditEntriesRequest(user_id=cora.id), **how),
    ]
    for read in reads:
        refusal = await refused(read(metadata=bob.metadata))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ONLY_STAFF_SEE_OTHERS_CREDIT")
    calls: list[Call] = [*reads, lambda **how: payments.GrantCredit(grant(cora.id), **how)]
    for token in bad_tokens(stack, staff.id).values():
        for call in calls:
            refusal = await refused(call(metadata=bearer(token)))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    assert await entries_in(stack, cora.id) == "[]"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"user_id": ""}, "userId"),
        ({"user_id": "42"}, "userId"),
        ({"amount": 0.0}, "amount"),
        ({"amount": -1.0}, "amount"),
        ({"amount": float("nan")}, "amount"),
        ({"amount": 1.001}, "amount"),
        ({"amount": 1e15}, "amount"),
        ({"currency": ""}, "currency"),
        ({"currency": "dollars"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
    ],
)
async def test_what_is_wrong_is_named(
    payments: Stub, stack: RealStack, staff: SignedIn, cora: SignedIn, changes: dict[str, Any], field: str
) -> None:
    refusal = await refused(payments.GrantCredit(grant(**{"user_id": cora.id, **changes}), metadata=keyed(staff)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}
    assert await entries_in(stack, cora.id) == "[]"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"user_id": "42"}, "userId"), ({"page_size": -1}, "pageSize"), ({"page_token": "nonsense"}, "pageToken")],
)
async def test_what_is_wrong_with_a_list_is_named(
    payments: Stub, cora: SignedIn, changes: dict[str, Any], field: str
) -> None:
    request = payment_pb2.ListCreditEntriesRequest(**changes)
    refusal = await refused(payments.ListCreditEntries(request, metadata=cora.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {field}


async def test_an_order_is_paid_with_credit_and_stripe_hears_nothing(
    payments: Stub, place_order: PlaceOrder, stripe: StripeSide, staff: SignedIn, cora: SignedIn
) -> None:
    await payments.GrantCredit(grant(cora.id), metadata=staff.metadata)
    order_id = await place_order(cora)
    request = payment_pb2.CreatePaymentRequest(order_id=order_id, payment_method_id="store_credit")
    metadata = keyed(cora)
    paid = await payments.CreatePayment(request, metadata=metadata)
    assert (paid.status, paid.amount, paid.provider) == ("succeeded", "29.99", "store_credit")
    assert await payments.CreatePayment(request, metadata=metadata) == paid
    assert not await stripe.asked_for(order_id)
    assert await balances(payments, cora) == [("70.01", "USD")]
    page = await payments.ListCreditEntries(payment_pb2.ListCreditEntriesRequest(), metadata=cora.metadata)
    assert [(one.kind, one.amount, one.payment_id) for one in page.entries] == [
        ("charge", "29.99", paid.payment_id),
        ("grant", "100.00", ""),
    ]
    read = payment_pb2.GetPaymentRequest(id=paid.payment_id)
    for_staff = await payments.GetPayment(read, metadata=staff.metadata)
    assert (for_staff.provider, for_staff.provider_fee, for_staff.net_amount) == ("store_credit", "0.00", "29.99")


async def test_too_little_credit_is_a_failed_payment_with_a_code(
    payments: Stub, place_order: PlaceOrder, staff: SignedIn, cora: SignedIn
) -> None:
    await payments.GrantCredit(grant(cora.id, amount=29.98), metadata=staff.metadata)
    request = payment_pb2.CreatePaymentRequest(order_id=await place_order(cora), payment_method_id="store_credit")
    failed = await payments.CreatePayment(request, metadata=cora.metadata)
    assert (failed.status, failed.decline_code) == ("failed", "insufficient_credit")
    assert await balances(payments, cora) == [("29.98", "USD")]


async def test_credit_has_no_customer_records(payments: Stub, place_order: PlaceOrder, cora: SignedIn) -> None:
    request = payment_pb2.CreatePaymentRequest(
        order_id=await place_order(cora), payment_method_id="store_credit", customer_id="cus_1"
    )
    refusal = await refused(payments.CreatePayment(request, metadata=cora.metadata))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CUSTOMER_REFUSED")
    assert set(fields(refusal)) == {"customerId"}


async def test_a_payment_by_card_is_refunded_to_credit(
    payments: Stub, place_order: PlaceOrder, staff: SignedIn, cora: SignedIn
) -> None:
    card = payment_pb2.CreatePaymentRequest(order_id=await place_order(cora), payment_method_id="pm_card_visa")
    paid = await payments.CreatePayment(card, metadata=cora.metadata)
    assert paid.provider == "stripe"
    request = payment_pb2.CreateRefundRequest(id=paid.payment_id, amount=10.0, to="store_credit")
    metadata = keyed(staff)
    part = await payments.CreateRefund(request, metadata=metadata)
    assert (part.status, part.amount, part.provider) == ("succeeded", "10.00", "store_credit")
    assert await payments.CreateRefund(request, metadata=metadata) == part
    rest = await payments.CreateRefund(
        payment_pb2.CreateRefundRequest(id=paid.payment_id, to="payment_method"), metadata=staff.metadata
    )
    assert (rest.amount, rest.provider) == ("19.99", "stripe")
    assert await balances(payments, cora) == [("10.00", "USD")]
    refusal = await refused(
        payments.CreateRefund(payment_pb2.CreateRefundRequest(id=paid.payment_id, to="cash"), metadata=staff.metadata)
    )
    assert (refusal.code, set(fields(refusal))) == (grpc.StatusCode.INVALID_ARGUMENT, {"to"})
