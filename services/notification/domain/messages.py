"""Messages to users: kinds, states, and retry pauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.chassis.plain.money import Money

MAX_ATTEMPTS = 10
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)


class Status(StrEnum):
    """The state of a message."""

    PENDING = "pending"
    SENT = "sent"
    PARKED = "parked"
    """Not sent after all attempts; only an operator can schedule it again."""
    DROPPED = "dropped"
    """Not to be sent: not wanted, or its token is no longer valid."""


class Kind(StrEnum):
    """What a message is about; also the name of its templates."""

    WELCOME = "welcome"
    VERIFY_EMAIL = "verify_email"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - no password
    EMAIL_CHANGE = "email_change"
    ORDER_CONFIRMED = "order_confirmed"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_SHIPPED = "order_shipped"
    PAYMENT_REFUNDED = "payment_refunded"
    PAYMENT_REFUND_FAILED = "payment_refund_failed"

    @property
    def subject(self) -> str:
        """Its subject line."""
        return _SUBJECTS[self]

    @property
    def is_required(self) -> bool:
        """Whether it concerns the security of an account: it cannot be turned off, not even by an attacker."""
        return self in _ABOUT_SECURITY


_SUBJECTS: Mapping[Kind, str] = {
    Kind.WELCOME: "Welcome! Please verify your email address",
    Kind.VERIFY_EMAIL: "Please verify your email address",
    Kind.PASSWORD_RESET: "Reset your password",
    Kind.EMAIL_CHANGE: "Your email address is about to change",
    Kind.ORDER_CONFIRMED: "Your order is confirmed",
    Kind.ORDER_CANCELLED: "Your order has been cancelled",
    Kind.ORDER_SHIPPED: "Your order has shipped",
    Kind.PAYMENT_REFUNDED: "Your refund is on its way",
    Kind.PAYMENT_REFUND_FAILED: "There is a problem with your refund",
}
_ABOUT_SECURITY = frozenset({Kind.WELCOME, Kind.VERIFY_EMAIL, Kind.PASSWORD_RESET, Kind.EMAIL_CHANGE})

_OF_ORDER_STATUS = {
    "confirmed": Kind.ORDER_CONFIRMED,
    "cancelled": Kind.ORDER_CANCELLED,
    "shipped": Kind.ORDER_SHIPPED,
}

_WHY_CANCELLED = {
    "payment_failed": "Your payment was declined, and you were not charged.",
    "unpaid": "We did not receive your payment in time.",
    "stock_short": "We are sorry: an item is out of stock. You will get a full refund.",
    "by_owner": "You asked us to cancel it. If you have already paid, you will get a refund.",
    "by_staff": "We are sorry that we had to cancel it. If you have already paid, you will get a refund.",
}


@dataclass(frozen=True)
class OrderLine:
    """A line of an order in a message."""

    product_id: str
    quantity: int
    price: Money


@dataclass(frozen=True)
class OrderSummary:
    """The summary of an order in a message."""

    lines: Sequence[OrderLine]
    total: Money


@dataclass(frozen=True)
class NewMessage:
    """A message that an event causes."""

    event_id: UUID
    user_id: UUID
    kind: Kind
    order_id: UUID | None = None
    mail_request_id: UUID | None = None
    """The request for which the user service issues the mail's token; None: no token."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Values of the templates."""


@dataclass(frozen=True)
class Message:
    """A message as its reader sees it in the list."""

    id: UUID
    type: str
    channel: str
    subject: str
    order_id: UUID | None
    status: Status
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class DueMessage:
    """A message that is due."""

    id: UUID
    type: str
    subject: str
    order_id: UUID | None
    data: Mapping[str, str]
    order: OrderSummary | None
    mail_request_id: UUID | None
    attempt: int
    email: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True)
class OrderMail:
    """One message about an order, as it is compared with the order."""

    order_id: UUID
    type: str
    status: Status
    created_at: datetime
    sent_at: datetime | None
    is_addressed: bool
    """Whether its reader's address is known."""


@dataclass(frozen=True)
class KnownOrder:
    """An order as the order service has it."""

    user_id: UUID
    status: str
    updated_at: datetime
    status_event_id: UUID
    """The event by which it came to its status: a message because of it is written once."""
    reason: str
    """Why it has its status; empty while it is pending."""


@dataclass(frozen=True)
class ParkedMessage:
    """A message that is no longer retried, without its reader's address."""

    id: UUID
    user_id: UUID
    type: str
    order_id: UUID | None
    attempts: int
    error: str
    created_at: datetime


def kind_of_order_status(status: str) -> Kind | None:
    """The kind of message for an order's new status; None: no message."""
    return _OF_ORDER_STATUS.get(status)


def message_of_status(event_id: UUID, user_id: UUID, order_id: UUID, status: str, reason: str) -> NewMessage | None:
    """The message to its owner because an order reached this state; None: there is none."""
    kind = kind_of_order_status(status)
    if kind is None:
        return None
    data = {"why": why_cancelled(reason)} if kind is Kind.ORDER_CANCELLED else {}
    return NewMessage(event_id, user_id, kind, order_id, data=data)


def why_cancelled(reason: str) -> str:
    """A sentence with the reason of a cancellation; empty for unknown reasons."""
    return _WHY_CANCELLED.get(reason, "")


def pause_before(attempt: int) -> timedelta | None:
    """The pause before this attempt (2 is the first retry); None: no further attempt."""
    if attempt > MAX_ATTEMPTS:
        return None
    doubled: timedelta = _FIRST_PAUSE * 2 ** (attempt - 2)
    return min(doubled, _LONGEST_PAUSE)
