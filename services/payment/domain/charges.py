"""Charges: what a payment provider answers when it is asked to take a customer's money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from services.chassis.plain.money import Money


class ChargeState(Enum):
    """The state of a charge at the provider."""

    PROCESSING = "processing"
    """Nothing is decided yet."""
    NEEDS_CHALLENGE = "needs_challenge"
    """The customer must prove to their bank who they are; the challenge lets their browser do so."""
    SUCCEEDED = "succeeded"
    """The money was taken."""
    DECLINED = "declined"
    """The bank refuses. Until the charge is cancelled, the customer may try again through it."""
    CANCELLED = "cancelled"


class CloseReason(Enum):
    """Why we cancel a charge."""

    ABANDONED = "abandoned"
    """The customer did not finish the challenge in time."""
    ORDER_CANCELLED = "order_cancelled"


class Refusal(StrEnum):
    """What the provider does not accept in a request. Nothing was attempted, and another request may succeed."""

    PAYMENT_METHOD = "payment_method"
    CUSTOMER = "customer"
    AMOUNT = "amount"
    REQUEST = "request"
    """Anything else: an error of ours, or of our account's."""


class ChargeMismatch(Exception):
    """The provider's object is not what was asked for, although it refers to our payment. Nothing of it is booked."""


@dataclass(frozen=True)
class Settlement:
    """What a charge left on our balance at the provider."""

    reference: str
    fee: Money
    net: Money


@dataclass(frozen=True)
class Attempt:
    """The outcome of a request to charge, or a later answer that changed the payment; kept for operators."""

    status: str
    error_code: str | None = None
    error_message: str | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What is kept of the provider's answer. No card data, no secret."""
    asked: bool = False
    """Whether it is the outcome of a request to charge: that is recorded in any case."""


@dataclass(frozen=True)
class Challenge:
    """What the customer's browser needs for a challenge. Never stored."""

    secret: str = field(repr=False)
    """For the provider's own script."""
    url: str | None = field(default=None, repr=False)
    """The page of the challenge. None: only the provider's script shows it."""


@dataclass(frozen=True)
class Charge:
    """A charge as the provider has it; nothing of the card."""

    reference: str | None
    """None for a decline that came without a charge."""
    state: ChargeState
    amount: Money
    payment_id: UUID | None
    """The payment that it names as its own."""
    word: str
    """The provider's word for its state."""
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What is kept of the provider's answer. No card data, no secret."""
    capture_reference: str | None = None
    """What the capture is booked under."""
    settlement: Settlement | None = None
    error_code: str | None = None
    decline_code: str | None = None
    error_message: str | None = None
    cancellation_reason: str | None = None
    challenge: Challenge | None = None
    """How the customer does the challenge, if there is one."""

    @property
    def is_open(self) -> bool:
        """Whether somebody could still pay through it."""
        return self.state in (ChargeState.DECLINED, ChargeState.NEEDS_CHALLENGE)

    def attempt(self, *, asked: bool) -> Attempt:
        """The answer as an attempt."""
        return Attempt(self.word, self.error_code, self.error_message, self.answer, asked)


@dataclass(frozen=True)
class ListedCharge:
    """A charge in the provider's list of all charges of the account. It need not be one of ours."""

    reference: str
    state: ChargeState | None
    """None: a state that no charge of ours has."""
    word: str
    """The provider's word for its state."""
    created_at: datetime
    amount: Money | None
    """None: an amount that is finer than its currency."""
    refunded: Money | None
    """What went back, and what is on its way back; None as above."""
    payment_id: UUID | None
    """The payment that it names as its own."""
    is_disputed: bool

    @property
    def may_be_paid(self) -> bool:
        """Whether the customer could still pay through it."""
        return self.state in (ChargeState.DECLINED, ChargeState.NEEDS_CHALLENGE)

    @property
    def takes_money(self) -> bool:
        """Whether money was taken, or may be without the customer."""
        return not self.may_be_paid and self.state is not ChargeState.CANCELLED
