"""A client of the order service (ports.Orders)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

import grpc

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2 import ResolvedOrder, ResolveOrdersRequest
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.plain.errors import Unavailable
from services.inventory.domain.reservations import OrderState

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
        try:
            answer = await self.stub.ResolveOrders(ResolveOrdersRequest(order_ids=map(str, order_ids)))
        except grpc.aio.AioRpcError as error:
            raise Unavailable from error
        return {UUID(one.order_id): _STATES[one.state] for one in answer.orders if one.state in _STATES}
