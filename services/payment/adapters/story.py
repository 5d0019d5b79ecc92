"""What the payment service knows of an order's story: payments, attempts at the provider, its webhooks, refunds,
disputes, the books, and money that needs a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, Record
from services.chassis.data.story import Kind, Moment, outbox_moments

SERVICE = "payment"


async def story_of(connection: Connection, order_id: UUID) -> list[Moment]:
    """All that happened about the order's money, in no particular order."""
    payments = await connection.fetch("SELECT * FROM payments WHERE order_id = $1", order_id)
    ids = [row["id"] for row in payments]
    attempts = await connection.fetch("SELECT * FROM payment_attempts WHERE payment_id = ANY($1::uuid[])", ids)
    refunds = await connection.fetch("SELECT * FROM refunds WHERE payment_id = ANY($1::uuid[])", ids)
    ledger = await connection.fetch("SELECT * FROM ledger_entries WHERE payment_id = ANY($1::uuid[])", ids)
    disputes = await connection.fetch("SELECT * FROM disputes WHERE payment_id = ANY($1::uuid[])", ids)
    webhooks = await connection.fetch(
        "SELECT * FROM processed_webhook_events WHERE payment_id = ANY($1::uuid[]) ORDER BY received_at", ids
    )
    ended = await connection.fetch("SELECT ended_at FROM cancelled_orders WHERE order_id = $1", order_id)
    return [
        *(moment for row in payments for moment in _payment(row)),
        *map(_attempt, attempts),
        *(moment for row in refunds for moment in _refund(row)),
        *map(_webhook, webhooks),
        *(moment for row in disputes for moment in _dispute(row)),
        *map(_booked, ledger),
        *(_said(row["ended_at"], "the order takes no payment any more", {}) for row in ended),
        *await outbox_moments(connection, SERVICE, str(order_id)),
    ]


def _payment(row: Record) -> list[Moment]:
    facts = {"paymentId": str(row["id"]), "intentId": row["provider_reference"]}
    moments = [_said(row["created_at"], f"payment of {_amount(row)} begins", facts)]
    if row["processed_at"] is not None:
        moments.append(_said(row["processed_at"], f"payment has its outcome{_why(row)}", facts))
    return [*moments, *_waiting(row, f"payment is {row['status']}, looked after next", facts), *_stranded(row, facts)]


def _stranded(row: Record, facts: Mapping[str, object]) -> list[Moment]:
    """Money that cannot go back by itself: since when, and how a person has settled it."""
    if row["stranded"] is not None:
        text = f"payment needs a person ({row['stranded']}): argosy payments stranded"
        return [Moment(row["stranded_at"], SERVICE, Kind.WAITING, text, {**facts, "reason": row["stranded"]})]
    if row["given_back_otherwise"] is not None:
        return [_said(row["updated_at"], "payment was settled by a person", facts)]
    return []


def _webhook(row: Record) -> Moment:
    facts = {"paymentId": str(row["payment_id"]), "providerId": row["event_id"]}
    return _said(row["received_at"], f"webhook {row['type']} is received", facts)


def _dispute(row: Record) -> list[Moment]:
    facts = {"paymentId": str(row["payment_id"]), "providerId": row["provider_reference"]}
    moments = [_said(row["created_at"], f"dispute of {_amount(row)} ({row['reason']})", facts)]
    if row["updated_at"] > row["created_at"]:
        moments.append(_said(row["updated_at"], f"dispute of {_amount(row)} is {row['status']}", facts))
    return moments


def _attempt(row: Record) -> Moment:
    facts = {"paymentId": str(row["payment_id"]), "attempt": row["attempt_number"], "errorCode": row["error_code"]}
    code = f" ({row['error_code']})" if row["error_code"] else ""
    return _said(row["created_at"], f"attempt {row['attempt_number']} at the provider: {row['status']}{code}", facts)


def _refund(row: Record) -> list[Moment]:
    facts = {"paymentId": str(row["payment_id"]), "refundId": str(row["id"]), "providerId": row["provider_reference"]}
    moments = [_said(row["created_at"], f"refund of {_amount(row)} begins ({row['reason']})", facts)]
    if row["status"] != "pending":
        code = f" ({row['failure_code']})" if row["failure_code"] else ""
        moments.append(_said(row["updated_at"], f"refund of {_amount(row)} is {row['status']}{code}", facts))
    return [*moments, *_waiting(row, f"refund is {row['status']}, looked after next", facts)]


def _booked(row: Record) -> Moment:
    facts = {"paymentId": str(row["payment_id"]), "entry": row["entry"], "providerId": row["provider_reference"]}
    return Moment(row["created_at"], SERVICE, Kind.LEDGER, f"{row['entry']} {_amount(row)}", facts)


def _waiting(row: Record, text: str, facts: Mapping[str, object]) -> list[Moment]:
    if row["check_at"] is None:
        return []
    return [Moment(row["check_at"], SERVICE, Kind.WAITING, f"{text} ({row['checks']} times so far)", facts)]


def _why(row: Record) -> str:
    code = row["decline_code"] or row["error_code"]
    return f" ({code})" if code else ""


def _amount(row: Record) -> str:
    return f"{row['amount']} {row['currency']}"


def _said(at: datetime, text: str, facts: Mapping[str, object]) -> Moment:
    return Moment(at, SERVICE, Kind.PAYMENT, text, facts)
