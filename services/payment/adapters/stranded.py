"""Payments that need a person, in PostgreSQL."""

from __future__ import annotations

from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.plain.money import Money
from services.payment.domain.payments import Stranded, StrandedPayment


class PostgresStranded:
    """Stranded payments on one connection (ports.StrandedPayments)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def oldest(self, limit: int) -> list[StrandedPayment]:
        """Up to `limit` of them, oldest first."""
        rows = await self._connection.fetch(
            """
            SELECT p.id, p.order_id, p.user_id, p.stranded_at, p.stranded, p.status, p.currency,
                   p.provider_reference,
                   CASE WHEN p.status IN ('succeeded', 'partially_refunded', 'refunded') THEN p.amount - (
                       SELECT coalesce(sum(amount), 0) FROM refunds r
                       WHERE r.payment_id = p.id AND r.status = 'succeeded'
                   ) ELSE 0 END AS held,
                   (SELECT r.failure_code FROM refunds r WHERE r.payment_id = p.id AND r.failure_code IS NOT NULL
                    ORDER BY r.id DESC LIMIT 1) AS last_failure,
                   (SELECT string_agg(d.reason || ': ' || d.status, ', ' ORDER BY d.created_at) FROM disputes d
                    WHERE d.payment_id = p.id) AS disputes
            FROM payments p WHERE p.stranded IS NOT NULL ORDER BY p.stranded_at, p.id LIMIT $1
            """,
            limit,
        )
        return [_stranded(row) for row in rows]

    async def ids(self) -> list[UUID]:
        """All of them, oldest first."""
        rows = await self._connection.fetch(
            "SELECT id FROM payments WHERE stranded IS NOT NULL ORDER BY stranded_at, id"
        )
        return [row["id"] for row in rows]

    async def counts(self) -> dict[Stranded, int]:
        """How many there are, by reason; reasons without any are absent."""
        rows = await self._connection.fetch(
            "SELECT stranded, count(*) AS count FROM payments WHERE stranded IS NOT NULL GROUP BY stranded"
        )
        return {Stranded(row["stranded"]): row["count"] for row in rows}


def _stranded(row: Record) -> StrandedPayment:
    return StrandedPayment(
        id=row["id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        since=row["stranded_at"],
        reason=Stranded(row["stranded"]),
        status=row["status"],
        held=Money.kept(row["held"], row["currency"]),
        provider_reference=row["provider_reference"],
        last_failure=row["last_failure"],
        disputes=row["disputes"],
    )
