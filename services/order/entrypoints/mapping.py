"""Protobuf ↔ domain: the one place where a field is spelled twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from argosy.order.v1 import order_lookup_pb2, order_pb2
from argosy.order.v1.order_lookup_pb2 import ResolvedOrder
from services.chassis.bus import events
from services.chassis.plain import clock, money
from services.chassis.rpc import timestamps
from services.order.adapters.facts import event_id, message_of
from services.order.domain.facts import OrderStatusUpdated
from services.order.domain.history import History, fold
from services.order.domain.orders import Address, Order, RequestedLine, Standing
from services.order.use_cases.list_orders import ListedOrders

_STATES: Mapping[Standing, ResolvedOrder.State.ValueType] = MappingProxyType(
    {
        Standing.OPEN: ResolvedOrder.STATE_OPEN,
        Standing.CANCELLED: ResolvedOrder.STATE_CANCELLED,
        Standing.CLOSED: ResolvedOrder.STATE_CLOSED,
    }
)


def requested_lines(items: Iterable[order_pb2.OrderItemRequest]) -> list[RequestedLine]:
    """The lines that a request asks for."""
    return [
        RequestedLine(item.product_id, item.quantity, money.exactly(item.price) if item.HasField("price") else None)
        for item in items
    ]


def address_of(message: order_pb2.ShippingAddress) -> Address:
    """The address in a request."""
    return Address(message.street, message.city, message.state, message.zip_code, message.country)


def instant_of(
    request: order_pb2.ListAllOrdersRequest, name: Literal["placed_from", "placed_before"]
) -> datetime | None:
    """A bound of a request; None: it has none."""
    if not request.HasField(name):
        return None
    return clock.to_millisecond(timestamps.from_message(getattr(request, name)))


def page_message(page: ListedOrders) -> order_pb2.ListOrdersResponse:
    """A page of a list."""
    return order_pb2.ListOrdersResponse(orders=map(order_message, page.orders), next_page_token=page.next_page_token)


def order_message(order: Order) -> order_pb2.Order:
    """An order as customers and staff get it."""
    address = order.shipping_address
    return order_pb2.Order(
        id=str(order.id),
        user_id=str(order.user_id),
        items=[
            order_pb2.OrderItem(product_id=line.product_id, quantity=line.quantity, price=line.price.text)
            for line in order.lines
        ],
        total_amount=order.total.text,
        currency=order.total.currency,
        status=order.status,
        shipping_address=order_pb2.ShippingAddress(
            street=address.street,
            city=address.city,
            state=address.state,
            zip_code=address.zip_code,
            country=address.country,
        ),
        created_at=timestamps.to_message(order.created_at),
        updated_at=timestamps.to_message(order.updated_at),
    )


def history_messages(history: History) -> Iterator[order_pb2.OrderHistoryEvent]:
    """Everything that happened to an order, oldest first, as the bus carries it."""
    happened = [(commit.at, message_of(event)) for commit in history for event in commit.events]
    for seq, (at, message) in enumerate(happened, start=1):
        data = MessageToDict(message, always_print_fields_with_no_presence=True)
        yield order_pb2.OrderHistoryEvent(
            seq=seq,
            type=events.kind_of(message).type,
            data=ParseDict(data, Struct()),
            at=timestamps.to_message(at),
        )


def summary_message(order: Order) -> order_lookup_pb2.OrderSummary:
    """What another service needs to know of an order."""
    return order_lookup_pb2.OrderSummary(
        order_id=str(order.id),
        user_id=str(order.user_id),
        status=order.status,
        total_amount=order.total.text,
        currency=order.total.currency,
        updated_at=timestamps.to_message(order.updated_at),
    )


def known_message(history: History) -> order_lookup_pb2.OrderSummary:
    """What another service compares with what it keeps."""
    last = history[-1]
    event = last.events[-1]
    summary = summary_message(fold(history))
    summary.status_event_id = str(event_id(last, len(last.events) - 1))
    summary.reason = event.reason if isinstance(event, OrderStatusUpdated) else ""
    return summary


def resolved_messages(order_ids: Sequence[UUID], standings: Sequence[Standing]) -> Iterator[ResolvedOrder]:
    """The standing of each of these orders."""
    for order_id, standing in zip(order_ids, standings, strict=True):
        yield ResolvedOrder(order_id=str(order_id), state=_STATES[standing])
