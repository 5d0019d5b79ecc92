# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""Charges of store credit in PostgreSQL: what was asked for payments, one row a payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.plain.money import Money
from services.payment.domain.charges import ChargeState
from services.payment.domain.payments import Payment

_AFTER_ALL = 2**63 - 1
_CHARGE = "reference, position, payment_id, user_id, amount, currency, state, created_at"


@dataclass(frozen=True)
class CreditCharge:
    """What was asked for a payment, and what came of it."""

    reference: str
    position: int
    """Its place in the list of all charges."""
    payment_id: UUID
    user_id: UUID
    amount: Money
    state: ChargeState
    created_at: datetime


class PostgresCharges:
    """Charges on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, reference: str, payment: Payment) -> bool:
        """Writes a charge as one that succeeds. False: the payment has one.

        A transaction that is about to write the same charge is waited for.
        """
        added = await self._connection.fetchval(
            "INSERT INTO credit_charges (reference, payment_id, user_id, amount, currency, state)"
            " VALUES ($1, $2, $3, $4, $5, 'succeeded') ON CONFLICT DO NOTHING RETURNING true",
            reference,
            payment.id,
            payment.user_id,
            payment.amount.decimal,
            payment.amount.currency,
        )
        return added is True

    async def find(self, reference: str) -> CreditCharge | None:
        """The charge with this reference."""
        return await self._one("reference = $1", reference)

    async def lock(self, reference: str) -> CreditCharge | None:
        """The charge with this reference, locked until the transaction ends."""
        return await self._one("reference = $1 FOR UPDATE", reference)

    async def of_payment(self, payment_id: UUID) -> CreditCharge | None:
        """The charge of a payment."""
        return await self._one("payment_id = $1", payment_id)

    async def decline(self, reference: str) -> None:
        """The balance does not cover the charge."""
        await self._connection.execute(
            "UPDATE credit_charges SET state = 'declined' WHERE reference = $1 AND state = 'succeeded'", reference
        )

    async def cancel(self, reference: str) -> None:
        """Nobody may pay through the charge any more. One that succeeded stays as it is."""
        await self._connection.execute(
            "UPDATE credit_charges SET state = 'cancelled' WHERE reference = $1 AND state = 'declined'", reference
        )

    async def page(self, after: CreditCharge | None, limit: int) -> list[CreditCharge]:
        """Up to `limit` charges that are older than `after`, newest first."""
        rows = await self._connection.fetch(
            f"SELECT {_CHARGE} FROM credit_charges WHERE position < $1 ORDER BY position DESC LIMIT $2",
            after.position if after else _AFTER_ALL,
            limit,
        )
        return [_charge(row) for row in rows]

    async def _one(self, condition: str, value: object) -> CreditCharge | None:
        row = await self._connection.fetchrow(f"SELECT {_CHARGE} FROM credit_charges WHERE {condition}", value)
        return _charge(row) if row else None


def _charge(row: Record) -> CreditCharge:
    return CreditCharge(
        reference=row["reference"],
        position=row["position"],
        payment_id=row["payment_id"],
        user_id=row["user_id"],
        amount=Money.kept(row["amount"], row["currency"]),
        state=ChargeState(row["state"]),
        created_at=row["created_at"],
    )
