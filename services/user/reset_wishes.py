"""Addresses for which a reset was asked, in PostgreSQL, until somebody sees to them.

Functions take the connection whose transaction they belong to.
"""

from __future__ import annotations

from services.chassis.ids import new_id
from services.chassis.postgres import Connection


async def add(connection: Connection, address_key: str) -> None:
    """Store a wish."""
    await connection.execute("INSERT INTO reset_wishes (id, address_key) VALUES ($1, $2)", new_id(), address_key)


async def take(connection: Connection) -> str | None:
    """The address of the oldest wish that nobody else is seeing to; it is gone with the transaction's commit."""
    address_key: str | None = await connection.fetchval(
        """
        DELETE FROM reset_wishes WHERE id = (SELECT id FROM reset_wishes ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING address_key
        """
    )
    return address_key
