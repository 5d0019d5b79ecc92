"""Payments, charges and refunds to begin tests with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis.plain.money import Money
from services.payment.domain.charges import Challenge, Charge, ChargeState, Settlement
from services.payment.domain.orders import Order
from services.payment.domain.outcomes import Change, apply_charge
from services.payment.domain.payments import Payment, begin

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CHALLENGE = timedelta(minutes=15)
TAKES_AT_MOST = timedelta(seconds=70)
PAYMENT_ID = UUID("01957000-0000-7000-8000-000000000001")
ORDER = Order(
    id=UUID("01957000-0000-7000-8000-00000000000a"),
    user_id=UUID("01957000-0000-7000-8000-00000000000b"),
    status="pending",
    total=Money(5998, "USD"),
)
FEE = Settlement("txn_1", fee=Money(204, "USD"), net=Money(5794, "USD"))


def a_payment(**changes: Any) -> Payment:
    """A payment that the provider is being asked for."""
    begun = begin(
        ORDER,
        payment_id=PAYMENT_ID,
        provider="fake",
        payment_method="pm_card_visa",
        customer_id=None,
        return_url="https://shop.example/back",
        idempotency_key=None,
        now=NOW,
        takes_at_most=TAKES_AT_MOST,
    )
    return replace(begun, **changes)


def a_charge(state: ChargeState, **changes: Any) -> Charge:
    """The payment's charge, in this state."""
    succeeded = state is ChargeState.SUCCEEDED
    charge = Charge(
        reference="pi_1",
        state=state,
        amount=ORDER.total,
        payment_id=PAYMENT_ID,
        word=state.value,
        capture_reference="ch_1" if succeeded else None,
        settlement=FEE if succeeded else None,
        challenge=Challenge("pi_1_secret_x"),
    )
    return replace(charge, **changes)


def applied(payment: Payment, charge: Charge, *, order_ended: bool = False, now: datetime = NOW) -> Change:
    """What the charge makes of the payment."""
    return apply_charge(payment, charge, order_ended=order_ended, now=now, challenge_timeout=CHALLENGE)
