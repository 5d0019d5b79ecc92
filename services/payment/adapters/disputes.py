"""Disputes in PostgreSQL."""

from __future__ import annotations

from uuid import UUID

from services.chassis.data.postgres import Connection
from services.payment.domain.disputes import DisputeState, ProviderDispute


class PostgresDisputes:
    """Disputes on one connection (ports.Disputes)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, payment_id: UUID, provider: str, dispute: ProviderDispute) -> None:
        """Writes a dispute of the payment, which is locked. An open state does not replace a final one."""
        await self._connection.execute(
            "INSERT INTO disputes (provider, provider_reference, payment_id, amount, currency, reason, status, state)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (provider, provider_reference) DO UPDATE SET"
            " amount = excluded.amount, reason = excluded.reason, status = excluded.status, state = excluded.state"
            " WHERE disputes.state NOT IN ('won', 'lost') OR excluded.state IN ('won', 'lost')",
            provider,
            dispute.reference,
            payment_id,
            dispute.amount.decimal,
            dispute.amount.currency,
            dispute.reason,
            dispute.status,
            dispute.state,
        )

    async def of_payment(self, payment_id: UUID) -> dict[str, DisputeState]:
        """The state of each dispute of a payment, which the caller has locked, by the provider's reference."""
        rows = await self._connection.fetch(
            "SELECT provider_reference, state FROM disputes WHERE payment_id = $1", payment_id
        )
        return {row["provider_reference"]: DisputeState(row["state"]) for row in rows}
