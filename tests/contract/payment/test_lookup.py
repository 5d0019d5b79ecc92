"""LookUpOrderPayment: for the order service alone."""

from __future__ import annotations

import uuid

import grpc
import pytest

from argosy.payment.v1 import payment_lookup_pb2, payment_lookup_pb2_grpc, payment_pb2, payment_pb2_grpc
from tests.contract.payment.conftest import PlaceOrder
from tests.contract.support import Metadata, SignedIn, bearer, fields, others_than, refused, service_token
from tests.support.real_stack import RealStack

Stub = payment_lookup_pb2_grpc.PaymentLookupServiceStub
OrderPayment = payment_lookup_pb2.OrderPayment


def look_up(order_id: str) -> payment_lookup_pb2.LookUpOrderPaymentRequest:
    return payment_lookup_pb2.LookUpOrderPaymentRequest(order_id=order_id)


@pytest.fixture
def order_service(stack: RealStack) -> Metadata:
    """What the order service's calls carry."""
    return bearer(service_token(stack, "order"))


@pytest.mark.parametrize(
    ("method", "state"),
    [
        (None, OrderPayment.STATE_NONE),
        ("pm_card_visa", OrderPayment.STATE_PAID),
        ("pm_card_authenticationRequired", OrderPayment.STATE_LIVE),
        ("pm_card_visa_chargeDeclined", OrderPayment.STATE_NONE),
    ],
)
async def test_how_far_it_is(
    lookup: Stub,
    payments: payment_pb2_grpc.PaymentServiceStub,
    place_order: PlaceOrder,
    order_service: Metadata,
    ada: SignedIn,
    method: str | None,
    state: OrderPayment.State.ValueType,
) -> None:
    order_id = await place_order(ada)
    if method is not None:
        request = payment_pb2.CreatePaymentRequest(order_id=order_id, payment_method_id=method)
        await payments.CreatePayment(request, metadata=ada.metadata)
    assert (await lookup.LookUpOrderPayment(look_up(order_id), metadata=order_service)).state == state


async def test_an_unknown_order_has_no_payment(lookup: Stub, order_service: Metadata) -> None:
    answer = await lookup.LookUpOrderPayment(look_up(str(uuid.uuid4())), metadata=order_service)
    assert answer.state == OrderPayment.STATE_NONE


async def test_nobody_else_may_ask(lookup: Stub, stack: RealStack, ada: SignedIn, staff: SignedIn) -> None:
    for who, metadata in others_than(stack, {"order"}, ada, staff).items():
        refusal = await refused(lookup.LookUpOrderPayment(look_up(str(uuid.uuid4())), metadata=metadata))
        assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), who


@pytest.mark.parametrize("order_id", ["", "42"])
async def test_a_malformed_id_is_named(lookup: Stub, order_service: Metadata, order_id: str) -> None:
    refusal = await refused(lookup.LookUpOrderPayment(look_up(order_id), metadata=order_service))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {"orderId"}
