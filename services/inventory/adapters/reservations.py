"""Reservations in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.postgres import Connection, Record, affected
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.inventory.domain.bounds import Held
from services.inventory.domain.reservations import (
    NoReservation,
    PricedLine,
    ReleaseReason,
    Reservation,
    Standing,
    Status,
)


class PostgresReservations:
    """Reservations on one connection (ports.Reservations)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(
        self,
        order_id: UUID,
        status: Status,
        hold: timedelta,
        reason: ReleaseReason | None = None,
        customer_id: UUID | None = None,
    ) -> bool:
        """See ports.Reservations.claim. The lock is taken before the row is inserted, in one statement."""
        claimed = await self._connection.fetchval(
            "INSERT INTO reservations (order_id, status, release_reason, expires_at, customer_id)"
            " SELECT $1, $2, $3, now() + $4, $5::uuid"
            " FROM (SELECT pg_advisory_xact_lock(hashtextextended($5::uuid::text, 0))) AS locked"
            " ON CONFLICT (order_id) DO NOTHING RETURNING true",
            order_id,
            status,
            reason,
            hold,
            customer_id,
        )
        return claimed is True

    async def held_by(self, customer_id: UUID, but: UUID) -> Held:
        """See ports.Reservations.held_by."""
        # A later statement than the lock: what is counted is what the orders before this one have committed.
        row = await self._connection.fetchrow(
            "SELECT count(DISTINCT order_id) AS orders, coalesce(sum(quantity), 0)::bigint AS pieces"
            " FROM reservations LEFT JOIN reservation_items USING (order_id)"
            " WHERE customer_id = $1 AND status = 'held' AND order_id <> $2",
            customer_id,
            but,
        )
        return Held(row["orders"], row["pieces"])

    async def add_lines(self, order_id: UUID, lines: Sequence[PricedLine]) -> datetime:
        """Store the lines of a new reservation. Returns the end of its hold."""
        expires_at: datetime = await self._connection.fetchval(
            "WITH added AS ("
            "  INSERT INTO reservation_items (order_id, line, product_id, quantity, price)"
            "  SELECT $1, line, product_id, quantity, price"
            "  FROM unnest($2::text[], $3::int[], $4::numeric[])"
            "  WITH ORDINALITY AS l (product_id, quantity, price, line)"
            ")"
            " UPDATE reservations SET currency = $5 WHERE order_id = $1 RETURNING expires_at",
            order_id,
            [line.product_id for line in lines],
            [line.quantity for line in lines],
            [line.price.decimal for line in lines],
            lines[0].price.currency,
        )
        return expires_at

    async def lock(self, order_id: UUID) -> Reservation:
        """The order's reservation, locked until the transaction ends. Raises NoReservation."""
        # Lines are committed with their reservation and never change: they need no statement after the lock.
        rows = await self._connection.fetch(
            "SELECT r.order_id, status, release_reason, currency, expires_at, product_id, quantity, price"
            " FROM reservations r LEFT JOIN reservation_items i USING (order_id)"
            " WHERE r.order_id = $1 ORDER BY line FOR UPDATE OF r",
            order_id,
        )
        if not rows:
            raise NoReservation
        row = rows[0]
        return Reservation(
            order_id=row["order_id"],
            status=Status(row["status"]),
            release_reason=_reason(row),
            currency=row["currency"] or "",
            expires_at=row["expires_at"],
            lines=[
                PricedLine(line["product_id"], line["quantity"], Money.kept(line["price"], row["currency"]))
                for line in rows
                if line["product_id"] is not None
            ],
        )

    async def extend(self, order_id: UUID, hold: timedelta) -> datetime:
        """Extend the hold to this long from now. Returns its end."""
        expires_at: datetime = await self._connection.fetchval(
            "UPDATE reservations SET expires_at = now() + $2, updated_at = now()"
            " WHERE order_id = $1 RETURNING expires_at",
            order_id,
            hold,
        )
        return expires_at

    async def move(self, order_id: UUID, status: Status, reason: ReleaseReason | None = None) -> None:
        """Store the reservation's status."""
        await self._connection.execute(
            "UPDATE reservations SET status = $2, release_reason = $3, updated_at = now() WHERE order_id = $1",
            order_id,
            status,
            reason,
        )

    async def note_shipped(self, order_id: UUID) -> None:
        """Record that the order is shipped: it cannot be cancelled, so its reservation releases nothing."""
        await self._connection.execute(
            "UPDATE reservations SET shipped_at = now() WHERE order_id = $1 AND shipped_at IS NULL", order_id
        )

    async def expired(self, limit: int) -> list[UUID]:
        """Up to `limit` orders whose unused holds have ended, oldest end first."""
        rows = await self._connection.fetch(
            "SELECT order_id FROM reservations WHERE status = 'held' AND expires_at < now()"
            " ORDER BY expires_at LIMIT $1",
            limit,
        )
        return [row["order_id"] for row in rows]

    async def extend_expired(self, order_ids: Sequence[UUID], hold: timedelta) -> int:
        """Extend those of these orders' holds that have ended to this long from now. Returns their number."""
        tag: str = await self._connection.execute(
            "UPDATE reservations SET expires_at = now() + $2, updated_at = now()"
            " WHERE order_id = ANY($1) AND status = 'held' AND expires_at < now()",
            list(order_ids),
            hold,
        )
        return affected(tag)

    async def lock_expired(self, order_id: UUID) -> bool:
        """Lock the order's hold if it has ended and nobody else has it locked; whether that was so."""
        locked = await self._connection.fetchval(
            "SELECT true FROM reservations WHERE order_id = $1 AND status = 'held' AND expires_at < now()"
            " FOR UPDATE SKIP LOCKED",
            order_id,
        )
        return locked is True

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """See ports.Reservations.page."""
        rows = await self._connection.fetch(
            "SELECT order_id FROM reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2",
            after or ids.NIL,
            limit,
        )
        return [row["order_id"] for row in rows]

    async def standing(self, order_ids: Sequence[UUID], settled: timedelta) -> list[Standing]:
        """See ports.Reservations.standing."""
        rows = await self._connection.fetch(
            "SELECT order_id, status, release_reason FROM reservations"
            " WHERE order_id = ANY($1) AND updated_at <= now() - $2::interval ORDER BY order_id",
            list(order_ids),
            settled,
        )
        return [Standing(row["order_id"], Status(row["status"]), _reason(row)) for row in rows]

    async def statuses(self, order_ids: Sequence[UUID]) -> dict[UUID, Status]:
        """See ports.Reservations.statuses."""
        rows = await self._connection.fetch(
            "SELECT order_id, status FROM reservations WHERE order_id = ANY($1)", list(order_ids)
        )
        return {row["order_id"]: Status(row["status"]) for row in rows}

    async def products(self, order_id: UUID) -> list[str]:
        """See ports.Reservations.products."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT product_id FROM reservation_items WHERE order_id = $1 ORDER BY product_id", order_id
        )
        return [row["product_id"] for row in rows]


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` reservations that were given back or shipped before an instant; answers how many.

    Never one that is held, or sold and not shipped: its order may yet be cancelled.
    """
    tag: str = await connection.execute(
        "DELETE FROM reservations WHERE order_id IN ("
        "  (SELECT order_id FROM reservations WHERE status = 'released' AND updated_at < $1"
        "   ORDER BY updated_at LIMIT $2)"
        "  UNION ALL"
        "  (SELECT order_id FROM reservations WHERE status = 'committed' AND shipped_at < $1"
        "   ORDER BY shipped_at LIMIT $2)"
        "  LIMIT $2"
        ") AND CASE status WHEN 'released' THEN updated_at < $1 WHEN 'committed' THEN shipped_at < $1 END",
        before,
        limit,
    )
    return affected(tag)


def _reason(row: Record) -> ReleaseReason | None:
    return ReleaseReason(row["release_reason"]) if row["release_reason"] else None
