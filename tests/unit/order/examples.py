"""Commits to test with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.chassis import clock, ids
from services.order.domain import (
    Address,
    Commit,
    Line,
    OrderCreated,
    OrderStatusUpdated,
    Reason,
    Status,
    fold,
)

ADDRESS = Address("1 Quay", "Corinth", "", "20100", "GR")
LINES = (Line("bell", 2, 8900), Line("chart", 1, 1250))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def order_created(
    *, order_id: str | None = None, user_id: str = "ann", at: datetime | None = None, fingerprint: bytes | None = None
) -> Commit:
    """The first commit of an order."""
    order_id = order_id or str(ids.new_id())
    event = OrderCreated(order_id, user_id, LINES, "USD", ADDRESS)
    return Commit(
        order_id=order_id,
        version=1,
        at=at or clock.now(),
        events=(event,),
        token=str(ids.new_id()),
        fingerprint=fingerprint,
        traceparent=TRACEPARENT,
    )


def moved(history: Sequence[Commit], status: Status, *, cause: str | None = None, at: datetime | None = None) -> Commit:
    """The next commit of an order: it moves to a state."""
    order = fold(history)
    event = OrderStatusUpdated(order.id, order.user_id, status, order.status, Reason.BY_STAFF)
    return Commit(
        order_id=order.id,
        version=order.version + 1,
        at=at or max(clock.now(), order.updated_at),
        events=(event,),
        token=str(ids.new_id()),
        cause=cause,
    )


def history_of(*statuses: Status, user_id: str = "ann", at: datetime | None = None) -> list[Commit]:
    """An order that went through these states after it was placed."""
    commits = [order_created(user_id=user_id, at=at)]
    for status in statuses:
        commits.append(moved(commits, status, at=at))
    return commits
