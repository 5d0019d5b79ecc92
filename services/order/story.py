"""What the order service knows of an order's story: its history, and what is still to be published."""

from __future__ import annotations

from collections.abc import Iterator

from services.chassis import events
from services.chassis.money import Money
from services.chassis.story import Kind, Moment
from services.order.domain import Commit, OrderCreated, OrderEvent
from services.order.messages import event_id, message_of
from services.order.store import CommitStore

SERVICE = "order"


async def story_of(store: CommitStore, order_id: str) -> list[Moment]:
    """The order's commits as moments; none for an unknown order. Raises Unavailable."""
    return [moment for commit in await store.load(order_id) for moment in _moments(commit)]


def _moments(commit: Commit) -> Iterator[Moment]:
    for index, event in enumerate(commit.events):
        kind = events.kind_of(message_of(event)).type
        facts = {
            "type": kind,
            "eventId": str(event_id(commit, index)),
            "version": commit.version,
            "cause": commit.cause,
            "traceparent": commit.traceparent,
            "published": commit.published,
        }
        yield Moment(commit.at, SERVICE, Kind.EVENT, f"{kind}: {_text(event)}", facts)
        if not commit.published:
            yield Moment(commit.at, SERVICE, Kind.WAITING, f"{kind} is not published yet", facts)


def _text(event: OrderEvent) -> str:
    if isinstance(event, OrderCreated):
        lines = ", ".join(f"{line.quantity} × {line.product_id}" for line in event.lines)
        return f"{lines} for {Money(event.total_minor, event.currency)}"
    return f"{event.previous_status} → {event.status} ({event.reason})"
