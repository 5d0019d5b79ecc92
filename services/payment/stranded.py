"""Payments that need a person, in PostgreSQL: what operators look after.

Functions take the connection whose transaction they belong to.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog
from prometheus_client import Gauge

from services.chassis.errors import Unavailable
from services.chassis.metrics import show_from_the_start
from services.chassis.postgres import Connection, Postgres, Record
from services.payment.domain import Stranded

_EVERY_SECONDS = 15.0
_payments = Gauge("argosy_payments_stranded", "Payments that need a person, by why.", ["reason"])
show_from_the_start(_payments, Stranded)
_log = structlog.get_logger()


@dataclass(frozen=True)
class StrandedPayment:
    """A payment that needs a person."""

    id: UUID
    order_id: UUID
    user_id: UUID
    since: datetime
    reason: Stranded
    status: str
    held: Decimal
    """What it holds: what was taken less what went back."""
    currency: str
    intent_id: str | None
    last_failure: str | None
    """Why the last refund failed, in Stripe's words."""
    disputes: str | None
    """How disputes stand, in Stripe's words."""


async def oldest(connection: Connection, limit: int) -> list[StrandedPayment]:
    """So many of them, oldest first."""
    rows = await connection.fetch(
        """
        SELECT p.id, p.order_id, p.user_id, p.stranded_at, p.stranded, p.status, p.currency, p.stripe_payment_intent_id,
               CASE WHEN p.status IN ('succeeded', 'partially_refunded', 'refunded') THEN p.amount - (
                   SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.payment_id = p.id AND r.status = 'succeeded'
               ) ELSE 0 END AS held,
               (SELECT r.failure_code FROM refunds r WHERE r.payment_id = p.id AND r.failure_code IS NOT NULL
                ORDER BY r.id DESC LIMIT 1) AS last_failure,
               (SELECT string_agg(d.reason || ': ' || d.status, ', ' ORDER BY d.created_at) FROM disputes d
                WHERE d.payment_id = p.id) AS disputes
        FROM payments p WHERE p.stranded IS NOT NULL ORDER BY p.stranded_at, p.id LIMIT $1
        """,
        limit,
    )
    return [_stranded(row) for row in rows]


async def all_ids(connection: Connection) -> list[UUID]:
    """All of them, oldest first."""
    rows = await connection.fetch("SELECT id FROM payments WHERE stranded IS NOT NULL ORDER BY stranded_at, id")
    return [row["id"] for row in rows]


@dataclass(frozen=True)
class CountStranded:
    """Shows how many there are, for the alert."""

    postgres: Postgres

    async def run(self) -> None:
        """Count from time to time; until cancelled."""
        while True:
            with contextlib.suppress(Unavailable):  # said where it happened; the last figure stands
                await self.once()
            await asyncio.sleep(_EVERY_SECONDS)

    async def once(self) -> None:
        """Count now."""
        rows = await self.postgres.fetch(
            "SELECT stranded, count(*) AS count FROM payments WHERE stranded IS NOT NULL GROUP BY stranded"
        )
        counts = {row["stranded"]: row["count"] for row in rows}
        for reason in Stranded:
            _payments.labels(reason).set(counts.get(reason, 0))


def _stranded(row: Record) -> StrandedPayment:
    return StrandedPayment(
        id=row["id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        since=row["stranded_at"],
        reason=Stranded(row["stranded"]),
        status=row["status"],
        held=row["held"],
        currency=row["currency"],
        intent_id=row["stripe_payment_intent_id"],
        last_failure=row["last_failure"],
        disputes=row["disputes"],
    )
