# ruff: noqa: S608 - what is put into the statements below is the lists of columns above them
"""Payments, refunds and the books, in PostgreSQL. Functions take the connection whose transaction they belong to.

Whatever changes what an order's payments come to begins with `lock_order`: so a payment that begins, an outcome that is
recorded and a cancellation of the order take turns, and each sees what the one before it decided.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.chassis.money import Money
from services.chassis.postgres import Connection, Record, affected
from services.payment.domain import (
    DisputeState,
    LedgerLine,
    Payment,
    Refund,
    RefundStatus,
    Refusal,
    Status,
    Stranded,
    StripeDispute,
)

_ORDER_LOCKS = 53_001
"""Keeps our advisory locks apart from others' in the same database."""
_KEEP_WEBHOOK_EVENTS = timedelta(days=30)
"""Stripe repeats a webhook for three days: https://docs.stripe.com/webhooks#retries."""

_PAYMENT = (
    "id, order_id, user_id, stripe_payment_intent_id, amount, currency, status, payment_method, customer_id,"
    " return_url, idempotency_key, provider_fee, net_amount, settlement_currency, error_code, decline_code, refusal,"
    " late, close_intent, created_at, asked_at, challenge_ends_at, processed_at, check_at, checks, key_number,"
    " server_errors, give_back, stranded, given_back_otherwise, dispute"
)
_REFUND = (
    "id, payment_id, stripe_refund_id, amount, currency, reason, status, idempotency_key, ordered_by, caller_key,"
    " failure_code, created_at, check_at, checks, key_number, server_errors, processed_at"
)


@dataclass(frozen=True)
class Attempt:
    """What came of asking Stripe to charge, or what it said later that moved the payment on."""

    status: str
    error_code: str | None
    error_message: str | None
    provider_response: dict[str, Any]
    """No card data, no client secret."""
    asked: bool = False
    """It is the outcome of a request to charge: written down in any case."""


async def lock_order(connection: Connection, order_id: UUID) -> None:
    """Wait until nobody else changes the order's payments, and keep it so until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _ORDER_LOCKS, str(order_id))


async def order_has_ended(connection: Connection, order_id: UUID) -> bool:
    """Whether the order takes no payment any more."""
    ended = await connection.fetchval("SELECT true FROM cancelled_orders WHERE order_id = $1", order_id)
    return ended is True


async def end_order(connection: Connection, order_id: UUID) -> None:
    """Remember that the order takes no payment any more."""
    await connection.execute("INSERT INTO cancelled_orders (order_id) VALUES ($1) ON CONFLICT DO NOTHING", order_id)


async def prune_ended_orders(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` orders that ended before an instant; answers how many.

    Never one with a payment that is open or holds money: it is by this that the money is known to have to go back.
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


async def insert_payment(connection: Connection, payment: Payment, client_app: str) -> None:
    """Store a payment that begins."""
    await connection.execute(
        "INSERT INTO payments (id, order_id, user_id, amount, currency, status, payment_method, customer_id,"
        " return_url, idempotency_key, created_at, asked_at, check_at, metadata)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        payment.id,
        payment.order_id,
        payment.user_id,
        Money(payment.amount_minor, payment.currency).decimal,
        payment.currency,
        payment.status,
        payment.payment_method,
        payment.customer_id,
        payment.return_url,
        payment.idempotency_key,
        payment.created_at,
        payment.asked_at,
        payment.check_at,
        json.dumps({"client_app": client_app}),
    )


async def find_payment(connection: Connection, payment_id: UUID) -> Payment | None:
    """The payment of this id."""
    row = await connection.fetchrow(f"SELECT {_PAYMENT} FROM payments WHERE id = $1", payment_id)
    return _payment(row) if row else None


async def find_by_intent(connection: Connection, intent_id: str) -> Payment | None:
    """The payment that an intent at Stripe belongs to."""
    row = await connection.fetchrow(f"SELECT {_PAYMENT} FROM payments WHERE stripe_payment_intent_id = $1", intent_id)
    return _payment(row) if row else None


async def find_by_charge(connection: Connection, charge_id: str) -> Payment | None:
    """The payment that a charge at Stripe was booked for."""
    row = await connection.fetchrow(
        f"SELECT {_PAYMENT} FROM payments WHERE id = ("
        " SELECT payment_id FROM ledger_entries WHERE stripe_id = $1 AND entry = 'capture')",
        charge_id,
    )
    return _payment(row) if row else None


async def lock_payment(connection: Connection, payment_id: UUID) -> Payment:
    """The payment, which is there, locked until the transaction ends."""
    row = await connection.fetchrow(f"SELECT {_PAYMENT} FROM payments WHERE id = $1 FOR UPDATE", payment_id)
    return _payment(row)


async def lock_payments_of_order(connection: Connection, order_id: UUID) -> list[Payment]:
    """All payments of an order, locked until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_PAYMENT} FROM payments WHERE order_id = $1 ORDER BY id DESC FOR UPDATE", order_id
    )
    return [_payment(row) for row in rows]


