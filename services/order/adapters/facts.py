"""The service's facts as the bus carries them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from google.protobuf.message import Message

from argosy.event.v1.order_events_pb2 import OrderCreated as OrderCreatedMessage
from argosy.event.v1.order_events_pb2 import OrderLine
from argosy.event.v1.order_events_pb2 import OrderStatusUpdated as OrderStatusUpdatedMessage
from services.chassis.bus import events
from services.chassis.bus.events import OutgoingRecord
from services.chassis.plain import ids
from services.order.domain.facts import Fact, OrderCreated
from services.order.domain.history import Commit

SOURCE = events.source_of("order")
_EVENT_IDS = UUID("6f0c6a3e-2b5d-5c0e-9a47-1d6a7e5b9c21")


def message_of(event: Fact) -> Message:
    """The event on the bus. It lacks what the bus need not have: where an order is shipped to."""
    if isinstance(event, OrderCreated):
        return _created(event)
    return OrderStatusUpdatedMessage(
        order_id=str(event.order_id),
        user_id=str(event.user_id),
        status=event.status,
        previous_status=event.previous_status,
        reason=event.reason,
    )


def event_id(commit: Commit, index: int) -> UUID:
    """The id of a commit's event, derived from the commit and the index: published twice, the event has the same id."""
    return ids.derived_id(_EVENT_IDS, commit.id, str(index))


def records_of(commit: Commit) -> Iterator[OutgoingRecord]:
    """The commit's events as records for Kafka, in order."""
    for index, event in enumerate(commit.events):
        yield events.encode(
            message_of(event),
            id=event_id(commit, index),
            source=SOURCE,
            time=commit.at,
            subject=str(commit.order_id),
            key=str(commit.order_id),
            sequence=commit.version,
            traceparent=commit.traceparent,
        )


def _created(event: OrderCreated) -> OrderCreatedMessage:
    return OrderCreatedMessage(
        order_id=str(event.order_id),
        user_id=str(event.user_id),
        total_amount=event.total.text,
        currency=event.total.currency,
        items=[
            OrderLine(product_id=line.product_id, quantity=line.quantity, price=line.price.text) for line in event.lines
        ],
    )
