"""What the stores of a fresh stack hold when a run is over, beyond the facts of the invariants: line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from facts.system import system
from stripe_sandbox.currencies import decimals
from tests.support.facts import OUTBOXES
from tests.support.real_stack import RealStack
from tests.support.sandbox import Sandbox

_ON_POSTGRES = tuple(one.name for one in system().with_store("postgres"))
_UNPUBLISHED = {"event that is not published": "SELECT id::text FROM outbox WHERE sent_at IS NULL"}
_PENDING: Mapping[str, Mapping[str, str]] = {
    "payment": {
        "payment without an outcome": "SELECT id::text FROM payments WHERE status IN"
        " ('pending', 'processing', 'requires_action') OR close_intent",
        "refund without an outcome": "SELECT id::text FROM refunds WHERE status = 'pending'",
        "idempotency key without an answer": "SELECT scope || ' ' || key FROM idempotency_keys WHERE response IS NULL",
    },
    "inventory": {
        "hold of stock": "SELECT order_id::text FROM reservations WHERE status = 'held'",
    },
    "notification": {
        "message that is not sent": "SELECT id::text FROM messages WHERE status = 'pending'",
    },
}
"""What waits in a service's own tables, besides its outbox.

At rest nothing does: nobody buys any more, and each timer has run out.
"""


@dataclass(frozen=True)
class Move:
    """A line of a product's stock history, in the order of its changes."""

    product_id: str
    kind: str
    on_hand_delta: int
    held_delta: int
    on_hand: int
    held: int


@dataclass(frozen=True)
class Line:
    """Money that moved: one line of the ledger, or what Stripe has of the same movement."""

    id: str
    """Stripe's id: of the refund, or of the balance transaction of a dispute."""
    entry: str
    amount: Decimal


@dataclass(frozen=True)
class Stores:
    """All of it."""

    moves: Sequence[Move]
    booked: Sequence[Line]
    """What the ledger has of refunds and disputes."""
    moved: Sequence[Line]
    """What Stripe has of them."""
    refunds: frozenset[str]
    """Refunds of ours, by id."""
    stranded: Mapping[str, int]
    """Payments that need a person, by reason."""
    written: Sequence[tuple[str, str]]
    """Event and type of each message to a customer."""
    pending: Sequence[str]
    """What waits, a phrase each."""


async def read(stack: RealStack) -> Stores:
    """Ask them all. What is under way shows half done: ask again."""
    inventory, payment, notification, moved, pending = await asyncio.gather(
        _rows(
            stack,
            "inventory",
            "SELECT product_id, kind, on_hand_delta, held_delta, on_hand, held FROM stock_moves ORDER BY id",
        ),
        _payment(stack),
        _rows(stack, "notification", "SELECT event_id::text, type FROM messages"),
        _moved(stack),
        _pending(stack),
    )
    booked, refunds, stranded = payment
    return Stores(
        moves=[Move(**row) for row in inventory],
        booked=booked,
        moved=moved,
        refunds=refunds,
        stranded=stranded,
        written=[(row["event_id"], row["type"]) for row in notification],
        pending=pending,
    )


async def _payment(stack: RealStack) -> tuple[list[Line], frozenset[str], dict[str, int]]:
    booked = await _rows(
        stack,
        "payment",
        "SELECT stripe_id AS id, entry, amount FROM ledger_entries"
        " WHERE entry IN ('refund', 'refund_reversal', 'dispute', 'dispute_reversal')",
    )
    refunds = await _rows(stack, "payment", "SELECT id::text FROM refunds")
    stranded = await _rows(
        stack, "payment", "SELECT stranded, count(*) FROM payments WHERE stranded IS NOT NULL GROUP BY stranded"
    )
    lines = [Line(**row) for row in booked]
    return lines, frozenset(row["id"] for row in refunds), {row["stranded"]: row["count"] for row in stranded}


async def _moved(stack: RealStack) -> list[Line]:
    sandbox = Sandbox(stack)
    try:
        refunds, disputes = await sandbox.refunds(), await sandbox.disputes()
    finally:
        await sandbox.close()
    return [*(line for one in refunds for line in refund_lines(one)), *(ln for one in disputes for ln in _taken(one))]


def refund_lines(refund: Mapping[str, Any]) -> list[Line]:
    """What of a refund, as Stripe shows it, has moved."""
    amount = Decimal(refund["amount"]).scaleb(-decimals(refund["currency"]))
    bounced = [Line(refund["id"], "refund_reversal", amount)] if refund.get("failure_balance_transaction") else []
    went_out = refund["status"] == "succeeded" or bounced
    return [Line(refund["id"], "refund", amount), *bounced] if went_out else []


def _taken(dispute: Mapping[str, Any]) -> list[Line]:
    found = []
    for line in dispute["balance_transactions"]:
        amount = Decimal(line["amount"]).scaleb(-decimals(line["currency"]))
        found.append(Line(line["id"], "dispute" if amount < 0 else "dispute_reversal", abs(amount)))
    return found


async def _pending(stack: RealStack) -> list[str]:
    asked = [
        *((service, _UNPUBLISHED) for service in OUTBOXES),
        *((service, _PENDING[service]) for service in _ON_POSTGRES if service in _PENDING),
    ]
    return [
        f"{service}: {what} {row[0]}"
        for service, statements in asked
        for what, statement in statements.items()
        for row in await _rows(stack, service, statement)
    ]


async def _rows(stack: RealStack, service: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.postgres_url(service), timeout=10)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
