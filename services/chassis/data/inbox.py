"""The inbox: records processed events, so that a duplicate delivery has no effect.

A handler calls it in the transaction of its effect:

    async with postgres.transaction() as connection:
        if await inbox.first_time(connection, GROUP, event.id):
            ...the effect...
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.postgres import Connection, affected
from services.chassis.plain.crash_points import reach

KEEP = timedelta(days=91)
"""Longer than any topic's retention, so that reading a topic again from its start has no second effect."""


async def first_time(connection: Connection, consumer: str, event_id: UUID) -> bool:
    """Record the event as processed by this consumer. True the first time, False for a duplicate.

    Waits while another transaction is recording the same event; True if that one rolls back. Raises RuntimeError
    outside a transaction.
    """
    _require_transaction(connection)
    inserted = await connection.fetchval(
        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
        consumer,
        event_id,
    )
    reach("inbox.claimed")
    return inserted is not None


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` entries of events that were processed before `before`. Returns the number."""
    tag: str = await connection.execute(
        """
        DELETE FROM inbox WHERE (consumer, event_id) IN (
            SELECT consumer, event_id FROM inbox WHERE processed_at < $1 ORDER BY processed_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)


def _require_transaction(connection: Connection) -> None:
    if not connection.is_in_transaction():
        raise RuntimeError("the inbox must be used in the transaction of the effect")
