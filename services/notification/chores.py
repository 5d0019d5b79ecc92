"""What ends by time, and what is deleted after its time. README.md says how long and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.chassis import inbox
from services.chassis.housekeeping import Chore
from services.chassis.postgres import Connection
from services.notification import outcomes
from services.notification.settings import NotificationSettings

KEEP_FORGOTTEN = inbox.KEEP
"""No topic keeps an event for as long: nothing that names the person can come again."""
_NEVER_ADDRESSED = "nobody said where to send it"


def chores(settings: NotificationSettings) -> tuple[Chore, ...]:
    """The service's own, beside the chassis'."""
    keep = timedelta(days=settings.keep_messages_days)
    return (
        Chore("messages that wait for an address", drop_unaddressed, timedelta(days=settings.unaddressed_days)),
        Chore("messages", prune_messages, keep),
        Chore("orders", prune_orders, keep),
        Chore("recipients", prune_forgotten, KEEP_FORGOTTEN),
    )


async def drop_unaddressed(connection: Connection, before: datetime, limit: int) -> int:
    """Drop at most `limit` messages that wait since before an instant and whose reader nobody knows; answers how many.

    Also those whose reader was forgotten in the very moment in which they were written.
    """
    rows = await connection.fetch(
        """
        UPDATE messages SET status = 'dropped', error = $3, data = '{}' WHERE status = 'pending' AND id IN (
            SELECT m.id FROM messages m LEFT JOIN recipients r USING (user_id)
            WHERE m.status = 'pending' AND m.next_attempt_at < $1 AND r.email IS NULL LIMIT $2
        ) RETURNING type
        """,
        before,
        limit,
        _NEVER_ADDRESSED,
    )
    for row in rows:
        outcomes.count(row["type"], "dropped")
    return len(rows)


async def prune_messages(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` messages from before an instant, except those that wait; answers how many."""
    return await _deleted(
        connection,
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages"
        " WHERE status <> 'pending' AND created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )


async def prune_orders(connection: Connection, before: datetime, limit: int) -> int:
    """Forget what was ordered before an instant, at most `limit` orders; answers how many."""
    return await _deleted(
        connection,
        "DELETE FROM orders WHERE order_id IN"
        " (SELECT order_id FROM orders WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )


async def prune_forgotten(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` notes that somebody was forgotten before an instant; answers how many."""
    return await _deleted(
        connection,
        "DELETE FROM recipients WHERE user_id IN"
        " (SELECT user_id FROM recipients WHERE forgotten_at < $1 ORDER BY forgotten_at LIMIT $2)",
        before,
        limit,
    )


async def _deleted(connection: Connection, statement: str, before: datetime, limit: int) -> int:
    tag: str = await connection.execute(statement, before, limit)
    return int(tag.rpartition(" ")[2])
