"""Applied notices in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.postgres import Connection, affected
from services.payment.domain.notices import Notice

KEEP = timedelta(days=30)
"""Stripe repeats a webhook for three days: https://docs.stripe.com/webhooks#retries."""


class PostgresNotices:
    """Applied notices on one connection (ports.Notices)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def was_processed(self, notice: Notice) -> bool:
        """Whether the provider's notice has been applied."""
        seen = await self._connection.fetchval(
            "SELECT true FROM processed_webhook_events WHERE provider = $1 AND event_id = $2",
            notice.provider,
            notice.id,
        )
        return seen is True

    async def processed(self, notice: Notice, payment_id: UUID) -> None:
        """Records that a notice about a payment needs nothing more."""
        await self._connection.execute(
            "INSERT INTO processed_webhook_events (provider, event_id, type, payment_id) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING",
            notice.provider,
            notice.id,
            notice.type,
            payment_id,
        )


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes at most `limit` notices that were applied before an instant; answers how many."""
    tag: str = await connection.execute(
        "DELETE FROM processed_webhook_events WHERE (provider, event_id) IN ("
        " SELECT provider, event_id FROM processed_webhook_events"
        " WHERE received_at < $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before,
        limit,
    )
    return affected(tag)
