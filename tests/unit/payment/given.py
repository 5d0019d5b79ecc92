"""Payments, intents and refunds to begin tests with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.payment.domain import Change, Intent, Order, Payment, Settlement, apply_intent, begin

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CHALLENGE = timedelta(minutes=15)
TAKES_AT_MOST = timedelta(seconds=70)
PAYMENT_ID = UUID("01957000-0000-7000-8000-000000000001")
ORDER = Order(
    id=UUID("01957000-0000-7000-8000-00000000000a"),
    user_id=UUID("01957000-0000-7000-8000-00000000000b"),
    status="pending",
    total_minor=5998,
    currency="USD",
)
FEE = Settlement("txn_1", fee_minor=204, net_minor=5794, currency="USD")


def a_payment(**changes: Any) -> Payment:
    """A payment that Stripe is being asked for."""
    begun = begin(
        ORDER,
        payment_id=PAYMENT_ID,
        payment_method="pm_card_visa",
        customer_id=None,
        return_url="https://shop.example/back",
        idempotency_key=None,
        now=NOW,
        takes_at_most=TAKES_AT_MOST,
    )
    return replace(begun, **changes)


def an_intent(status: str, **changes: Any) -> Intent:
    """The payment's intent, in this state."""
    intent = Intent(
        id="pi_1",
        status=status,
        amount_minor=ORDER.total_minor,
        currency=ORDER.currency,
        payment_id=PAYMENT_ID,
        charge_id="ch_1" if status == "succeeded" else None,
        settlement=FEE if status == "succeeded" else None,
        client_secret="pi_1_secret_x",
    )
    return replace(intent, **changes)


def applied(payment: Payment, intent: Intent, *, order_ended: bool = False, now: datetime = NOW) -> Change:
    """What the intent makes of the payment."""
    return apply_intent(payment, intent, order_ended=order_ended, now=now, challenge_timeout=CHALLENGE)
