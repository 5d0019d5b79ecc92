# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""Balances of store credit, and the entries that they come to, in PostgreSQL.

An entry and the balance are written in one transaction. Whoever changes a balance locks its row until the transaction
ends, so two changes at once take turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.payment.domain.credit import ComparedCredit, CreditEntry, CreditKind

_ENTRY = "id, user_id, currency, kind, amount, payment_id, refund_id, granted_by, reason, created_at"


class PostgresCredit:
    """Balances on one connection (ports.Credit)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, entry: CreditEntry) -> None:
        """Writes an entry that adds to the customer's balance. A second entry of one refund is an error."""
        await self._connection.execute(
            "INSERT INTO credit_accounts (user_id, currency, balance) VALUES ($1, $2, $3)"
            " ON CONFLICT (user_id, currency) DO UPDATE SET balance = credit_accounts.balance + excluded.balance",
            entry.user_id,
            entry.amount.currency,
            entry.amount.decimal,
        )
        await self._write(entry)

    async def take(self, entry: CreditEntry) -> bool:
        """Writes a charge, which takes from the balance. False: the balance is less; nothing was written."""
        covered = await self._connection.fetchval(
            "UPDATE credit_accounts SET balance = balance - $3"
            " WHERE user_id = $1 AND currency = $2 AND balance >= $3 RETURNING true",
            entry.user_id,
            entry.amount.currency,
            entry.amount.decimal,
        )
        if not covered:
            return False
        await self._write(entry)
        return True

    async def of_user(self, user_id: UUID) -> list[Money]:
        """The customer's balances, by currency. One that never had an entry is absent."""
        rows = await self._connection.fetch(
            "SELECT balance, currency FROM credit_accounts WHERE user_id = $1 ORDER BY currency", user_id
        )
        return [Money.kept(row["balance"], row["currency"]) for row in rows]

    async def page(self, user_id: UUID, *, before: UUID | None, limit: int) -> list[CreditEntry]:
        """Up to `limit` entries of a customer older than `before`, newest first."""
        rows = await self._connection.fetch(
            f"SELECT {_ENTRY} FROM credit_entries WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            user_id,
            before or ids.MAX,
            limit,
        )
        return [_entry(row) for row in rows]

    async def of_refund(self, refund_id: UUID) -> CreditEntry | None:
        """The entry of a refund."""
        row = await self._connection.fetchrow(f"SELECT {_ENTRY} FROM credit_entries WHERE refund_id = $1", refund_id)
        return _entry(row) if row else None

    async def reversals_of(self, payment_id: UUID) -> list[CreditEntry]:
        """What came back of a payment with store credit, oldest first."""
        rows = await self._connection.fetch(
            f"SELECT {_ENTRY} FROM credit_entries WHERE payment_id = $1 AND kind = 'reversal' ORDER BY id", payment_id
        )
        return [_entry(row) for row in rows]

    async def given_back(self, payment_ids: Sequence[UUID]) -> Mapping[UUID, Money]:
        """What came back of each of these payments, together; one of which nothing did is absent."""
        rows = await self._connection.fetch(
            "SELECT payment_id, currency, sum(amount) AS amount FROM credit_entries"
            " WHERE payment_id = ANY($1) AND kind = 'reversal' GROUP BY payment_id, currency",
            list(payment_ids),
        )
        return {row["payment_id"]: Money.kept(row["amount"], row["currency"]) for row in rows}

    async def users_after(self, user_id: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` customers with a balance whose ids follow this one, by id."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT user_id FROM credit_accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2",
            user_id or ids.NIL,
            limit,
        )
        return [row["user_id"] for row in rows]

    async def compared(self, user_ids: Sequence[UUID]) -> list[ComparedCredit]:
        """The balances of these customers, each with the sum of its entries. One statement: both of one instant."""
        rows = await self._connection.fetch(
            "SELECT a.user_id, a.currency, a.balance, ("
            " SELECT coalesce(sum(CASE e.kind WHEN 'charge' THEN -e.amount ELSE e.amount END), 0)"
            " FROM credit_entries e WHERE e.user_id = a.user_id AND e.currency = a.currency) AS entries"
            " FROM credit_accounts a WHERE a.user_id = ANY($1) ORDER BY a.user_id, a.currency",
            list(user_ids),
        )
        return [
            ComparedCredit(
                row["user_id"],
                Money.kept(row["balance"], row["currency"]),
                Money.kept(row["entries"], row["currency"]),
            )
            for row in rows
        ]

    async def _write(self, entry: CreditEntry) -> None:
        await self._connection.execute(
            f"INSERT INTO credit_entries ({_ENTRY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            entry.id,
            entry.user_id,
            entry.amount.currency,
            entry.kind,
            entry.amount.decimal,
            entry.payment_id,
            entry.refund_id,
            entry.granted_by,
            entry.reason,
            entry.created_at,
        )


def _entry(row: Record) -> CreditEntry:
    return CreditEntry(
        id=row["id"],
        user_id=row["user_id"],
        kind=CreditKind(row["kind"]),
        amount=Money.kept(row["amount"], row["currency"]),
        created_at=row["created_at"],
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        granted_by=row["granted_by"],
        reason=row["reason"],
    )
