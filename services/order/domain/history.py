"""The history of an order: commits of facts, numbered from 1 without a gap. An order is what its history adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.order.domain.facts import Fact, OrderCreated
from services.order.domain.orders import Order, Status


@dataclass(frozen=True)
class Commit:
    """What happened to one order at one instant. A commit is written once and never changed."""

    order_id: UUID
    version: int
    """1, 2, 3 … without a gap: the order's version after this commit."""
    at: datetime
    events: Sequence[Fact]
    token: str
    """Distinguishes this commit from another writer's commit of the same version."""
    fingerprint: bytes | None = None
    """Of the request that placed the order, if it had an idempotency key."""
    cause: UUID | None = None
    """The id of the event that caused this commit."""
    traceparent: str | None = None
    """The trace of the work that made this commit; its events carry it on."""
    published: bool = field(default=False, compare=False)
    """Whether the bus has the events."""

    @property
    def id(self) -> str:
        """Unique in the store: of two writers of one version, one wins."""
        return f"{self.order_id}:{self.version}"


History = Sequence[Commit]
"""The commits of one order, oldest first. Empty: there is no such order."""


def first_commit_id(order_id: UUID) -> str:
    """The id of the commit that creates the order. The order exists if and only if this commit is stored."""
    return f"{order_id}:1"


def fold(commits: History) -> Order:
    """The order that its commits, in order and without a gap, add up to.

    Raises:
        ValueError: these are not the commits of one order from its first one on.
    """
    order: Order | None = None
    for expected, commit in enumerate(commits, start=1):
        if commit.version != expected:
            raise ValueError(f"commit {commit.id} is in the place of version {expected}")
        for event in commit.events:
            order = _apply(order, event, commit)
    if order is None:
        raise ValueError("an order has at least one commit")
    return order


def was_caused_by(commits: History, event_id: UUID) -> bool:
    """Whether the event was applied to the order already."""
    return any(commit.cause == event_id for commit in commits)


def _apply(order: Order | None, event: Fact, commit: Commit) -> Order:
    if isinstance(event, OrderCreated):
        if order is not None:
            raise ValueError(f"commit {commit.id} creates an order that exists")
        return _created(event, commit)
    if order is None:
        raise ValueError(f"commit {commit.id} moves an order that was never created")
    return replace(order, status=event.status, updated_at=commit.at, version=commit.version)


def _created(event: OrderCreated, commit: Commit) -> Order:
    return Order(
        id=event.order_id,
        user_id=event.user_id,
        lines=event.lines,
        total=event.total,
        status=Status.PENDING,
        shipping_address=event.shipping_address,
        created_at=commit.at,
        updated_at=commit.at,
        version=commit.version,
    )