async def payments_of_order(connection: Connection, order_id: UUID) -> list[Payment]:
    """All payments of an order, newest first."""
    rows = await connection.fetch(f"SELECT {_PAYMENT} FROM payments WHERE order_id = $1 ORDER BY id DESC", order_id)
    return [_payment(row) for row in rows]


async def page_of_payments(
    connection: Connection, *, user_id: UUID | None, order_id: UUID | None, before: UUID | None, limit: int
) -> list[Payment]:
    """So many payments of a person, of an order, or of both, that are older than the one of the id `before`."""
    wanted = {"user_id =": user_id, "order_id =": order_id, "id <": before}
    given = {comparison: value for comparison, value in wanted.items() if value is not None}
    conditions = " AND ".join(f"{comparison} ${place}" for place, comparison in enumerate(given, start=2))
    rows = await connection.fetch(
        f"SELECT {_PAYMENT} FROM payments WHERE {conditions} ORDER BY id DESC LIMIT $1",
        limit,
        *given.values(),
    )
    return [_payment(row) for row in rows]


@dataclass(frozen=True)
class Compared:
    """A payment, and what refunds and the ledger say of it."""

    payment: Payment
    refunded: Decimal
    """What refunds that have succeeded come to."""
    booked: Decimal
    """What the ledger says it holds: captures less refunds, and what came back of those."""


async def compared(connection: Connection, ids: Sequence[UUID], settled: timedelta) -> list[Compared]:
    """Those of these payments that have not changed for so long, each with its refunds and its ledger."""
    rows = await connection.fetch(
        f"SELECT {_PAYMENT},"
        " (SELECT coalesce(sum(r.amount), 0) FROM refunds r"
        "  WHERE r.payment_id = p.id AND r.status = 'succeeded') AS refunded,"
        " (SELECT coalesce(sum(CASE l.entry WHEN 'refund' THEN -l.amount ELSE l.amount END), 0)"
        "  FROM ledger_entries l WHERE l.payment_id = p.id AND l.entry IN ('capture', 'refund', 'refund_reversal'))"
        " AS booked"
        " FROM payments p WHERE id = ANY($1) AND updated_at <= now() - $2::interval ORDER BY id",
        list(ids),
        settled,
    )
    return [Compared(_payment(row), row["refunded"], row["booked"]) for row in rows]


async def attend(connection: Connection, payment_id: UUID, now: datetime) -> None:
    """Have a payment that nothing looks after looked after."""
    await connection.execute(
        "UPDATE payments SET check_at = $2, checks = 0 WHERE id = $1 AND check_at IS NULL AND stranded IS NULL",
        payment_id,
        now,
    )


async def asked_between(connection: Connection, first: datetime, last: datetime, limit: int) -> list[Payment]:
    """Payments with an intent that were begun between two instants, at most so many; none that is stranded."""
    rows = await connection.fetch(
        f"SELECT {_PAYMENT} FROM payments WHERE created_at BETWEEN $1 AND $2"
        " AND stripe_payment_intent_id IS NOT NULL AND stranded IS NULL ORDER BY created_at LIMIT $3",
        first,
        last,
        limit,
    )
    return [_payment(row) for row in rows]


