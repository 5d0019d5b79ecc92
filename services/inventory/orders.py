"""What the service asks of order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2 import LookUpOrdersRequest, ResolvedOrder, ResolveOrdersRequest
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis import clock

ORDER_LOOKUP = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
"""The service that is called here."""
MOST_AT_ONCE = 100
"""What the contract lets one call ask about."""


class OrderState(Enum):
    """Whether an order may still need what is held for it."""

    OPEN = ResolvedOrder.STATE_OPEN
    CANCELLED = ResolvedOrder.STATE_CANCELLED
    CLOSED = ResolvedOrder.STATE_CLOSED
    """It was never stored, and never will be."""


@dataclass(frozen=True)
class OrderStatus:
    """Where an order stands, and since when."""

    status: str
    updated_at: datetime


@dataclass(frozen=True)
class Orders:
    """Knows what has become of orders."""

    stub: OrderLookupServiceStub

    async def resolve(self, order_ids: Sequence[UUID]) -> Mapping[UUID, OrderState]:
        """Where each of these orders (at most MOST_AT_ONCE) stands; absent: order does not say.

        Raises grpc.aio.AioRpcError when order does not answer.
        """
        request = ResolveOrdersRequest(order_ids=map(str, order_ids))
        answer = await self.stub.ResolveOrders(request)
        known = {state.value for state in OrderState}
        return {UUID(one.order_id): OrderState(one.state) for one in answer.orders if one.state in known}

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, OrderStatus]:
        """Those of these orders (at most MOST_AT_ONCE) that exist. Changes nothing, unlike `resolve`.

        Raises grpc.aio.AioRpcError when order does not answer.
        """
        if not order_ids:
            return {}
        answer = await self.stub.LookUpOrders(LookUpOrdersRequest(order_ids=map(str, order_ids)))
        return {
            UUID(one.order_id): OrderStatus(one.status, clock.from_message(one.updated_at)) for one in answer.orders
        }
