"""Mails that could not be sent, made of mails that were."""

from __future__ import annotations

import uuid

import asyncpg

from tests.support.real_stack import RealStack


async def park_messages_of(stack: RealStack, user_id: str) -> list[uuid.UUID]:
    """Makes all messages to somebody look as if they could not be sent. Their ids, the oldest first."""
    connection = await asyncpg.connect(stack.postgres_url("notification"))
    try:
        parked = await connection.fetch(
            "UPDATE messages SET status = 'parked', sent_at = NULL, attempts = 10, error = 'SMTPServerDisconnected'"
            " WHERE user_id = $1 RETURNING id",
            uuid.UUID(user_id),
        )
    finally:
        await connection.close()
    return sorted(row["id"] for row in parked)
