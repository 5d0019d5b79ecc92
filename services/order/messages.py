"""How the service's facts are told on the bus, and in an order's history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from argosy.event.v1.order_events_pb2 import OrderCreated as OrderCreatedMessage
from argosy.event.v1.order_events_pb2 import OrderLine
from argosy.event.v1.order_events_pb2 import OrderStatusUpdated as OrderStatusUpdatedMessage
from services.chassis import events, ids
from services.chassis.events import OutgoingRecord
from services.chassis.money import Money
from services.order.domain import Commit, OrderCreated, OrderEvent

SOURCE = events.source_of("order")
_EVENT_IDS = UUID("6f0c6a3e-2b5d-5c0e-9a47-1d6a7e5b9c21")


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that happened to an order, as the bus tells it."""

    seq: int
    """Its place in the order's history, from 1."""
    type: str
    at: datetime
    data: dict[str, Any]
    """The event's JSON, in camelCase."""


def message_of(event: OrderEvent) -> Message:
    """The event as it travels. What the bus need not know (where an order goes) stays behind."""
    if isinstance(event, OrderCreated):
        return _created(event)
    return OrderStatusUpdatedMessage(
        order_id=event.order_id,
        user_id=event.user_id,
        status=event.status,
        previous_status=event.previous_status,
        reason=event.reason,
    )


def event_id(commit: Commit, index: int) -> UUID:
    """The id of a commit's event. It follows from the commit and the place in it: published twice, it is the same."""
    return ids.derived_id(_EVENT_IDS, commit.id, str(index))


def records_of(commit: Commit) -> Iterator[OutgoingRecord]:
    """The commit's events for Kafka, in order."""
    for index, event in enumerate(commit.events):
        yield events.encode(
            message_of(event),
            id=event_id(commit, index),
            source=SOURCE,
            time=commit.at,
            subject=commit.order_id,
            key=commit.order_id,
            sequence=commit.version,
            traceparent=commit.traceparent,
        )


def history_of(commits: Sequence[Commit]) -> list[HistoryEntry]:
    """Everything that happened to an order, oldest first."""
    happened = [(commit.at, message_of(event)) for commit in commits for event in commit.events]
    return [
        HistoryEntry(
            seq=seq,
            type=events.kind_of(message).type,
            at=at,
            data=MessageToDict(message, always_print_fields_with_no_presence=True),
        )
        for seq, (at, message) in enumerate(happened, start=1)
    ]


def _created(event: OrderCreated) -> OrderCreatedMessage:
    return OrderCreatedMessage(
        order_id=event.order_id,
        user_id=event.user_id,
        total_amount=Money(event.total_minor, event.currency).text,
        currency=event.currency,
        items=[
            OrderLine(
                product_id=line.product_id,
                quantity=line.quantity,
                price=Money(line.price_minor, event.currency).text,
            )
            for line in event.lines
        ],
    )
