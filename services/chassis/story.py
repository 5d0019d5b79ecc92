"""The story of one thing (an order): what each service knows of it, as moments that a reader puts in order.

Each service tells what is in its own store (`services/<name>/story.py`); this module holds the form that all share, and
what outbox and inbox add. `argosy story` collects, sorts and prints.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.chassis.postgres import Connection


class Kind(StrEnum):
    """What sort of moment it is."""

    CALL = "call"
    """A request that a service answered."""
    EVENT = "event"
    """A fact that was stored, and goes to the bus."""
    PUBLISHED = "published"
    """The broker acknowledged an event."""
    HANDLED = "handled"
    """A consumer applied an event."""
    PAYMENT = "payment"
    """A payment or refund changed, or the provider was asked."""
    LEDGER = "ledger"
    """Money moved."""
    STOCK = "stock"
    """Stock moved, or its reservation changed."""
    MAIL = "mail"
    """A message to the customer."""
    LOG = "log"
    """A line of a service's log: a retry, a refusal, a failure."""
    WAITING = "waiting"
    """What is still to come."""


@dataclass(frozen=True)
class Moment:
    """One thing that happened, or is waited for. Holds no personal data and no secret: it is printed."""

    at: datetime
    service: str
    kind: Kind
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Ids and values for programs; `eventId` and `traceparent` link moments of different services."""


async def outbox_moments(connection: Connection, service: str, key: str) -> list[Moment]:
    """The events under a key that the outbox still holds (a day): when each was stored, and published."""
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
    """When a consumer applied each of these events (id → type), as far as it has."""
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
    """The events that these moments name: id → type."""
    return {UUID(moment.facts["eventId"]): moment.facts["type"] for moment in moments if moment.kind is Kind.EVENT}