async def save_payment(connection: Connection, payment: Payment) -> None:
    """Write where the payment stands. The request itself never changes."""
    await connection.execute(
        "UPDATE payments SET stripe_payment_intent_id = $2, status = $3, provider_fee = $4, net_amount = $5,"
        " settlement_currency = $6, error_code = $7, decline_code = $8, refusal = $9, late = $10, close_intent = $11,"
        " challenge_ends_at = $12, processed_at = $13, check_at = $14, checks = $15, give_back = $16, stranded = $17,"
        " given_back_otherwise = $18, dispute = $19 WHERE id = $1",
        payment.id,
        payment.intent_id,
        payment.status,
        _decimal(payment.provider_fee_minor, payment.settlement_currency),
        _decimal(payment.net_amount_minor, payment.settlement_currency),
        payment.settlement_currency,
        payment.error_code,
        payment.decline_code,
        payment.refusal,
        payment.late,
        payment.close_intent,
        payment.challenge_ends_at,
        payment.processed_at,
        payment.check_at,
        payment.checks,
        payment.give_back,
        payment.stranded,
        payment.given_back_otherwise,
        payment.dispute,
    )


async def begin_asking(connection: Connection, payment: Payment, now: datetime) -> bool:
    """Note that Stripe is about to be asked again, under the payment's key. False: by now, it need not or must not."""
    noted = await connection.fetchval(
        "UPDATE payments SET asked_at = $2 WHERE id = $1 AND status = 'processing' AND NOT close_intent"
        " AND stripe_payment_intent_id IS NULL AND key_number = $3 RETURNING true",
        payment.id,
        now,
        payment.key_number,
    )
    return noted is True


async def take_next_key(connection: Connection, asked: Payment | Refund) -> bool:
    """Let Stripe be asked under another key from now on. False: somebody else has seen to it."""
    table = "payments" if isinstance(asked, Payment) else "refunds"
    taken = await connection.fetchval(
        f"UPDATE {table} SET key_number = key_number + 1, server_errors = 0"
        " WHERE id = $1 AND key_number = $2 RETURNING true",
        asked.id,
        asked.key_number,
    )
    return taken is True


async def count_server_error(connection: Connection, asked: Payment | Refund) -> None:
    """Note that Stripe's servers have failed under the key that it was asked with."""
    table = "payments" if isinstance(asked, Payment) else "refunds"
    await connection.execute(
        f"UPDATE {table} SET server_errors = server_errors + 1 WHERE id = $1 AND key_number = $2",
        asked.id,
        asked.key_number,
    )


async def take_due_payments(connection: Connection, now: datetime, lease: timedelta, limit: int) -> list[Payment]:
    """So many payments that are to be looked after now; nobody else takes them before the lease has ended."""
    rows = await connection.fetch(
        "UPDATE payments SET check_at = $1::timestamptz + $2, checks = checks + 1 WHERE id IN ("
        " SELECT id FROM payments WHERE check_at <= $1 ORDER BY check_at LIMIT $3 FOR UPDATE SKIP LOCKED"
        f") RETURNING {_PAYMENT}",
        now,
        lease,
        limit,
    )
    return [_payment(row) for row in rows]


async def add_attempt(connection: Connection, payment_id: UUID, attempt: Attempt) -> None:
    """Append to the attempts at a payment, which is locked."""
    await connection.execute(
        "INSERT INTO payment_attempts"
        " (payment_id, attempt_number, status, error_code, error_message, provider_response)"
        " SELECT $1, coalesce(max(attempt_number), 0) + 1, $2, $3, $4, $5 FROM payment_attempts WHERE payment_id = $1",
        payment_id,
        attempt.status,
        attempt.error_code,
        attempt.error_message,
        json.dumps(attempt.provider_response),
    )


async def add_to_ledger(connection: Connection, payment_id: UUID, lines: Sequence[LedgerLine]) -> None:
    """Book lines. The same line a second time is an error: it means that money was counted twice."""
    if lines:
        await connection.executemany(
            "INSERT INTO ledger_entries (payment_id, refund_id, entry, amount, currency, stripe_id)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            [
                (
                    payment_id,
                    ln.refund_id,
                    ln.entry,
                    Money(ln.amount_minor, ln.currency).decimal,
                    ln.currency,
                    ln.stripe_id,
                )
                for ln in lines
            ],
        )


