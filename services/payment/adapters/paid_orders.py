"""Orders in PostgreSQL, as far as their payments take turns on them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, affected

_ORDER_LOCKS = 53_001
"""Keeps our advisory locks apart from others in the same database."""


class PostgresPaidOrders:
    """Orders on one connection (ports.PaidOrders)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, order_id: UUID) -> None:
        """Waits until nobody else changes the order's payments, and keeps it so until the transaction ends."""
        await self._connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _ORDER_LOCKS, str(order_id))

    async def has_ended(self, order_id: UUID) -> bool:
        """Whether the order takes no payment any more."""
        ended = await self._connection.fetchval("SELECT true FROM cancelled_orders WHERE order_id = $1", order_id)
        return ended is True

    async def end(self, order_id: UUID) -> None:
        """Records that the order takes no payment any more."""
        await self._connection.execute(
            "INSERT INTO cancelled_orders (order_id) VALUES ($1) ON CONFLICT DO NOTHING", order_id
        )


async def prune_ended(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes at most `limit` orders that ended before an instant; answers how many.

    Never one with a payment that is open or holds money: the row is how it is known that the money has to go back.
    """
    tag: str = await connection.execute(
        "DELETE FROM cancelled_orders WHERE order_id IN ("
        "  SELECT order_id FROM cancelled_orders c WHERE ended_at < $1 AND NOT EXISTS ("
        "    SELECT FROM payments p"
        "    WHERE p.order_id = c.order_id AND p.status NOT IN ('failed', 'cancelled', 'refunded')"
        "  ) ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED"
        ")",
        before,
        limit,
    )
    return affected(tag)
