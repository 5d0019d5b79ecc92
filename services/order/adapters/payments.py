"""The payment service (ports.Payments)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

import grpc

from argosy.payment.v1.payment_lookup_pb2 import DESCRIPTOR, LookUpOrderPaymentRequest, OrderPayment
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from services.chassis.plain.errors import Unavailable
from services.chassis.rpc.client import passes
from services.order.domain.orders import PaymentState

PAYMENT_LOOKUP = DESCRIPTOR.services_by_name["PaymentLookupService"]
"""The service that is called here."""

_STATES: Mapping[int, PaymentState] = MappingProxyType(
    {
        OrderPayment.STATE_NONE: PaymentState.NONE,
        OrderPayment.STATE_LIVE: PaymentState.LIVE,
        OrderPayment.STATE_PAID: PaymentState.PAID,
    }
)


@dataclass(frozen=True)
class GrpcPayments:
    """Asks over gRPC."""

    stub: PaymentLookupServiceStub

    async def state_of(self, order_id: UUID) -> PaymentState:
        """See ports.Payments. A refusal that does not pass by itself is raised as it came: a defect of ours."""
        answer = await self._ask(order_id)
        state = _STATES.get(answer.state)
        if state is None:
            raise Unavailable("payment does not know how far the order's payment is")
        return state

    async def was_paid(self, order_id: UUID) -> bool:
        """See ports.Payments. Raises as `state_of`."""
        answer = await self._ask(order_id)
        return answer.was_paid or answer.state == OrderPayment.STATE_PAID

    async def _ask(self, order_id: UUID) -> OrderPayment:
        try:
            answer: OrderPayment = await self.stub.LookUpOrderPayment(LookUpOrderPaymentRequest(order_id=str(order_id)))
        except grpc.aio.AioRpcError as error:
            if not passes(error):
                raise
            raise Unavailable from error
        return answer