async def booked(connection: Connection, payment_id: UUID) -> frozenset[str]:
    """Stripe's ids of all that is booked of a payment, which the caller has locked."""
    rows = await connection.fetch("SELECT DISTINCT stripe_id FROM ledger_entries WHERE payment_id = $1", payment_id)
    return frozenset(row["stripe_id"] for row in rows)


async def keep_dispute(connection: Connection, payment_id: UUID, dispute: StripeDispute) -> None:
    """Write how a dispute of the payment, which is locked, stands. What was heard before its end undoes no end."""
    await connection.execute(
        "INSERT INTO disputes (stripe_dispute_id, payment_id, amount, currency, reason, status, state)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (stripe_dispute_id) DO UPDATE SET amount = excluded.amount,"
        " reason = excluded.reason, status = excluded.status, state = excluded.state"
        " WHERE disputes.state NOT IN ('won', 'lost') OR excluded.state IN ('won', 'lost')",
        dispute.id,
        payment_id,
        Money(dispute.amount_minor, dispute.currency).decimal,
        dispute.currency,
        dispute.reason,
        dispute.status,
        dispute.state,
    )


async def disputes_of(connection: Connection, payment_id: UUID) -> dict[str, DisputeState]:
    """How each dispute of a payment, which the caller has locked, stands, by Stripe's id."""
    rows = await connection.fetch("SELECT stripe_dispute_id, state FROM disputes WHERE payment_id = $1", payment_id)
    return {row["stripe_dispute_id"]: DisputeState(row["state"]) for row in rows}


async def insert_refund(connection: Connection, refund: Refund) -> None:
    """Store a new refund."""
    await connection.execute(
        "INSERT INTO refunds (id, payment_id, stripe_refund_id, amount, currency, reason, status, idempotency_key,"
        " ordered_by, caller_key, created_at, check_at, checks)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        refund.id,
        refund.payment_id,
        refund.stripe_refund_id,
        Money(refund.amount_minor, refund.currency).decimal,
        refund.currency,
        refund.reason,
        refund.status,
        refund.key,
        refund.ordered_by,
        refund.idempotency_key,
        refund.created_at,
        refund.check_at,
        refund.checks,
    )


