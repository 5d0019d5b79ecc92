"""Messages that could not be sent, and messages that wait, in PostgreSQL: what operators look after.

Functions take the connection whose transaction they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.postgres import Connection, Record


@dataclass(frozen=True)
class Parked:
    """One message that is not tried any more, without its reader's address."""

    id: UUID
    user_id: UUID
    type: str
    order_id: UUID | None
    attempts: int
    error: str
    created_at: datetime


async def oldest(connection: Connection, limit: int) -> list[Parked]:
    """So many of them, oldest first."""
    rows = await connection.fetch(
        "SELECT id, user_id, type, order_id, attempts, error, created_at FROM messages"
        " WHERE status = 'parked' ORDER BY id LIMIT $1",
        limit,
    )
    return [_parked(row) for row in rows]


async def try_again(connection: Connection, ids: Sequence[UUID] | None) -> list[UUID]:
    """Have these tried again at once, from the first attempt on, or all; answers which were parked."""
    rows = await connection.fetch(
        "UPDATE messages SET status = 'pending', attempts = 0, next_attempt_at = now()"
        " WHERE status = 'parked' AND ($1::uuid[] IS NULL OR id = ANY ($1)) RETURNING id",
        ids,
    )
    return sorted(row["id"] for row in rows)


async def counts(connection: Connection) -> dict[str, int]:
    """How many messages wait (`pending`), and how many are `parked`."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM messages WHERE status = 'pending') AS pending,"
        " (SELECT count(*) FROM messages WHERE status = 'parked') AS parked"
    )
    return dict(row)


def _parked(row: Record) -> Parked:
    return Parked(
        row["id"], row["user_id"], row["type"], row["order_id"], row["attempts"], row["error"] or "", row["created_at"]
    )
