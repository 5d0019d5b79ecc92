"""The order service (ports.Orders)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import grpc

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.plain.errors import Unavailable
from services.chassis.plain.money import Money
from services.chassis.rpc import timestamps
from services.chassis.rpc.client import unavailable_without_answer
from services.payment.domain.orders import KnownOrder, Order, OrderNotFound

ORDER_LOOKUP = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
"""The service that is called here."""


@dataclass(frozen=True)
class GrpcOrders:
    """Asks over gRPC."""

    stub: OrderLookupServiceStub

    async def look_up(self, order_id: UUID) -> Order:
        """The order. Raises OrderNotFound; Unavailable for every other failure."""
        try:
            found = await self.stub.LookUpOrder(order_lookup_pb2.LookUpOrderRequest(order_id=str(order_id)))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise OrderNotFound from error
            raise Unavailable from error
        return _order(found)

    async def look_up_many(self, order_ids: Collection[UUID]) -> Mapping[UUID, KnownOrder]:
        """Those of at most 100 orders that exist. Raises Unavailable."""
        if not order_ids:
            return {}
        request = order_lookup_pb2.LookUpOrdersRequest(order_ids=map(str, order_ids))
        with unavailable_without_answer():
            answer = await self.stub.LookUpOrders(request)
        known = [KnownOrder(_order(one), timestamps.from_message(one.updated_at)) for one in answer.orders]
        return {one.order.id: one for one in known}


def _order(found: order_lookup_pb2.OrderSummary) -> Order:
    return Order(
        id=UUID(found.order_id),
        user_id=UUID(found.user_id),
        status=found.status,
        total=Money.parse(found.total_amount, found.currency),
    )
