"""Converts between protobuf and domain: the only place that maps their fields."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from argosy.event.v1.order_events_pb2 import OrderCreated
from argosy.notification.v1 import notification_pb2
from services.chassis.plain.money import Money
from services.chassis.rpc import timestamps
from services.notification.domain.messages import Message, OrderLine, OrderSummary, ParkedMessage
from services.notification.domain.preferences import Preference


def preferences_message(found: Iterable[Preference]) -> notification_pb2.Preferences:
    """A user's preferences, as the user sees them."""
    answer = notification_pb2.Preferences()
    for each in found:
        answer.preferences.add(kind=each.kind, email=each.email, required=each.kind.is_required)
    return answer


def notification_message(message: Message) -> notification_pb2.Notification:
    """A message as its reader sees it."""
    return notification_pb2.Notification(
        id=str(message.id),
        type=message.type,
        channel=message.channel,
        subject=message.subject,
        order_id=str(message.order_id) if message.order_id else None,
        status=message.status,
        created_at=timestamps.to_message(message.created_at),
        sent_at=timestamps.to_message(message.sent_at) if message.sent_at else None,
    )


def parked_message(message: ParkedMessage) -> notification_pb2.ParkedMessage:
    """A parked message as staff see it."""
    return notification_pb2.ParkedMessage(
        id=str(message.id),
        type=message.type,
        user_id=str(message.user_id),
        order_id=str(message.order_id) if message.order_id else None,
        attempts=message.attempts,
        error=message.error,
        created_at=timestamps.to_message(message.created_at),
    )


def order_summary(event: OrderCreated) -> OrderSummary:
    """The order summary of an event."""
    lines = [
        OrderLine(item.product_id, item.quantity, Money.kept(Decimal(item.price), event.currency))
        for item in event.items
    ]
    return OrderSummary(lines, Money.kept(Decimal(event.total_amount), event.currency))