async def refunds_of(connection: Connection, payment_id: UUID) -> list[Refund]:
    """All refunds of a payment, which the caller has locked."""
    rows = await connection.fetch(f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 ORDER BY id", payment_id)
    return [_refund(row) for row in rows]


async def find_refund(connection: Connection, refund_id: UUID) -> Refund | None:
    """The refund of this id."""
    row = await connection.fetchrow(f"SELECT {_REFUND} FROM refunds WHERE id = $1", refund_id)
    return _refund(row) if row else None


async def refund_is(connection: Connection, stripe_refund_id: str, status: RefundStatus) -> bool:
    """Whether we know Stripe's refund to stand so."""
    known = await connection.fetchval("SELECT status FROM refunds WHERE stripe_refund_id = $1", stripe_refund_id)
    return bool(known == status)


async def page_of_refunds(connection: Connection, payment_id: UUID, *, before: UUID | None, limit: int) -> list[Refund]:
    """So many refunds of a payment that are older than the one of the id `before`, newest first."""
    rows = await connection.fetch(
        f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 AND ($2::uuid IS NULL OR id < $2)"
        " ORDER BY id DESC LIMIT $3",
        payment_id,
        before,
        limit,
    )
    return [_refund(row) for row in rows]


async def save_refund(connection: Connection, refund: Refund) -> None:
    """Write where the refund stands."""
    await connection.execute(
        "UPDATE refunds SET stripe_refund_id = $2, status = $3, failure_code = $4, check_at = $5, checks = $6,"
        " processed_at = $7 WHERE id = $1",
        refund.id,
        refund.stripe_refund_id,
        refund.status,
        refund.failure_code,
        refund.check_at,
        refund.checks,
        refund.processed_at,
    )


async def take_due_refunds(connection: Connection, now: datetime, lease: timedelta, limit: int) -> list[Refund]:
    """So many refunds that are to be looked after now; nobody else takes them before the lease has ended."""
    rows = await connection.fetch(
        "UPDATE refunds SET check_at = $1::timestamptz + $2, checks = checks + 1 WHERE id IN ("
        " SELECT id FROM refunds WHERE check_at <= $1 ORDER BY check_at LIMIT $3 FOR UPDATE SKIP LOCKED"
        f") RETURNING {_REFUND}",
        now,
        lease,
        limit,
    )
    return [_refund(row) for row in rows]


async def put_off_payment(connection: Connection, payment: Payment, leased_until: datetime) -> None:
    """Look after the payment later, unless something has happened to it since it was taken."""
    await connection.execute(
        "UPDATE payments SET check_at = $3 WHERE id = $1 AND check_at = $2", payment.id, leased_until, payment.check_at
    )


async def put_off_refund(connection: Connection, refund: Refund, leased_until: datetime) -> None:
    """Look after the refund later, unless something has happened to it since it was taken."""
    await connection.execute(
        "UPDATE refunds SET check_at = $3 WHERE id = $1 AND check_at = $2", refund.id, leased_until, refund.check_at
    )


async def webhook_was_processed(connection: Connection, event_id: str) -> bool:
    """Whether an event of Stripe's has taken effect here."""
    seen = await connection.fetchval("SELECT true FROM processed_webhook_events WHERE event_id = $1", event_id)
    return seen is True


async def webhook_processed(connection: Connection, event_id: str, event_type: str, payment_id: UUID) -> None:
    """Remember that an event of Stripe's about a payment needs nothing more; forget those too old to come again."""
    await connection.execute(
        "INSERT INTO processed_webhook_events (event_id, type, payment_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        event_id,
        event_type,
        payment_id,
    )
    await connection.execute(
        "DELETE FROM processed_webhook_events WHERE event_id IN (SELECT event_id FROM processed_webhook_events"
        " WHERE received_at < now() - $1::interval ORDER BY received_at LIMIT 10 FOR UPDATE SKIP LOCKED)",
        _KEEP_WEBHOOK_EVENTS,
    )


def _payment(row: Record) -> Payment:
    return Payment(
        id=row["id"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        amount_minor=Money.kept(row["amount"], row["currency"]).minor,
        currency=row["currency"],
        payment_method=row["payment_method"],
        customer_id=row["customer_id"],
        return_url=row["return_url"],
        idempotency_key=row["idempotency_key"],
        created_at=row["created_at"],
        asked_at=row["asked_at"],
        status=Status(row["status"]),
        intent_id=row["stripe_payment_intent_id"],
        error_code=row["error_code"],
        decline_code=row["decline_code"],
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        provider_fee_minor=_minor(row["provider_fee"], row["settlement_currency"]),
        net_amount_minor=_minor(row["net_amount"], row["settlement_currency"]),
        settlement_currency=row["settlement_currency"],
        challenge_ends_at=row["challenge_ends_at"],
        processed_at=row["processed_at"],
        late=row["late"],
        close_intent=row["close_intent"],
        check_at=row["check_at"],
        checks=row["checks"],
        key_number=row["key_number"],
        server_errors=row["server_errors"],
        give_back=row["give_back"],
        stranded=Stranded(row["stranded"]) if row["stranded"] else None,
        given_back_otherwise=row["given_back_otherwise"],
        dispute=DisputeState(row["dispute"]) if row["dispute"] else None,
    )


def _refund(row: Record) -> Refund:
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        amount_minor=Money.kept(row["amount"], row["currency"]).minor,
        currency=row["currency"],
        reason=row["reason"],
        key=row["idempotency_key"],
        created_at=row["created_at"],
        status=RefundStatus(row["status"]),
        stripe_refund_id=row["stripe_refund_id"],
        failure_code=row["failure_code"],
        ordered_by=row["ordered_by"],
        idempotency_key=row["caller_key"],
        check_at=row["check_at"],
        checks=row["checks"],
        key_number=row["key_number"],
        server_errors=row["server_errors"],
        processed_at=row["processed_at"],
    )


def _decimal(minor: int | None, currency: str | None) -> Decimal | None:
    return None if minor is None or currency is None else Money(minor, currency).decimal


def _minor(amount: Decimal | None, currency: str | None) -> int | None:
    return None if amount is None or currency is None else Money.kept(amount, currency).minor
