"""What Stripe's objects say, in our words: JSON in, domain out. Nothing of the card comes through here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe
import structlog
from prometheus_client import Counter

from services.chassis.currencies import CURRENCIES
from services.chassis.metrics import show_from_the_start
from services.chassis.money import NotMoney
from services.payment.domain import (
    DisputeState,
    Intent,
    IntentMismatch,
    Movement,
    RefundStatus,
    Refusal,
    SeenIntent,
    Settlement,
    StripeDispute,
    StripeRefund,
)
from services.payment.stripe_units import from_stripe

FEES_NOT_BOOKED = Counter(
    "payment_fees_not_booked", "Looks at what Stripe keeps of a payment that could not be read or stored.", ["why"]
)
show_from_the_start(FEES_NOT_BOOKED, ("unreadable", "unstorable"))
_log = structlog.get_logger()

Json = Mapping[str, Any]

_REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELLED,
}
_DISPUTE_STATES = {
    "warning_needs_response": DisputeState.INQUIRY,
    "warning_under_review": DisputeState.INQUIRY,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
"""Others are open: needs_response, under_review, and what Stripe may think of yet."""


def intent(answer: Json) -> Intent:
    """A PaymentIntent. Raises IntentMismatch when its amount is finer than its currency: we asked for none such."""
    charge = answer.get("latest_charge")
    failure = answer.get("last_payment_error") or {}
    return Intent(
        id=answer["id"],
        status=answer["status"],
        amount_minor=_minor(answer),
        currency=answer["currency"].upper(),
        payment_id=payment_id_of(answer),
        charge_id=charge if isinstance(charge, str) or charge is None else charge["id"],
        settlement=_settlement(charge),
        error_code=failure.get("code"),
        decline_code=failure.get("decline_code"),
        error_message=failure.get("message"),
        cancellation_reason=answer.get("cancellation_reason"),
        client_secret=answer.get("client_secret"),
    )


def seen_intent(answer: Json) -> SeenIntent:
    """A PaymentIntent with its charge, in Stripe's units: to be compared, whatever the amount is."""
    charge = answer.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    return SeenIntent(
        id=answer["id"],
        status=answer["status"],
        created_at=datetime.fromtimestamp(answer["created"], UTC),
        stripe_amount=answer["amount"],
        currency=answer["currency"].upper(),
        payment_id=payment_id_of(answer),
        stripe_refunded=charge.get("amount_refunded") or 0,
        is_disputed=bool(charge.get("disputed")),
    )


def intent_in(error: stripe.StripeError) -> Intent | None:
    """The intent that an error carries: an attempt was made, and this is what came of it."""
    carried = _body(error).get("payment_intent")
    return intent(carried) if carried else None


def decline_code_in(error: stripe.StripeError) -> str | None:
    """Why the issuer said no."""
    code = _body(error).get("decline_code")
    return code if isinstance(code, str) else None


def refusal_in(error: stripe.InvalidRequestError) -> Refusal:
    """What it was that Stripe would not take."""
    param, code = error.param or "", error.code or ""
    if param.startswith("payment_method") or code.startswith("payment_method_"):
        return Refusal.PAYMENT_METHOD
    if param == "customer":
        return Refusal.CUSTOMER
    if param in ("amount", "currency") or code.startswith("amount_too_"):
        return Refusal.AMOUNT
    return Refusal.REQUEST


def refund(answer: Json) -> StripeRefund:
    """A refund. Raises IntentMismatch when its amount is finer than its currency."""
    return StripeRefund(
        id=answer["id"],
        status=refund_status(answer.get("status")),
        amount_minor=_minor(answer),
        currency=answer["currency"].upper(),
        refund_id=_uuid(_metadata(answer).get("refund_id")),
        reason=answer.get("reason"),
        failure_code=answer.get("failure_reason"),
    )


def refund_status(word: object) -> RefundStatus:
    """A refund's state. One that we have not heard of counts as pending: it is looked at again."""
    return _REFUND_STATUSES.get(str(word), RefundStatus.PENDING)


def dispute(answer: Json) -> StripeDispute:
    """A dispute, with what it has moved on our balance."""
    return StripeDispute(
        id=answer["id"],
        status=answer["status"],
        state=_DISPUTE_STATES.get(answer["status"], DisputeState.OPEN),
        amount_minor=_minor(answer),
        currency=answer["currency"].upper(),
        reason=answer.get("reason") or "general",
        movements=tuple(map(_movement, answer.get("balance_transactions") or ())),
    )


def _movement(line: Json) -> Movement:
    currency = line["currency"].upper()
    return Movement(line["id"], from_stripe(line["amount"], currency), from_stripe(line["fee"], currency), currency)


def user_of(customer: Json) -> str | None:
    """Whom a customer belongs to, by the `user_id` in its metadata."""
    return None if customer.get("deleted") else _metadata(customer).get("user_id")


def _settlement(charge: Any) -> Settlement | None:
    """Only an expanded charge has an expanded balance transaction; there is none before the charge is captured.

    One that cannot be read counts as none: what Stripe keeps is for the books, and holds up no capture.
    """
    line = charge.get("balance_transaction") if isinstance(charge, Mapping) else None
    if not isinstance(line, Mapping):
        return None
    try:
        return _readable_settlement(line)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        FEES_NOT_BOOKED.labels(why="unreadable").inc()
        _log.error("fee_unreadable", error=type(error).__name__, currency=str(line.get("currency"))[:8])
        return None


def _readable_settlement(line: Json) -> Settlement:
    """The account may be kept in a currency that no order of ours is in. Raises ValueError for one we cannot count."""
    currency = line["currency"].upper()
    fee, net = line["fee"], line["net"]
    if currency not in CURRENCIES or type(fee) is not int or type(net) is not int or fee < 0:
        raise ValueError(currency)
    return Settlement(line["id"], from_stripe(fee, currency), from_stripe(net, currency), currency)


def _minor(answer: Json) -> int:
    try:
        return from_stripe(answer["amount"], answer["currency"].upper())
    except NotMoney as error:
        raise IntentMismatch(f"{answer['id']}: {error}") from error


def payment_id_of(subject: Json) -> UUID | None:
    """Which payment of ours an object is about, by its metadata."""
    return _uuid(_metadata(subject).get("payment_id"))


def _metadata(subject: Json) -> Mapping[str, str]:
    return subject.get("metadata") or {}


def _body(error: stripe.StripeError) -> Json:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _uuid(text: str | None) -> UUID | None:
    """Metadata is anybody's who shares our account: what is no UUID is not ours."""
    try:
        return UUID(text) if text else None
    except (ValueError, TypeError, AttributeError):
        return None
