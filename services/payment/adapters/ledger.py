"""The books in PostgreSQL; the database refuses every change of a line."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.chassis.data.postgres import Connection
from services.payment.adapters.storable import storable
from services.payment.domain.ledger import LedgerLine


class PostgresLedger:
    """The books on one connection (ports.Ledger)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, payment_id: UUID, lines: Sequence[LedgerLine]) -> None:
        """Books lines. The same line a second time is an error: money was counted twice. Raises NotStorable."""
        if not lines:
            return
        rows = [
            (
                payment_id,
                line.refund_id,
                line.entry,
                line.amount.decimal,
                line.amount.currency,
                line.provider,
                line.reference,
            )
            for line in lines
        ]
        with storable():
            await self._connection.executemany(
                "INSERT INTO ledger_entries"
                " (payment_id, refund_id, entry, amount, currency, provider, provider_reference)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                rows,
            )

    async def booked(self, payment_id: UUID) -> frozenset[str]:
        """The references of all that is booked of a payment, which the caller has locked."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT provider_reference FROM ledger_entries WHERE payment_id = $1", payment_id
        )
        return frozenset(row["provider_reference"] for row in rows)
