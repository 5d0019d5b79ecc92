"""The story of an order: everything that the services have stored about it, as moments with timestamps.

Each service reads its own store (`services/<name>/adapters/story.py`). This module has the shared types, and the
moments of outbox and inbox. `argosy story` collects, sorts and prints them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.chassis.data.postgres import Connection


class Kind(StrEnum):
    """The kind of a moment."""

    CALL = "call"
    """A request that a service answered."""
    EVENT = "event"
    """An event was stored in the outbox."""
    PUBLISHED = "published"
    """The broker acknowledged an event."""
    HANDLED = "handled"
    """A consumer applied an event."""
    PAYMENT = "payment"
    """A payment or refund changed, or the provider was called."""
    LEDGER = "ledger"
    """Money moved."""
    STOCK = "stock"
    """Stock moved, or its reservation changed."""
    MAIL = "mail"
    """A message to the customer."""
    LOG = "log"
    """A line of a service's log: a retry, a refusal, a failure."""
    WAITING = "waiting"
    """Something that is still expected."""


@dataclass(frozen=True)
class Moment:
    """One thing that happened or is expected. It is printed, so it must not contain personal data or secrets."""

    at: datetime
    service: str
    kind: Kind
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Ids and values for programs. `eventId` and `traceparent` link moments of different services."""


async def outbox_moments(connection: Connection, service: str, key: str) -> list[Moment]:
    """The events of a key in the outbox (kept for a day): when each was stored and published."""
    rows = await connection.fetch(
        "SELECT id, type, traceparent, occurred_at, sent_at FROM outbox WHERE key = $1 ORDER BY position", key
    )
    moments = []
    for row in rows:
        facts = {"type": row["type"], "eventId": str(row["id"]), "traceparent": row["traceparent"]}
        moments.append(Moment(row["occurred_at"], service, Kind.EVENT, row["type"], facts))
        if row["sent_at"] is None:
            text = f"{row['type']} is not published yet"
            moments.append(Moment(row["occurred_at"], service, Kind.WAITING, text, facts))
        else:
            moments.append(Moment(row["sent_at"], service, Kind.PUBLISHED, row["type"], facts))
    return moments


async def inbox_moments(connection: Connection, service: str, consumer: str, types: Mapping[UUID, str]) -> list[Moment]:
    """When a consumer applied each of these events (id → type). Events that it has not applied are left out."""
    rows = await connection.fetch(
        "SELECT event_id, processed_at FROM inbox WHERE consumer = $1 AND event_id = ANY($2::uuid[])",
        consumer,
        list(types),
    )
    return [
        Moment(
            row["processed_at"],
            service,
            Kind.HANDLED,
            types[row["event_id"]],
            {"type": types[row["event_id"]], "eventId": str(row["event_id"])},
        )
        for row in rows
    ]


def event_types(moments: Collection[Moment]) -> dict[UUID, str]:
    """The events in these moments: id → type."""
    return {UUID(moment.facts["eventId"]): moment.facts["type"] for moment in moments if moment.kind is Kind.EVENT}
