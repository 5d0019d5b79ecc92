"""The order service's part of an order's story: its history, and the events that are not published yet."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from services.chassis.bus import events
from services.chassis.data.story import Kind, Moment
from services.order.adapters.commits import MongoCommits
from services.order.adapters.facts import event_id, message_of
from services.order.domain.facts import Fact, OrderCreated
from services.order.domain.history import Commit

SERVICE = "order"


async def story_of(commits: MongoCommits, order_id: UUID) -> list[Moment]:
    """The order's commits as moments; none for an unknown order. Raises Unavailable."""
    return [moment for commit in await commits.load(order_id) for moment in _moments(commit)]


def _moments(commit: Commit) -> Iterator[Moment]:
    for index, event in enumerate(commit.events):
        kind = events.kind_of(message_of(event)).type
        facts = {
            "type": kind,
            "eventId": str(event_id(commit, index)),
            "version": commit.version,
            "status": "pending" if isinstance(event, OrderCreated) else str(event.status),
            "cause": str(commit.cause) if commit.cause else None,
            "traceparent": commit.traceparent,
            "published": commit.published,
        }
        yield Moment(commit.at, SERVICE, Kind.EVENT, f"{kind}: {_text(event)}", facts)
        if not commit.published:
            yield Moment(commit.at, SERVICE, Kind.WAITING, f"{kind} is not published yet", facts)


def _text(event: Fact) -> str:
    if isinstance(event, OrderCreated):
        lines = ", ".join(f"{line.quantity} × {line.product_id}" for line in event.lines)
        return f"{lines} for {event.total}"
    return f"{event.previous_status} → {event.status} ({event.reason})"
