"""The order service (ports.Orders)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2 import LookUpOrdersRequest, OrderSummary
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.rpc import timestamps
from services.chassis.rpc.client import unavailable_without_answer
from services.notification.domain.messages import KnownOrder

ORDER_LOOKUP = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
"""The service that is called here."""


@dataclass(frozen=True)
class GrpcOrders:
    """Asks over gRPC."""

    stub: OrderLookupServiceStub

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        """See ports.Orders.look_up. An order of which an older version does not name the event is absent."""
        if not order_ids:
            return {}
        with unavailable_without_answer():
            answer = await self.stub.LookUpOrders(LookUpOrdersRequest(order_ids=map(str, order_ids)))
        return {UUID(one.order_id): _known(one) for one in answer.orders if one.status_event_id}


def _known(summary: OrderSummary) -> KnownOrder:
    return KnownOrder(
        user_id=UUID(summary.user_id),
        status=summary.status,
        updated_at=timestamps.from_message(summary.updated_at),
        status_event_id=UUID(summary.status_event_id),
        reason=summary.reason,
    )
