"""Requests → commands, answers → protobuf. No decisions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from argosy.deadletter.v1.dead_letter_pb2 import ListDeadLettersResponse, RedriveDeadLetterResponse
from argosy.order.v1 import order_lookup_pb2, order_pb2
from argosy.reconciliation.v1.drift_pb2 import ListDriftsResponse
from services.chassis.data import paging
from services.chassis.data.idempotency import fingerprint
from services.chassis.plain.unit_of_work import Repeatable
from services.chassis.rpc.call import Call
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.order.domain.orders import Actor, Status
from services.order.entrypoints import mapping
from services.order.use_cases.get_order import GetOrder, GetOrderHandler
from services.order.use_cases.get_order_history import GetOrderHistory, GetOrderHistoryHandler
from services.order.use_cases.list_all_orders import ListAllOrders, ListAllOrdersHandler
from services.order.use_cases.list_orders import ListOrders, ListOrdersHandler
from services.order.use_cases.look_up_order import LookUpOrder, LookUpOrderHandler
from services.order.use_cases.look_up_orders import LookUpOrders, LookUpOrdersHandler
from services.order.use_cases.place_order import PlaceOrder, PlaceOrderHandler
from services.order.use_cases.resolve_orders import ResolveOrders, ResolveOrdersHandler
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from services.order.use_cases.watch_order import WatchOrder, WatchOrderHandler


@dataclass(frozen=True)
class OrderRpc:
    """argosy.order.v1.OrderService."""

    place_order: PlaceOrderHandler
    get_order: GetOrderHandler
    get_order_history: GetOrderHistoryHandler
    list_orders: ListOrdersHandler
    list_all_orders: ListAllOrdersHandler
    update_status: UpdateStatusHandler
    watch_order: WatchOrderHandler
    list_drifts: ListDrifts
    dead_letters: DeadLetters
    idempotency_secret: SecretStr

    async def CreateOrder(self, request: order_pb2.CreateOrderRequest, call: Call) -> order_pb2.Order:
        """Places an order."""
        # The caller orders, whether the request names them or not, in capitals or not.
        content = fingerprint(self.idempotency_secret, request, leave_out=("user_id",))
        command = PlaceOrder(
            user_id=UUID(call.user().id),
            stated_user_id=UUID(request.user_id) if request.HasField("user_id") else None,
            lines=mapping.requested_lines(request.items),
            shipping_address=mapping.address_of(request.shipping_address),
            request=Repeatable(call.idempotency_key, content),
        )
        return mapping.order_message(await self.place_order(command))

    async def GetOrder(self, request: order_pb2.GetOrderRequest, call: Call) -> order_pb2.Order:
        """One order."""
        return mapping.order_message(await self.get_order(GetOrder(UUID(request.id), _actor(call))))

    async def ListOrders(self, request: order_pb2.ListOrdersRequest, call: Call) -> order_pb2.ListOrdersResponse:
        """A page of one customer's orders."""
        command = ListOrders(
            actor=_actor(call),
            user_id=UUID(request.user_id) if request.user_id else None,
            status=Status(request.status) if request.status else None,
            size=paging.page_size(request.page_size),
            page_token=request.page_token,
        )
        return mapping.page_message(await self.list_orders(command))

    async def ListAllOrders(self, request: order_pb2.ListAllOrdersRequest, call: Call) -> order_pb2.ListOrdersResponse:
        """A page of the orders of all customers."""
        command = ListAllOrders(
            actor=_actor(call),
            statuses=frozenset(map(Status, request.statuses)),
            placed_from=mapping.instant_of(request, "placed_from"),
            placed_before=mapping.instant_of(request, "placed_before"),
            size=paging.page_size(request.page_size),
            page_token=request.page_token,
        )
        return mapping.page_message(await self.list_all_orders(command))

    async def WatchOrder(
        self, request: order_pb2.WatchOrderRequest, call: Call
    ) -> AsyncGenerator[order_pb2.Order, None]:
        """One order, at once and then at each change."""
        async with aclosing(self.watch_order(WatchOrder(UUID(request.id), _actor(call)))) as states:
            async for order in states:
                yield mapping.order_message(order)

    async def GetOrderHistory(
        self, request: order_pb2.GetOrderHistoryRequest, call: Call
    ) -> order_pb2.GetOrderHistoryResponse:
        """Everything that happened to one order."""
        history = await self.get_order_history(GetOrderHistory(UUID(request.id), _actor(call)))
        return order_pb2.GetOrderHistoryResponse(events=mapping.history_messages(history))

    async def UpdateOrderStatus(self, request: order_pb2.UpdateOrderStatusRequest, call: Call) -> order_pb2.Order:
        """Moves an order to another state."""
        command = UpdateStatus(UUID(request.id), Status(request.status), _actor(call))
        return mapping.order_message(await self.update_status(command))

    async def ListOrderDrifts(self, request: order_pb2.ListOrderDriftsRequest, call: Call) -> ListDriftsResponse:
        """What reconciliation found."""
        return await self.list_drifts(request.page_size, request.page_token)

    async def ListOrderDeadLetters(
        self, request: order_pb2.ListOrderDeadLettersRequest, call: Call
    ) -> ListDeadLettersResponse:
        """The events that this service could not handle."""
        return await self.dead_letters.list(request.page_size, request.page_token)

    async def RedriveOrderDeadLetter(
        self, request: order_pb2.RedriveOrderDeadLetterRequest, call: Call
    ) -> RedriveDeadLetterResponse:
        """Handles one of them again."""
        return await self.dead_letters.redrive(request.id, call.user().id)


@dataclass(frozen=True)
class OrderLookupRpc:
    """argosy.order.v1.OrderLookupService."""

    look_up_order: LookUpOrderHandler
    look_up_orders: LookUpOrdersHandler
    resolve_orders: ResolveOrdersHandler

    async def LookUpOrder(
        self, request: order_lookup_pb2.LookUpOrderRequest, call: Call
    ) -> order_lookup_pb2.OrderSummary:
        """What paying for an order needs to know of it."""
        return mapping.summary_message(await self.look_up_order(LookUpOrder(UUID(request.order_id))))

    async def LookUpOrders(
        self, request: order_lookup_pb2.LookUpOrdersRequest, call: Call
    ) -> order_lookup_pb2.LookUpOrdersResponse:
        """Those of these orders that exist."""
        histories = await self.look_up_orders(LookUpOrders([UUID(order_id) for order_id in request.order_ids]))
        return order_lookup_pb2.LookUpOrdersResponse(orders=map(mapping.known_message, histories))

    async def ResolveOrders(
        self, request: order_lookup_pb2.ResolveOrdersRequest, call: Call
    ) -> order_lookup_pb2.ResolveOrdersResponse:
        """The standing of each order; an order that does not exist is closed."""
        order_ids = [UUID(order_id) for order_id in request.order_ids]
        standings = await self.resolve_orders(ResolveOrders(order_ids))
        return order_lookup_pb2.ResolveOrdersResponse(orders=mapping.resolved_messages(order_ids, standings))


def _actor(call: Call) -> Actor:
    user = call.user()
    return Actor(UUID(user.id), user.is_staff)
