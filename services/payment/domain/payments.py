"""Payments: one attempt of a person to pay for an order.

    processing ⇄ requires_action      live: anything may still happen
      └── failed, cancelled           ended unpaid
            └── succeeded             money was taken; that is a fact, whatever was recorded before
                  └── partially_refunded, refunded

`outcomes.py` decides about the transitions; they only ever go down this list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.chassis.plain.money import Money
from services.payment.domain.charges import Refusal
from services.payment.domain.disputes import DisputeState
from services.payment.domain.keys import numbered
from services.payment.domain.orders import AlreadyPaid, Order


class Status(StrEnum):
    """The state of a payment."""

    PENDING = "pending"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


LIVE = frozenset({Status.PENDING, Status.PROCESSING, Status.REQUIRES_ACTION})
PAID = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED})
HOLDING_MONEY = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED})


class Stranded(StrEnum):
    """Why a payment needs a person: the rules can do no more about it."""

    REFUND_RETURNED = "refund_returned"
    """The customer's bank sent the money back, and would do so again."""
    REFUND_REFUSED = "refund_refused"
    """The provider has refused the refund so often that asking again is of no use."""
    DISPUTED = "disputed"
    """The customer has the money back for now, through their bank; who keeps it is not decided."""
    DISPUTE_LOST = "dispute_lost"
    """The customer has money back through their bank: a refund would pay it twice."""
    UNKNOWN_AT_PROVIDER = "unknown_at_stripe"
    """The provider does not know the payment's charge: it belongs to another account. (The value is stored and public;
    it has the name of the first provider.)"""


class PaymentNotFound(Exception):
    """There is no such payment, or it belongs to somebody else; callers cannot distinguish the two."""

    def __init__(self) -> None:
        super().__init__("payment not found")


class PaymentInProgress(Exception):
    """Another payment of the order is in progress."""

    def __init__(self) -> None:
        super().__init__("another payment of this order is in progress; wait for its outcome")


class PaymentMethodRefused(Exception):
    """The provider does not know the payment method, or cannot charge it."""

    def __init__(self, provider: str) -> None:
        super().__init__("the payment provider does not accept this payment method; use another one")
        self.violations = (
            ("paymentMethodId", f"must be a payment method that exists at {provider} and can be charged"),
        )


class CustomerRefused(Exception):
    """The customer record at the provider is not the caller's own."""

    def __init__(self, provider: str) -> None:
        super().__init__("customerId: must be a customer of your own")
        self.violations = (("customerId", f"must be your own customer at {provider}"),)


@dataclass(frozen=True)
class Payment:
    """One attempt of a person to pay for an order."""

    id: UUID
    order_id: UUID
    user_id: UUID
    amount: Money
    provider: str
    """The name of the provider that takes the money."""
    payment_method: str
    customer_id: str | None
    return_url: str
    """Kept, because a request that is repeated under its key must be the same to the letter."""
    idempotency_key: str | None
    """The caller's, so that whoever learns the outcome can keep the answer for repeats."""
    created_at: datetime
    asked_at: datetime
    """When the provider was last asked to charge."""
    status: Status = Status.PROCESSING
    provider_reference: str | None = None
    """The charge's id at the provider."""
    error_code: str | None = None
    decline_code: str | None = None
    refusal: Refusal | None = None
    provider_fee: Money | None = None
    """In the account's own currency, which need not be the order's; so is the net amount."""
    net_amount: Money | None = None
    challenge_ends_at: datetime | None = None
    """How long the customer may take for the challenge, once there is one."""
    processed_at: datetime | None = None
    late: bool = False
    """The money came after the payment or its order had ended."""
    close_charge: bool = False
    """Nobody may pay through the charge any more: it is to be cancelled at the provider."""
    check_at: datetime | None = None
    """When the reconciler looks at it next; None: nothing is left to do."""
    checks: int = 0
    """How often the reconciler has looked since the last change; counted when it takes the payment."""
    key_number: int = 1
    """Which of the payment's keys the provider is asked with; another follows when a key is spent."""
    server_errors: int = 0
    """How often the provider's servers have failed under that key."""
    give_back: bool = False
    """Whatever it holds goes back: it came late, or its order was cancelled."""
    stranded: Stranded | None = None
    """Why it needs a person."""
    given_back_otherwise: str | None = None
    """How a person has settled what could not go back through the provider, in their words."""
    dispute: DisputeState | None = None
    """The state of its disputes, the worst of them."""

    @property
    def key(self) -> str:
        """The idempotency key that the provider is asked with."""
        return numbered(str(self.id), self.key_number)

    @property
    def owes(self) -> bool:
        """Whether it holds money that is to go back."""
        return self.give_back and self.status in HOLDING_MONEY and self.given_back_otherwise is None

    @property
    def is_live(self) -> bool:
        """Whether its outcome is open."""
        return self.status in LIVE

    @property
    def is_paid(self) -> bool:
        """Whether money was taken."""
        return self.status in PAID

    @property
    def counts_as_payment(self) -> bool:
        """Whether the order may not be paid once more."""
        return self.is_live or (self.status in HOLDING_MONEY and not self.late)

    @property
    def pays_for_order(self) -> bool:
        """Whether its order is paid by it: it has money that does not go back."""
        return self.is_paid and self.counts_as_payment and not self.give_back

    def with_next_key(self) -> Payment:
        """The payment as it is asked for from now on."""
        return replace(self, key_number=self.key_number + 1, server_errors=0)


