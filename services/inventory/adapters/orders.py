"""A client of the order service (ports.Orders)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2 import (
    LookUpOrdersRequest,
    OrderSummary,
    ResolvedOrder,
    ResolveOrdersRequest,
)
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.rpc import timestamps
from services.chassis.rpc.client import unavailable_without_answer
from services.inventory.domain.reservations import KnownOrder, OrderState

ORDER_LOOKUP = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
"""The called service."""

_STATES: Mapping[int, OrderState] = MappingProxyType(
    {
        ResolvedOrder.STATE_OPEN: OrderState.OPEN,
        ResolvedOrder.STATE_CANCELLED: OrderState.CANCELLED,
        ResolvedOrder.STATE_CLOSED: OrderState.CLOSED,
    }
)


@dataclass(frozen=True)
class GrpcOrders:
    """Calls the order service over gRPC."""

    stub: OrderLookupServiceStub

    async def resolve(self, order_ids: Sequence[UUID]) -> Mapping[UUID, OrderState]:
        """The state of each of at most 100 orders; an order without a known state is absent.

        Raises Unavailable for every other answer, also from a version without this rpc: without an answer nothing is
        decided.
        """
        with unavailable_without_answer():
            answer = await self.stub.ResolveOrders(ResolveOrdersRequest(order_ids=map(str, order_ids)))
        return {UUID(one.order_id): _STATES[one.state] for one in answer.orders if one.state in _STATES}

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        """See ports.Orders.look_up."""
        if not order_ids:
            return {}
        with unavailable_without_answer():
            answer = await self.stub.LookUpOrders(LookUpOrdersRequest(order_ids=map(str, order_ids)))
        return {UUID(one.order_id): _known(one) for one in answer.orders}


def _known(summary: OrderSummary) -> KnownOrder:
    event_id = UUID(summary.status_event_id) if summary.status_event_id else None
    return KnownOrder(summary.status, timestamps.from_message(summary.updated_at), event_id)
