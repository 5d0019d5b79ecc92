"""What the service asks of payment."""

from __future__ import annotations

from enum import Enum

from argosy.payment.v1.payment_lookup_pb2 import DESCRIPTOR, LookUpOrderPaymentRequest, OrderPayment
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from services.chassis.errors import Unavailable

PAYMENT_LOOKUP = DESCRIPTOR.services_by_name["PaymentLookupService"]
"""The service that is called here."""


class PaymentState(Enum):
    """How far the payment of an order is."""

    NONE = OrderPayment.STATE_NONE
    """Nobody is paying for it."""
    LIVE = OrderPayment.STATE_LIVE
    """A payment is under way or waits for a challenge."""
    PAID = OrderPayment.STATE_PAID


class Payments:
    """Knows whether an order is being paid."""

    def __init__(self, stub: PaymentLookupServiceStub) -> None:
        self._stub = stub

    async def state_of(self, order_id: str) -> PaymentState:
        """How far the order's payment is. Raises grpc.aio.AioRpcError or Unavailable when payment does not say."""
        answer = await self._ask(order_id)
        try:
            return PaymentState(answer.state)
        except ValueError:
            raise Unavailable("payment does not know how far the order's payment is") from None

    async def was_paid(self, order_id: str) -> bool:
        """Whether a payment confirmed the order, also when its money has gone back. Raises as `state_of`."""
        answer = await self._ask(order_id)
        return answer.was_paid or answer.state == OrderPayment.STATE_PAID

    async def _ask(self, order_id: str) -> OrderPayment:
        answer: OrderPayment = await self._stub.LookUpOrderPayment(LookUpOrderPaymentRequest(order_id=order_id))
        return answer
