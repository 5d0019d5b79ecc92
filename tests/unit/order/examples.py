"""Commits to test with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.plain import clock, ids
from services.chassis.plain.money import Money
from services.order.domain.facts import OrderCreated, OrderStatusUpdated
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Actor, Address, Line, Reason, Status

ANN, BOB, SUE, JOE = (UUID(int=number) for number in (0xA, 0xB, 0x5, 0x7))
"""A customer, another customer, and two people of staff."""
STAFF = Actor(SUE, is_staff=True)
ADDRESS = Address("1 Quay", "Corinth", "", "20100", "GR")
LINES = (Line("bell", 2, Money(8900, "USD")), Line("chart", 1, Money(1250, "USD")))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def order_created(
    *, order_id: UUID | None = None, user_id: UUID = ANN, at: datetime | None = None, fingerprint: bytes | None = None
) -> Commit:
    """The first commit of an order."""
    order_id = order_id or ids.new_id()
    event = OrderCreated(order_id, user_id, LINES, ADDRESS)
    return Commit(
        order_id=order_id,
        version=1,
        at=at or clock.now(),
        events=(event,),
        token=str(ids.new_id()),
        fingerprint=fingerprint,
        traceparent=TRACEPARENT,
    )


def moved(
    history: Sequence[Commit], status: Status, *, cause: UUID | None = None, at: datetime | None = None
) -> Commit:
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


def history_of(*statuses: Status, user_id: UUID = ANN, at: datetime | None = None) -> list[Commit]:
    """An order that went through these states after it was placed."""
    commits = [order_created(user_id=user_id, at=at)]
    for status in statuses:
        commits.append(moved(commits, status, at=at))
    return commits
