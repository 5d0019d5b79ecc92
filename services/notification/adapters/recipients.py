"""Recipients in PostgreSQL: addresses, preferences and order summaries of users."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, affected
from services.chassis.plain import ids
from services.notification.domain.messages import OrderSummary
from services.notification.domain.preferences import Preference

READER_GONE = "its reader's account was deleted"


class PostgresRecipients:
    """Recipients on one connection (ports.Recipients)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, user_id: UUID, email: str, name: str) -> None:
        """Store a user's address. Ignored for a deleted user."""
        await self._connection.execute(
            "INSERT INTO recipients (user_id, email, name) VALUES ($1, $2, $3)"
            " ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, name = excluded.name, updated_at = now()"
            " WHERE recipients.forgotten_at IS NULL",
            user_id,
            email,
            name,
        )

    async def forget(self, user_id: UUID) -> list[str]:
        """Delete a user's address, and drop the waiting messages. Returns the types of those messages.

        The deletion is recorded, so that later messages are dropped as well.
        """
        await self._connection.execute(
            "INSERT INTO recipients (user_id, forgotten_at) VALUES ($1, now()) ON CONFLICT (user_id) DO UPDATE"
            " SET email = NULL, name = NULL,"
            " forgotten_at = coalesce(recipients.forgotten_at, now()), updated_at = now()",
            user_id,
        )
        await self._connection.execute("DELETE FROM preferences WHERE user_id = $1", user_id)
        rows = await self._connection.fetch(
            "UPDATE messages SET status = 'dropped', error = $2, data = '{}'"
            " WHERE user_id = $1 AND status IN ('pending', 'parked') RETURNING type",
            user_id,
            READER_GONE,
        )
        return [row["type"] for row in rows]


class PostgresPreferences:
    """Preferences on one connection (ports.Preferences)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, user_id: UUID) -> dict[str, bool]:
        """A user's preferences by the name of the kind."""
        rows = await self._connection.fetch("SELECT kind, email FROM preferences WHERE user_id = $1", user_id)
        return {row["kind"]: row["email"] for row in rows}

    async def keep(self, user_id: UUID, stated: Sequence[Preference]) -> None:
        """Store preferences. Ignored for a deleted user."""
        await self._connection.executemany(
            "INSERT INTO preferences (user_id, kind, email) SELECT $1, $2, $3"
            " WHERE NOT EXISTS (SELECT FROM recipients WHERE user_id = $1 AND forgotten_at IS NOT NULL)"
            " ON CONFLICT (user_id, kind) DO UPDATE SET email = excluded.email, updated_at = now()",
            [(user_id, each.kind, each.email) for each in sorted(stated, key=lambda each: each.kind)],
        )


class PostgresOrderSummaries:
    """Summaries of orders on one connection (ports.OrderSummaries)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, order_id: UUID, order: OrderSummary) -> None:
        """Store the order's summary."""
        items = [
            {"productId": line.product_id, "quantity": line.quantity, "price": line.price.text} for line in order.lines
        ]
        await self._connection.execute(
            "INSERT INTO orders (order_id, items, total_amount, currency) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (order_id) DO NOTHING",
            order_id,
            json.dumps(items),
            order.total.text,
            order.total.currency,
        )

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """See ports.OrderSummaries.page."""
        rows = await self._connection.fetch(
            "SELECT order_id FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2",
            after or ids.NIL,
            limit,
        )
        return [row["order_id"] for row in rows]


async def prune_orders(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` order summaries from before an instant. Returns their number."""
    return await _deleted(
        connection,
        "DELETE FROM orders WHERE order_id IN"
        " (SELECT order_id FROM orders WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )


async def prune_forgotten(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` records of users deleted before an instant. Returns their number."""
    return await _deleted(
        connection,
        "DELETE FROM recipients WHERE user_id IN"
        " (SELECT user_id FROM recipients WHERE forgotten_at < $1 ORDER BY forgotten_at LIMIT $2)",
        before,
        limit,
    )


async def _deleted(connection: Connection, statement: str, before: datetime, limit: int) -> int:
    tag: str = await connection.execute(statement, before, limit)
    return affected(tag)
