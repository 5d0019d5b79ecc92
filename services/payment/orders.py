"""Orders, as the order service tells of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import grpc

from argosy.order.v1 import order_lookup_pb2
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis import clock
from services.chassis.errors import Unavailable
from services.chassis.money import Money
from services.payment.domain import Order

ORDER_LOOKUP = order_lookup_pb2.DESCRIPTOR.services_by_name["OrderLookupService"]
"""The service that is called here."""


class OrderNotFound(Exception):
    """There is no such order, or it is somebody else's: the two are told alike."""

    def __init__(self) -> None:
        super().__init__("order not found")


@dataclass(frozen=True)
class KnownOrder:
    """An order, and when it last changed."""

    order: Order
    updated_at: datetime


@dataclass(frozen=True)
class Orders:
    """The order service's look-up."""

    stub: OrderLookupServiceStub

    async def look_up(self, order_id: UUID) -> Order:
        """The order. Raises OrderNotFound, or grpc.aio.AioRpcError while the order service is away."""
        try:
            found = await self.stub.LookUpOrder(order_lookup_pb2.LookUpOrderRequest(order_id=str(order_id)))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise OrderNotFound from error
            raise
        return _order(found)

    async def look_up_many(self, order_ids: Collection[UUID]) -> dict[UUID, KnownOrder]:
        """Those of these orders (100 at most) that exist. Raises Unavailable while the order service is away."""
        if not order_ids:
            return {}
        request = order_lookup_pb2.LookUpOrdersRequest(order_ids=map(str, order_ids))
        try:
            answer = await self.stub.LookUpOrders(request)
        except grpc.aio.AioRpcError as error:
            raise Unavailable from error
        known = [KnownOrder(_order(one), clock.from_message(one.updated_at)) for one in answer.orders]
        return {one.order.id: one for one in known}


def _order(found: order_lookup_pb2.OrderSummary) -> Order:
    return Order(
        id=UUID(found.order_id),
        user_id=UUID(found.user_id),
        status=found.status,
        total_minor=Money.parse(found.total_amount, found.currency).minor,
        currency=found.currency,
    )
