"""Mails that could not be sent, made of mails that were."""

from __future__ import annotations

import uuid

import asyncpg

from tests.support.real_stack import RealStack
from tests.support.shop import until


async def park_messages_of(stack: RealStack, user_id: str) -> list[uuid.UUID]:
    """Makes all messages to somebody look as if they could not be sent. Their ids, the oldest first.

    Waits until each is recorded as sent, which follows the mail: that record would undo the parking.
    """
    connection = await asyncpg.connect(stack.postgres_url("notification"))
    unsent = "SELECT count(*) FROM messages WHERE user_id = $1 AND status NOT IN ('sent', 'parked')"
    try:
        await until(lambda: connection.fetchval(unsent, uuid.UUID(user_id)), lambda count: count == 0, "all is sent")
        parked = await connection.fetch(
            "UPDATE messages SET status = 'parked', sent_at = NULL, attempts = 10, error = 'SMTPServerDisconnected'"
            " WHERE user_id = $1 RETURNING id",
            uuid.UUID(user_id),
        )
    finally:
        await connection.close()
    return sorted(row["id"] for row in parked)
