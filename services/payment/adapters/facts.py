"""The service's facts as the bus carries them."""

from __future__ import annotations

from typing import assert_never

from google.protobuf.message import Message

from argosy.event.v1 import payment_events_pb2 as events
from services.chassis.data.postgres_work import Outgoing
from services.payment.adapters.stripe.words import NAME as STRIPE
from services.payment.domain.facts import (
    Fact,
    PaymentConfirmed,
    PaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentRequiresAction,
)
from services.payment.domain.failures import failure_sentence


def encode(fact: Fact) -> Outgoing:
    """A fact → its event. Events of one order keep their order."""
    return Outgoing(event_of(fact), key=str(fact.order_id), subject=str(fact.payment_id))


def event_of(fact: Fact) -> Message:
    """What the bus carries of a fact."""
    what = {"order_id": str(fact.order_id), "payment_id": str(fact.payment_id), "user_id": str(fact.user_id)}
    match fact:
        case PaymentConfirmed():
            return events.PaymentConfirmed(
                **what,
                amount=fact.amount.text,
                currency=fact.amount.currency,
                stripe_payment_intent_id=_intent_of(fact),
            )
        case PaymentFailed():
            return events.PaymentFailed(
                **what,
                error=failure_sentence(fact.code),
                error_code=fact.code,
                stripe_payment_intent_id=_intent_of(fact),
            )
        case PaymentRequiresAction():
            return events.PaymentRequiresAction(**what)
        case PaymentRefunded():
            return events.PaymentRefunded(
                **what, refund_id=str(fact.refund_id), amount=fact.amount.text, currency=fact.amount.currency
            )
        case PaymentRefundFailed():
            return events.PaymentRefundFailed(
                **what, refund_id=str(fact.refund_id), amount=fact.amount.text, currency=fact.amount.currency
            )
    assert_never(fact)


def _intent_of(fact: PaymentConfirmed | PaymentFailed) -> str:
    """Stripe's reference; empty where Stripe has none, or another provider has the payment."""
    return fact.provider_reference or "" if fact.provider == STRIPE else ""
