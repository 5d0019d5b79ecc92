"""Stripe's JSON → the domain. Nothing of the card passes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe
import structlog

from services.chassis.plain.currencies import CURRENCIES
from services.chassis.plain.money import Money, NotMoney
from services.payment.adapters.stripe import words
from services.payment.adapters.stripe.units import from_stripe
from services.payment.domain.charges import Challenge, Charge, ChargeMismatch, ChargeState, ListedCharge, Settlement
from services.payment.domain.disputes import DisputeState, Movement, ProviderDispute
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import ProviderRefund
from services.payment.use_cases.outcomes import FEES_NOT_BOOKED

_log = structlog.get_logger()

Json = Mapping[str, Any]


def charge(intent: Json) -> Charge:
    """A PaymentIntent.

    Raises ChargeMismatch when its amount is finer than its currency, or its status unknown: we asked for none such.
    """
    word, latest = intent["status"], intent.get("latest_charge")
    failure = intent.get("last_payment_error") or {}
    charge_id = latest if isinstance(latest, str) or latest is None else latest["id"]
    settlement = _settlement(latest)
    amount = _amount(intent)
    if word not in words.CHARGE_STATES:
        raise ChargeMismatch(f"charge {intent['id']} has the unknown status {word}")
    return Charge(
        reference=intent["id"],
        state=words.CHARGE_STATES[word],
        amount=amount,
        payment_id=payment_id_of(intent),
        word=word,
        answer=_kept(
            intent["id"],
            word,
            charge_id,
            failure.get("decline_code"),
            intent.get("cancellation_reason"),
            settlement.reference if settlement else None,
        ),
        capture_reference=charge_id,
        settlement=settlement,
        error_code=failure.get("code"),
        decline_code=failure.get("decline_code"),
        error_message=failure.get("message"),
        cancellation_reason=intent.get("cancellation_reason"),
        challenge=_challenge(intent),
    )


def listed_charge(intent: Json) -> ListedCharge:
    """A PaymentIntent of the account's list, with its charge. It need not be ours, so no amount and status is wrong."""
    latest = intent.get("latest_charge")
    latest = latest if isinstance(latest, Mapping) else {}
    currency = intent["currency"].upper()
    return ListedCharge(
        reference=intent["id"],
        state=words.CHARGE_STATES.get(intent["status"]),
        word=intent["status"],
        created_at=datetime.fromtimestamp(intent["created"], UTC),
        amount=_amount_or_none(intent["amount"], currency),
        refunded=_amount_or_none(latest.get("amount_refunded") or 0, currency),
        payment_id=payment_id_of(intent),
        is_disputed=bool(latest.get("disputed")),
    )


def charge_in(error: stripe.StripeError) -> Charge | None:
    """The charge that an error carries: an attempt was made, and this is its outcome."""
    carried = _body(error).get("payment_intent")
    return charge(carried) if carried else None


def declined_without_intent(payment: Payment, error: stripe.CardError) -> Charge:
    """A decline for which Stripe made no PaymentIntent."""
    code = _body(error).get("decline_code")
    decline_code = code if isinstance(code, str) else None
    return Charge(
        reference=None,
        state=ChargeState.DECLINED,
        amount=payment.amount,
        payment_id=payment.id,
        word=words.DECLINED,
        answer=_kept(None, words.DECLINED, None, decline_code, None, None),
        error_code=error.code,
        decline_code=decline_code,
        error_message=error.user_message,
    )


def refund(answer: Json) -> ProviderRefund:
    """A refund. Raises ChargeMismatch when its amount is finer than its currency."""
    return ProviderRefund(
        reference=answer["id"],
        status=words.refund_status(answer.get("status")),
        amount=_amount(answer),
        refund_id=_uuid(_metadata(answer).get("refund_id")),
        reason=answer.get("reason") or words.MADE_AT_STRIPE,
        failure_code=answer.get("failure_reason"),
        # Source: https://docs.stripe.com/api/refunds/object#refund_object-failure_balance_transaction
        returned=answer.get("failure_balance_transaction") is not None,
    )


def dispute(answer: Json) -> ProviderDispute:
    """A dispute, with what it has moved on our balance."""
    return ProviderDispute(
        reference=answer["id"],
        status=answer["status"],
        state=words.DISPUTE_STATES.get(answer["status"], DisputeState.OPEN),
        amount=_amount(answer),
        reason=answer.get("reason") or "general",
        movements=tuple(map(_movement, answer.get("balance_transactions") or ())),
    )


def user_of(customer: Json) -> str | None:
    """The person to whom a customer belongs, by the `user_id` in its metadata."""
    return None if customer.get("deleted") else _metadata(customer).get("user_id")


def payment_id_of(subject: Json) -> UUID | None:
    """The payment of ours that an object is about, by its metadata."""
    return _uuid(_metadata(subject).get("payment_id"))


def _challenge(intent: Json) -> Challenge | None:
    secret = intent.get("client_secret")
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    return Challenge(secret, redirect.get("url")) if secret else None


def _kept(
    intent_id: str | None,
    status: str,
    charge_id: str | None,
    decline_code: str | None,
    cancellation_reason: str | None,
    balance_transaction: str | None,
) -> Json:
    """What is kept of an answer with each attempt."""
    return {
        "payment_intent": intent_id,
        "status": status,
        "charge": charge_id,
        "decline_code": decline_code,
        "cancellation_reason": cancellation_reason,
        "balance_transaction": balance_transaction,
    }


def _movement(line: Json) -> Movement:
    currency = line["currency"].upper()
    amount, fee = from_stripe(line["amount"], currency), from_stripe(line["fee"], currency)
    return Movement(line["id"], Money(amount, currency), Money(fee, currency))


def _settlement(latest: Any) -> Settlement | None:
    """Only an expanded charge has an expanded balance transaction; there is none before the charge is captured.

    One that cannot be read counts as none: the fee is for the books, and holds up no capture.
    """
    line = latest.get("balance_transaction") if isinstance(latest, Mapping) else None
    if not isinstance(line, Mapping):
        return None
    try:
        return _readable_settlement(line)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        FEES_NOT_BOOKED.labels(why="unreadable").inc()
        _log.error("fee_unreadable", error=type(error).__name__, currency=str(line.get("currency"))[:8])
        return None


def _readable_settlement(line: Json) -> Settlement:
    """The account may be kept in a currency that no order is in. Raises ValueError for one that we cannot count."""
    currency = line["currency"].upper()
    fee, net = line["fee"], line["net"]
    if currency not in CURRENCIES or type(fee) is not int or type(net) is not int or fee < 0:
        raise ValueError(currency)
    fee, net = from_stripe(fee, currency), from_stripe(net, currency)
    return Settlement(line["id"], Money(fee, currency), Money(net, currency))


def _amount(answer: Json) -> Money:
    currency = answer["currency"].upper()
    try:
        return Money(from_stripe(answer["amount"], currency), currency)
    except NotMoney as error:
        raise ChargeMismatch(f"{answer['id']}: {error}") from error


def _amount_or_none(amount: int, currency: str) -> Money | None:
    try:
        return Money(from_stripe(amount, currency), currency)
    except NotMoney:
        return None


def _metadata(subject: Json) -> Mapping[str, str]:
    return subject.get("metadata") or {}


def _body(error: stripe.StripeError) -> Json:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _uuid(text: str | None) -> UUID | None:
    """Whoever shares our account can write metadata: what is no UUID is not ours."""
    try:
        return UUID(text) if text else None
    except (ValueError, TypeError, AttributeError):
        return None
