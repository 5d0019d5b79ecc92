"""GetPayment and ListPayments: one's own; staff see others'."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.payment.v1 import payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.support import SignedIn, bad_tokens, bearer, fields, refused, service_token, sign_up
from tests.support.real_stack import RealStack

Stub = payment_pb2_grpc.PaymentServiceStub


@pytest.fixture
async def paid(payments: Stub, place_order: PlaceOrder, ada: SignedIn) -> payment_pb2.Payment:
    """A payment of Ada's that waits for a challenge."""
    request = payment_pb2.CreatePaymentRequest(
        order_id=await place_order(ada), payment_method_id="pm_card_authenticationRequired"
    )
    payment: payment_pb2.Payment = await payments.CreatePayment(request, metadata=ada.metadata)
    return payment


async def test_owner_and_staff_see_it_without_its_secret(
    payments: Stub, ada: SignedIn, staff: SignedIn, paid: payment_pb2.Payment
) -> None:
    for person in (ada, staff):
        seen = await payments.GetPayment(payment_pb2.GetPaymentRequest(id=paid.payment_id), metadata=person.metadata)
        assert (seen.payment_id, seen.status, seen.requires_action) == (paid.payment_id, "requires_action", True)
        assert not seen.HasField("client_secret")


async def test_what_stripe_kept_is_for_staff(
    payments: Stub, place_order: PlaceOrder, ada: SignedIn, staff: SignedIn
) -> None:
    request = payment_pb2.CreatePaymentRequest(order_id=await place_order(ada), payment_method_id="pm_card_visa")
    answered = await payments.CreatePayment(request, metadata=ada.metadata)
    get = payment_pb2.GetPaymentRequest(id=answered.payment_id)
    list_ = payment_pb2.ListPaymentsRequest(order_id=answered.order_id)
    for_ada = await payments.GetPayment(get, metadata=ada.metadata)
    assert for_ada == answered
    assert list((await payments.ListPayments(list_, metadata=ada.metadata)).payments) == [answered]
    assert not any(for_ada.HasField(name) for name in ("provider_fee", "net_amount", "settlement_currency"))
    for_staff = await payments.GetPayment(get, metadata=staff.metadata)
    # 2.9 % of 29.99 and 30 cents
    assert (for_staff.provider_fee, for_staff.net_amount, for_staff.settlement_currency) == ("1.17", "28.82", "USD")
    assert list((await payments.ListPayments(list_, metadata=staff.metadata)).payments) == [for_staff]


async def test_that_of_somebody_else_is_as_unknown_as_one_that_is_not(
    payments: Stub, bob: SignedIn, paid: payment_pb2.Payment
) -> None:
    refusals = [
        await refused(payments.GetPayment(payment_pb2.GetPaymentRequest(id=id_), metadata=bob.metadata))
        for id_ in (paid.payment_id, str(uuid.uuid4()))
    ]
    assert refusals[0] == refusals[1]
    assert (refusals[0].code, refusals[0].reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_nobody_reads_without_a_good_token(
    payments: Stub, stack: RealStack, ada: SignedIn, paid: payment_pb2.Payment
) -> None:
    get, list_ = payment_pb2.GetPaymentRequest(id=paid.payment_id), payment_pb2.ListPaymentsRequest()
    for call in (payments.GetPayment(get), payments.ListPayments(list_)):
        assert (await refused(call)).code is grpc.StatusCode.UNAUTHENTICATED
    tokens = {**bad_tokens(stack, ada.id), "the order service's": service_token(stack, "order")}
    for what, token in tokens.items():
        for call in (
            payments.GetPayment(get, metadata=bearer(token)),
            payments.ListPayments(list_, metadata=bearer(token)),
        ):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what


@pytest.mark.parametrize("id_", ["", "42", "{9a1c0d1e-0000-4000-8000-000000000000}"])
async def test_a_malformed_id_is_named(payments: Stub, ada: SignedIn, id_: str) -> None:
    refusal = await refused(payments.GetPayment(payment_pb2.GetPaymentRequest(id=id_), metadata=ada.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {"id"}


async def test_a_list_is_ones_own_newest_first_a_page_at_a_time(
    payments: Stub, stack: RealStack, place_order: PlaceOrder, paid: payment_pb2.Payment
) -> None:
    eve = await sign_up(stack)
    begun = []
    for _ in range(3):
        request = payment_pb2.CreatePaymentRequest(order_id=await place_order(eve), payment_method_id="pm_card_visa")
        begun.append((await payments.CreatePayment(request, metadata=eve.metadata)).payment_id)
    seen: list[str] = []
    token = ""
    while True:
        page = await payments.ListPayments(
            payment_pb2.ListPaymentsRequest(page_size=2, page_token=token), metadata=eve.metadata
        )
        assert len(page.payments) <= 2
        seen += [payment.payment_id for payment in page.payments]
        token = page.next_page_token
        if not token:
            break
    assert seen == begun[::-1]


async def test_an_orders_payments(
    payments: Stub, ada: SignedIn, bob: SignedIn, staff: SignedIn, paid: payment_pb2.Payment
) -> None:
    request = payment_pb2.ListPaymentsRequest(order_id=paid.order_id)
    for person, expected in ((ada, [paid.payment_id]), (staff, [paid.payment_id]), (bob, [])):
        page = await payments.ListPayments(request, metadata=person.metadata)
        assert [payment.payment_id for payment in page.payments] == expected
        assert not any(payment.HasField("client_secret") for payment in page.payments)
    own = await payments.ListPayments(payment_pb2.ListPaymentsRequest(), metadata=staff.metadata)
    assert list(own.payments) == []


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (payment_pb2.ListPaymentsRequest(order_id="42"), "orderId"),
        (payment_pb2.ListPaymentsRequest(page_size=-1), "pageSize"),
        (payment_pb2.ListPaymentsRequest(page_token="nonsense"), "pageToken"),
        (payment_pb2.ListPaymentsRequest(page_token="WyJ4Il0"), "pageToken"),
        (payment_pb2.ListPaymentsRequest(page_token="x" * 513), "pageToken"),
    ],
)
async def test_what_is_wrong_with_a_list_is_named(
    payments: Stub, ada: SignedIn, request_: payment_pb2.ListPaymentsRequest, field: str
) -> None:
    refusal = await refused(payments.ListPayments(request_, metadata=ada.metadata))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fields(refusal) == [field]
