"""PaymentIntents: the object and its state machine, pure.

Source: https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from stripe_sandbox.methods import Authentication, Card
from stripe_sandbox.resources import Json, Resource


class Status(StrEnum):
    """Stripe's statuses. `requires_capture` is missing: the sandbox captures at once."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


_TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.REQUIRES_PAYMENT_METHOD: frozenset(Status) - {Status.REQUIRES_CONFIRMATION},
    Status.REQUIRES_CONFIRMATION: frozenset(Status) - {Status.REQUIRES_CONFIRMATION},
    Status.REQUIRES_ACTION: frozenset(Status) - {Status.REQUIRES_CONFIRMATION},
    Status.PROCESSING: frozenset({Status.SUCCEEDED, Status.REQUIRES_PAYMENT_METHOD}),
    Status.SUCCEEDED: frozenset(),
    Status.CANCELED: frozenset(),
}

_OPEN = frozenset({Status.REQUIRES_PAYMENT_METHOD, Status.REQUIRES_CONFIRMATION, Status.REQUIRES_ACTION})


class AutomaticMethods(BaseModel):
    """The caller leaves the choice of payment methods to the dashboard's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool
    allow_redirects: Literal["always", "never"] = "always"


class PaymentIntent(Resource):
    """An amount to be paid, in one or more attempts."""

    kind: ClassVar[str] = "payment_intent"
    prefix: ClassVar[str] = "pi"

    status: Status
    amount: int
    currency: str
    client_secret: str
    capture_method: Literal["automatic", "automatic_async"]
    automatic_payment_methods: AutomaticMethods | None
    metadata: dict[str, str]
    customer: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    payment_method: str | None = None
    return_url: str | None = None
    challenge: str | None = None
    """The id of the open challenge; set only in `requires_action`."""
    latest_charge: str | None = None
    last_payment_error: Json | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None


class UnexpectedState(Exception):
    """The operation is not allowed in the intent's status. The message is Stripe's."""


class Step(Enum):
    """The next step after a payment method is confirmed."""

    CHALLENGE = "challenge"
    REFUSE_UNAUTHENTICATED = "refuse_unauthenticated"
    DECLINE = "decline"
    PROCESS = "process"
    CHARGE = "charge"


def next_step(card: Card, *, authenticated: bool, off_session: bool, may_challenge: bool) -> Step:
    """Decide the next step of an attempt. As in reality, authentication precedes the issuer's answer."""
    if not authenticated and _asks(card, off_session=off_session):
        return Step.CHALLENGE if may_challenge and not off_session else Step.REFUSE_UNAUTHENTICATED
    if card.asynchronous:
        return Step.PROCESS
    return Step.CHARGE if card.decline is None else Step.DECLINE


def _asks(card: Card, *, off_session: bool) -> bool:
    if card.authentication is Authentication.ON_SESSION:
        return not off_session
    return card.authentication is Authentication.ALWAYS


def require_confirmable(intent: PaymentIntent) -> None:
    """Raise UnexpectedState if no further attempt may begin."""
    if intent.status is Status.SUCCEEDED:
        raise UnexpectedState(
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    if intent.status not in _OPEN:
        raise UnexpectedState(f"You cannot confirm this PaymentIntent because it has a status of {intent.status}.")


def chosen(intent: PaymentIntent, payment_method: str) -> PaymentIntent:
    """The intent with the payment method of a new attempt; data of the previous attempt is cleared."""
    return intent.model_copy(update={"payment_method": payment_method, "challenge": None})


def challenged(intent: PaymentIntent, challenge: str) -> PaymentIntent:
    return _move(intent, Status.REQUIRES_ACTION, challenge=challenge, last_payment_error=None)


def processing(intent: PaymentIntent, charge: str) -> PaymentIntent:
    return _move(intent, Status.PROCESSING, latest_charge=charge, last_payment_error=None)


def succeeded(intent: PaymentIntent, charge: str) -> PaymentIntent:
    return _move(intent, Status.SUCCEEDED, latest_charge=charge, last_payment_error=None)


def failed(intent: PaymentIntent, charge: str | None, error: Json) -> PaymentIntent:
    """The intent after a failed attempt: it requires another payment method. Without a charge it keeps the last one."""
    return _move(
        intent,
        Status.REQUIRES_PAYMENT_METHOD,
        payment_method=None,
        latest_charge=charge or intent.latest_charge,
        last_payment_error=error,
    )


def canceled(intent: PaymentIntent, reason: str | None, now: int) -> PaymentIntent:
    """The cancelled intent. Raises UnexpectedState if the payment is processing or has succeeded.

    Stripe cancels a processing intent "in rare cases" only. The sandbox never does: callers meet the harder case.
    """
    if intent.status not in _OPEN:
        raise UnexpectedState(
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing."
        )
    return _move(intent, Status.CANCELED, canceled_at=now, cancellation_reason=reason)


def _move(intent: PaymentIntent, to: Status, **changes: Any) -> PaymentIntent:
    if to not in _TRANSITIONS[intent.status]:
        raise UnexpectedState(f"This PaymentIntent has a status of {intent.status} and cannot become {to}.")
    return intent.model_copy(update={"status": to, "challenge": None} | changes)
