# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""Refunds in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.data.postgres import Record
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.payment.adapters.asked import AskedRows
from services.payment.domain.refunds import Refund, RefundStatus

_REFUND = (
    "id, payment_id, provider, provider_reference, amount, currency, reason, status, idempotency_key, ordered_by,"
    " caller_key, failure_code, created_at, check_at, checks, key_number, server_errors, processed_at"
)


class PostgresRefunds(AskedRows[Refund]):
    """Refunds on one connection (ports.Refunds)."""

    table = "refunds"

    async def add(self, refund: Refund) -> None:
        """Stores a new refund."""
        await self._connection.execute(
            "INSERT INTO refunds (id, payment_id, provider_reference, amount, currency, reason, status,"
            " idempotency_key, ordered_by, caller_key, created_at, check_at, checks, provider)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            refund.id,
            refund.payment_id,
            refund.provider_reference,
            refund.amount.decimal,
            refund.amount.currency,
            refund.reason,
            refund.status,
            refund.key,
            refund.ordered_by,
            refund.idempotency_key,
            refund.created_at,
            refund.check_at,
            refund.checks,
            refund.provider,
        )

    async def find(self, refund_id: UUID) -> Refund | None:
        """The refund of this id."""
        row = await self._connection.fetchrow(f"SELECT {_REFUND} FROM refunds WHERE id = $1", refund_id)
        return _refund(row) if row else None

    async def of_payment(self, payment_id: UUID) -> list[Refund]:
        """All refunds of a payment, which the caller has locked, oldest first."""
        rows = await self._connection.fetch(
            f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 ORDER BY id", payment_id
        )
        return [_refund(row) for row in rows]

    async def page(self, payment_id: UUID, *, before: UUID | None, limit: int) -> list[Refund]:
        """Up to `limit` refunds of a payment older than `before`, newest first."""
        rows = await self._connection.fetch(
            f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            payment_id,
            before or ids.MAX,
            limit,
        )
        return [_refund(row) for row in rows]

    async def has_status(self, provider: str, reference: str, status: RefundStatus) -> bool:
        """Whether the refund with the provider's reference is known to have this status."""
        known = await self._connection.fetchval(
            "SELECT status FROM refunds WHERE provider = $1 AND provider_reference = $2", provider, reference
        )
        return bool(known == status)

    async def save(self, refund: Refund) -> None:
        """Writes the refund's state."""
        await self._connection.execute(
            "UPDATE refunds SET provider_reference = $2, status = $3, failure_code = $4, check_at = $5, checks = $6,"
            " processed_at = $7 WHERE id = $1",
            refund.id,
            refund.provider_reference,
            refund.status,
            refund.failure_code,
            refund.check_at,
            refund.checks,
            refund.processed_at,
        )

    async def take_due(self, now: datetime, lease: timedelta, limit: int, providers: Collection[str]) -> list[Refund]:
        """Up to `limit` refunds of these providers that are due; nobody else takes them before the lease has ended."""
        rows = await self._connection.fetch(
            "UPDATE refunds SET check_at = $1::timestamptz + $2, checks = checks + 1 WHERE id IN ("
            " SELECT id FROM refunds WHERE check_at <= $1 AND provider = ANY ($4) ORDER BY check_at LIMIT $3"
            " FOR UPDATE SKIP LOCKED"
            f") RETURNING {_REFUND}",
            now,
            lease,
            limit,
            list(providers),
        )
        return [_refund(row) for row in rows]


def _refund(row: Record) -> Refund:
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        amount=Money.kept(row["amount"], row["currency"]),
        provider=row["provider"],
        reason=row["reason"],
        key=row["idempotency_key"],
        created_at=row["created_at"],
        status=RefundStatus(row["status"]),
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
        ordered_by=row["ordered_by"],
        idempotency_key=row["caller_key"],
        check_at=row["check_at"],
        checks=row["checks"],
        key_number=row["key_number"],
        server_errors=row["server_errors"],
        processed_at=row["processed_at"],
    )
