"""Proto ↔ commands. No decisions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pydantic import SecretStr

from argosy.order.v1 import order_lookup_pb2, order_pb2
from services.chassis import clock, money
from services.chassis.call import Call
from services.chassis.idempotency import fingerprint
from services.chassis.money import Money
from services.order.domain import Actor, Address, Order, Status
from services.order.inventory import RequestedLine
from services.order.messages import HistoryEntry
from services.order.use_cases.list_orders import ListOrders, ListOrdersCommand
from services.order.use_cases.place_order import PlaceOrder, PlaceOrderCommand
from services.order.use_cases.read_order import KnownOrder, ReadOrder
from services.order.use_cases.resolve_orders import ResolveOrders
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusCommand
from services.order.use_cases.watch_order import WatchOrder


class OrderRpc:
    """argosy.order.v1.OrderService."""

    def __init__(
        self,
        place_order: PlaceOrder,
        read_order: ReadOrder,
        list_orders: ListOrders,
        update_status: UpdateStatus,
        watch_order: WatchOrder,
        idempotency_secret: SecretStr,
    ) -> None:
        self._place_order = place_order
        self._read_order = read_order
        self._list_orders = list_orders
        self._update_status = update_status
        self._watch_order = watch_order
        self._idempotency_secret = idempotency_secret

    async def CreateOrder(self, request: order_pb2.CreateOrderRequest, call: Call) -> order_pb2.Order:
        """Places an order."""
        command = PlaceOrderCommand(
            user_id=call.user().id,
            stated_user_id=request.user_id.lower() if request.HasField("user_id") else None,
            lines=_requested_lines(request.items),
            shipping_address=_address(request.shipping_address),
            idempotency_key=call.idempotency_key,
            # Whoever orders is the caller, stated or not, in capitals or not.
            fingerprint=fingerprint(self._idempotency_secret, request, leave_out=("user_id",)),
        )
        return _order(await self._place_order(command))

    async def GetOrder(self, request: order_pb2.GetOrderRequest, call: Call) -> order_pb2.Order:
        """Answers with one order."""
        return _order(await self._read_order(request.id.lower(), _actor(call)))

    async def ListOrders(self, request: order_pb2.ListOrdersRequest, call: Call) -> order_pb2.ListOrdersResponse:
        """Answers with a page of one customer's orders."""
        command = ListOrdersCommand(
            actor=_actor(call),
            user_id=request.user_id.lower() or None,
            status=Status(request.status) if request.status else None,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        page = await self._list_orders(command)
        return order_pb2.ListOrdersResponse(orders=map(_order, page.orders), next_page_token=page.next_page_token)

    async def WatchOrder(
        self, request: order_pb2.WatchOrderRequest, call: Call
    ) -> AsyncGenerator[order_pb2.Order, None]:
        """Sends one order, at once and then at each change."""
        async with aclosing(self._watch_order(request.id.lower(), _actor(call))) as states:
            async for order in states:
                yield _order(order)

    async def GetOrderHistory(
        self, request: order_pb2.GetOrderHistoryRequest, call: Call
    ) -> order_pb2.GetOrderHistoryResponse:
        """Answers with everything that happened to one order."""
        entries = await self._read_order.history(request.id.lower(), _actor(call))
        return order_pb2.GetOrderHistoryResponse(events=map(_history_event, entries))

    async def UpdateOrderStatus(self, request: order_pb2.UpdateOrderStatusRequest, call: Call) -> order_pb2.Order:
        """Moves an order along."""
        command = UpdateStatusCommand(request.id.lower(), Status(request.status), _actor(call))
        return _order(await self._update_status(command))


class OrderLookupRpc:
    """argosy.order.v1.OrderLookupService."""

    def __init__(self, read_order: ReadOrder, resolve_orders: ResolveOrders) -> None:
        self._read_order = read_order
        self._resolve_orders = resolve_orders

    async def LookUpOrder(
        self, request: order_lookup_pb2.LookUpOrderRequest, call: Call
    ) -> order_lookup_pb2.OrderSummary:
        """Answers with what paying for an order needs to know of it."""
        return _summary(await self._read_order.by_a_service(request.order_id.lower()))

    async def LookUpOrders(
        self, request: order_lookup_pb2.LookUpOrdersRequest, call: Call
    ) -> order_lookup_pb2.LookUpOrdersResponse:
        """Answers with those of these orders that exist."""
        known = await self._read_order.several_by_a_service([order_id.lower() for order_id in request.order_ids])
        return order_lookup_pb2.LookUpOrdersResponse(orders=map(_known, known))

    async def ResolveOrders(
        self, request: order_lookup_pb2.ResolveOrdersRequest, call: Call
    ) -> order_lookup_pb2.ResolveOrdersResponse:
        """Answers with where each order stands; what does not exist is closed."""
        order_ids = [order_id.lower() for order_id in request.order_ids]
        standings = await self._resolve_orders(order_ids)
        return order_lookup_pb2.ResolveOrdersResponse(
            orders=[
                order_lookup_pb2.ResolvedOrder(order_id=order_id, state=standing.value)
                for order_id, standing in zip(order_ids, standings, strict=True)
            ]
        )


def _actor(call: Call) -> Actor:
    user = call.user()
    return Actor(user.id, user.is_staff)


def _requested_lines(items: Sequence[order_pb2.OrderItemRequest]) -> list[RequestedLine]:
    return [
        RequestedLine(item.product_id, item.quantity, money.exactly(item.price) if item.HasField("price") else None)
        for item in items
    ]


def _address(address: order_pb2.ShippingAddress) -> Address:
    return Address(address.street, address.city, address.state, address.zip_code, address.country)


def _known(known: KnownOrder) -> order_lookup_pb2.OrderSummary:
    summary = _summary(known.order)
    summary.status_event_id, summary.reason = str(known.status_event_id), known.reason
    return summary


def _summary(order: Order) -> order_lookup_pb2.OrderSummary:
    return order_lookup_pb2.OrderSummary(
        order_id=order.id,
        user_id=order.user_id,
        status=order.status,
        total_amount=order.total.text,
        currency=order.currency,
        updated_at=clock.to_message(order.updated_at),
    )


def _order(order: Order) -> order_pb2.Order:
    address = order.shipping_address
    return order_pb2.Order(
        id=order.id,
        user_id=order.user_id,
        items=[
            order_pb2.OrderItem(
                product_id=line.product_id, quantity=line.quantity, price=Money(line.price_minor, order.currency).text
            )
            for line in order.lines
        ],
        total_amount=order.total.text,
        currency=order.currency,
        status=order.status,
        shipping_address=order_pb2.ShippingAddress(
            street=address.street,
            city=address.city,
            state=address.state,
            zip_code=address.zip_code,
            country=address.country,
        ),
        created_at=clock.to_message(order.created_at),
        updated_at=clock.to_message(order.updated_at),
    )


def _history_event(entry: HistoryEntry) -> order_pb2.OrderHistoryEvent:
    return order_pb2.OrderHistoryEvent(
        seq=entry.seq, type=entry.type, data=ParseDict(entry.data, Struct()), at=clock.to_message(entry.at)
    )
