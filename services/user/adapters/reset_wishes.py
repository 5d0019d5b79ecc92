"""Addresses for which a password reset was requested, in PostgreSQL."""

from __future__ import annotations

from services.chassis.data.postgres import Connection
from services.chassis.plain.ids import new_id


class PostgresResetWishes:
    """Requested resets on one connection (ports.ResetWishes)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, address_key: str) -> None:
        """See ports.ResetWishes.add."""
        await self._connection.execute(
            "INSERT INTO reset_wishes (id, address_key) VALUES ($1, $2)", new_id(), address_key
        )

    async def take(self) -> str | None:
        """See ports.ResetWishes.take."""
        address_key: str | None = await self._connection.fetchval(
            """
            DELETE FROM reset_wishes WHERE id = (SELECT id FROM reset_wishes ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING address_key
            """
        )
        return address_key
