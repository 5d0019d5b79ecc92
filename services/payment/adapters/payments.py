# ruff: noqa: S608 - what is put into the statements below is the list of columns above them
"""Payments, and attempts at them, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from services.chassis.data.postgres import Record
from services.chassis.plain import ids
from services.chassis.plain.money import Money
from services.payment.adapters.asked import AskedRows
from services.payment.adapters.storable import decimal_or_none, money_or_none, storable
from services.payment.domain.charges import Attempt, Refusal
from services.payment.domain.disputes import DisputeState
from services.payment.domain.payments import Compared, Payment, PaymentInProgress, Status, Stranded

_PAYMENT = (
    "id, order_id, user_id, provider, provider_reference, amount, currency, status, payment_method, customer_id,"
    " return_url, idempotency_key, provider_fee, net_amount, settlement_currency, error_code, decline_code, refusal,"
    " late, close_intent, created_at, asked_at, challenge_ends_at, processed_at, check_at, checks, key_number,"
    " server_errors, give_back, stranded, given_back_otherwise, dispute"
)


class PostgresPayments(AskedRows[Payment]):
    """Payments on one connection (ports.Payments)."""

    table = "payments"

    async def add(self, payment: Payment, client_app: str) -> None:
        """Stores a payment that begins. Raises PaymentInProgress: the order has a live or paid one."""
        try:
            await self._connection.execute(
                "INSERT INTO payments (id, order_id, user_id, amount, currency, status, payment_method, customer_id,"
                " return_url, idempotency_key, created_at, asked_at, check_at, metadata, provider)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                payment.id,
                payment.order_id,
                payment.user_id,
                payment.amount.decimal,
                payment.amount.currency,
                payment.status,
                payment.payment_method,
                payment.customer_id,
                payment.return_url,
                payment.idempotency_key,
                payment.created_at,
                payment.asked_at,
                payment.check_at,
                json.dumps({"client_app": client_app}),
                payment.provider,
            )
        except asyncpg.UniqueViolationError as error:
            raise PaymentInProgress from error

    async def find(self, payment_id: UUID) -> Payment | None:
        """The payment of this id."""
        row = await self._connection.fetchrow(f"SELECT {_PAYMENT} FROM payments WHERE id = $1", payment_id)
        return _payment(row) if row else None

    async def find_by_charge(self, provider: str, reference: str) -> Payment | None:
        """The payment that a charge at the provider belongs to."""
        row = await self._connection.fetchrow(
            f"SELECT {_PAYMENT} FROM payments WHERE provider = $1 AND provider_reference = $2", provider, reference
        )
        return _payment(row) if row else None

    async def find_by_capture(self, provider: str, reference: str) -> Payment | None:
        """The payment that a capture is booked for."""
        row = await self._connection.fetchrow(
            f"SELECT {_PAYMENT} FROM payments WHERE id = ("
            " SELECT payment_id FROM ledger_entries"
            " WHERE provider = $1 AND provider_reference = $2 AND entry = 'capture')",
            provider,
            reference,
        )
        return _payment(row) if row else None

    async def lock(self, payment_id: UUID) -> Payment:
        """The payment, which exists, locked until the transaction ends."""
        row = await self._connection.fetchrow(f"SELECT {_PAYMENT} FROM payments WHERE id = $1 FOR UPDATE", payment_id)
        return _payment(row)

    async def lock_of_order(self, order_id: UUID) -> list[Payment]:
        """All payments of an order, locked until the transaction ends."""
        rows = await self._connection.fetch(
            f"SELECT {_PAYMENT} FROM payments WHERE order_id = $1 ORDER BY id DESC FOR UPDATE", order_id
        )
        return [_payment(row) for row in rows]

    async def of_order(self, order_id: UUID) -> list[Payment]:
        """All payments of an order, newest first."""
        rows = await self._connection.fetch(
            f"SELECT {_PAYMENT} FROM payments WHERE order_id = $1 ORDER BY id DESC", order_id
        )
        return [_payment(row) for row in rows]

    async def page(
        self, *, user_id: UUID | None, order_id: UUID | None, before: UUID | None, limit: int
    ) -> list[Payment]:
        """Up to `limit` payments of a person, of an order, or of both, older than `before`, newest first."""
        wanted = {"user_id =": user_id, "order_id =": order_id, "id <": before}
        given = {comparison: value for comparison, value in wanted.items() if value is not None}
        conditions = " AND ".join(f"{comparison} ${place}" for place, comparison in enumerate(given, start=2))
        rows = await self._connection.fetch(
            f"SELECT {_PAYMENT} FROM payments WHERE {conditions} ORDER BY id DESC LIMIT $1",
            limit,
            *given.values(),
        )
        return [_payment(row) for row in rows]

    async def save(self, payment: Payment) -> None:
        """Writes the payment's state. The request itself never changes. Raises NotStorable."""
        with storable():
            await self._connection.execute(
                "UPDATE payments SET provider_reference = $2, status = $3, provider_fee = $4, net_amount = $5,"
                " settlement_currency = $6, error_code = $7, decline_code = $8, refusal = $9, late = $10,"
                " close_intent = $11, challenge_ends_at = $12, processed_at = $13, check_at = $14, checks = $15,"
                " give_back = $16, stranded = $17, given_back_otherwise = $18, dispute = $19 WHERE id = $1",
                payment.id,
                payment.provider_reference,
                payment.status,
                decimal_or_none(payment.provider_fee),
                decimal_or_none(payment.net_amount),
                payment.provider_fee.currency if payment.provider_fee else None,
                payment.error_code,
                payment.decline_code,
                payment.refusal,
                payment.late,
                payment.close_charge,
                payment.challenge_ends_at,
                payment.processed_at,
                payment.check_at,
                payment.checks,
                payment.give_back,
                payment.stranded,
                payment.given_back_otherwise,
                payment.dispute,
            )

    async def begin_asking(self, payment: Payment, now: datetime) -> bool:
        """Records that the provider is about to be asked again, under the payment's key.

        False: by now this is not needed, or must not happen.
        """
        noted = await self._connection.fetchval(
            "UPDATE payments SET asked_at = $2 WHERE id = $1 AND status = 'processing' AND NOT close_intent"
            " AND provider_reference IS NULL AND key_number = $3 RETURNING true",
            payment.id,
            now,
            payment.key_number,
        )
        return noted is True

    async def take_due(self, now: datetime, lease: timedelta, limit: int, providers: Collection[str]) -> list[Payment]:
        """Up to `limit` payments of these providers that are due; nobody else takes them before the lease has ended."""
        rows = await self._connection.fetch(
            "UPDATE payments SET check_at = $1::timestamptz + $2, checks = checks + 1 WHERE id IN ("
            " SELECT id FROM payments WHERE check_at <= $1 AND provider = ANY ($4) ORDER BY check_at LIMIT $3"
            " FOR UPDATE SKIP LOCKED"
            f") RETURNING {_PAYMENT}",
            now,
            lease,
            limit,
            list(providers),
        )
        return [_payment(row) for row in rows]

    async def after(self, payment_id: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` payments whose ids follow this one, by id."""
        rows = await self._connection.fetch(
            "SELECT id FROM payments WHERE id > $1 ORDER BY id LIMIT $2", payment_id or ids.NIL, limit
        )
        return [row["id"] for row in rows]

    async def begun_between(self, provider: str, first: datetime, last: datetime, limit: int) -> list[Payment]:
        """Up to `limit` payments with a charge at the provider that began between two instants; none is stranded."""
        rows = await self._connection.fetch(
            f"SELECT {_PAYMENT} FROM payments WHERE provider = $1 AND created_at BETWEEN $2 AND $3"
            " AND provider_reference IS NOT NULL AND stranded IS NULL ORDER BY created_at LIMIT $4",
            provider,
            first,
            last,
            limit,
        )
        return [_payment(row) for row in rows]

    async def compared(self, payment_ids: Sequence[UUID], settled: timedelta) -> list[Compared]:
        """Those of these payments that have not changed for this long, each with the sums of refunds and books.

        One statement, so that the three are of the same instant.
        """
        rows = await self._connection.fetch(
            f"SELECT {_PAYMENT},"
            " (SELECT coalesce(sum(r.amount), 0) FROM refunds r"
            "  WHERE r.payment_id = p.id AND r.status = 'succeeded') AS refunded,"
            " (SELECT coalesce(sum(CASE l.entry WHEN 'refund' THEN -l.amount ELSE l.amount END), 0)"
            "  FROM ledger_entries l WHERE l.payment_id = p.id AND l.entry IN ('capture', 'refund', 'refund_reversal'))"
            " AS booked"
            " FROM payments p WHERE id = ANY($1) AND updated_at <= now() - $2::interval ORDER BY id",
            list(payment_ids),
            settled,
        )
        return [
            Compared(
                _payment(row),
                refunded=Money.kept(row["refunded"], row["currency"]),
                booked=Money.kept(row["booked"], row["currency"]),
            )
            for row in rows
        ]

    async def attend(self, payment_id: UUID, now: datetime) -> None:
        """Makes a payment due that nothing looks after. One that is due some time, or stranded, stays as it is."""
        await self._connection.execute(
            "UPDATE payments SET check_at = $2, checks = 0 WHERE id = $1 AND check_at IS NULL AND stranded IS NULL",
            payment_id,
            now,
        )

    async def add_attempt(self, payment_id: UUID, attempt: Attempt) -> None:
        """Appends to the attempts at a payment, which is locked."""
        await self._connection.execute(
            "INSERT INTO payment_attempts"
            " (payment_id, attempt_number, status, error_code, error_message, provider_response)"
            " SELECT $1, coalesce(max(attempt_number), 0) + 1, $2, $3, $4, $5 FROM payment_attempts"
            " WHERE payment_id = $1",
            payment_id,
            attempt.status,
            attempt.error_code,
            attempt.error_message,
            json.dumps(attempt.answer),
        )


def _payment(row: Record) -> Payment:
    return Payment(
        id=row["id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        amount=Money.kept(row["amount"], row["currency"]),
        provider=row["provider"],
        payment_method=row["payment_method"],
        customer_id=row["customer_id"],
        return_url=row["return_url"],
        idempotency_key=row["idempotency_key"],
        created_at=row["created_at"],
        asked_at=row["asked_at"],
        status=Status(row["status"]),
        provider_reference=row["provider_reference"],
        error_code=row["error_code"],
        decline_code=row["decline_code"],
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        provider_fee=money_or_none(row["provider_fee"], row["settlement_currency"]),
        net_amount=money_or_none(row["net_amount"], row["settlement_currency"]),
        challenge_ends_at=row["challenge_ends_at"],
        processed_at=row["processed_at"],
        late=row["late"],
        close_charge=row["close_intent"],
        check_at=row["check_at"],
        checks=row["checks"],
        key_number=row["key_number"],
        server_errors=row["server_errors"],
        give_back=row["give_back"],
        stranded=Stranded(row["stranded"]) if row["stranded"] else None,
        given_back_otherwise=row["given_back_otherwise"],
        dispute=DisputeState(row["dispute"]) if row["dispute"] else None,
    )