class OrderPaymentState(StrEnum):
    """How far the payment of an order is."""

    NONE = "none"
    LIVE = "live"
    PAID = "paid"


@dataclass(frozen=True)
class OrderPayment:
    """What the order service may know of an order's payment."""

    state: OrderPaymentState
    was_paid: bool
    """Whether a payment confirmed the order, also when all of its money has gone back since."""


@dataclass(frozen=True)
class Compared:
    """A payment, and what its refunds and the books come to."""

    payment: Payment
    refunded: Money
    """The sum of its refunds that have succeeded."""
    booked: Money
    """What it holds by the books: the capture, less refunds, plus refunds that came back."""


@dataclass(frozen=True)
class StrandedPayment:
    """A payment that needs a person, as operators see it."""

    id: UUID
    order_id: UUID
    user_id: UUID
    since: datetime
    reason: Stranded
    status: str
    held: Money
    """What was taken less what went back."""
    provider_reference: str | None
    last_failure: str | None
    """Why the last refund failed, in the provider's words."""
    disputes: str | None
    """The disputes' reasons and states, in the provider's words."""


def begin(
    order: Order,
    *,
    payment_id: UUID,
    provider: str,
    payment_method: str,
    customer_id: str | None,
    return_url: str,
    idempotency_key: str | None,
    now: datetime,
    takes_at_most: timedelta,
) -> Payment:
    """A payment of the order that the provider is about to be asked for, which takes so long at most."""
    return Payment(
        id=payment_id,
        order_id=order.id,
        user_id=order.user_id,
        amount=order.total,
        provider=provider,
        payment_method=payment_method,
        customer_id=customer_id,
        return_url=return_url,
        idempotency_key=idempotency_key,
        created_at=now,
        asked_at=now,
        check_at=now + takes_at_most,
    )


def require_unpaid(payments: Sequence[Payment]) -> None:
    """Raises AlreadyPaid or PaymentInProgress when one of the order's payments forbids another."""
    for payment in payments:
        if payment.counts_as_payment and payment.is_paid:
            raise AlreadyPaid
    if any(payment.is_live for payment in payments):
        raise PaymentInProgress


def order_payment(payments: Sequence[Payment]) -> OrderPayment:
    """How far the payment of an order is, and whether it was ever paid. Money that came late pays for nothing."""
    return OrderPayment(_state(payments), any(payment.is_paid and not payment.late for payment in payments))


def _state(payments: Sequence[Payment]) -> OrderPaymentState:
    counting = [payment for payment in payments if payment.counts_as_payment]
    if any(payment.is_paid for payment in counting):
        return OrderPaymentState.PAID
    return OrderPaymentState.LIVE if counting else OrderPaymentState.NONE
