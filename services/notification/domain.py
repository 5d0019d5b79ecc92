"""Which facts people are told, in which words, and what they may turn off.

Pure: no I/O, no clock, no protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MAX_ATTEMPTS = 10
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)


class Status(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    PARKED = "parked"
    """It could not be sent and is not tried any more, until an operator says so."""
    DROPPED = "dropped"
    """It is not to be sent: not wanted, or its token is of no use any more."""


class Kind(StrEnum):
    """What a message tells; also its templates' name."""

    WELCOME = "welcome"
    VERIFY_EMAIL = "verify_email"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - no password
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
        """Whether it is about the security of an account: nobody can turn it off, not a thief either."""
        return self in _ABOUT_SECURITY


_SUBJECTS: Mapping[Kind, str] = {
    Kind.WELCOME: "Welcome! Please verify your email address",
    Kind.VERIFY_EMAIL: "Please verify your email address",
    Kind.PASSWORD_RESET: "Reset your password",
    Kind.ORDER_CONFIRMED: "Your order is confirmed",
    Kind.ORDER_CANCELLED: "Your order has been cancelled",
    Kind.ORDER_SHIPPED: "Your order has shipped",
    Kind.PAYMENT_REFUNDED: "Your refund is on its way",
    Kind.PAYMENT_REFUND_FAILED: "There is a problem with your refund",
}
_ABOUT_SECURITY = frozenset({Kind.WELCOME, Kind.VERIFY_EMAIL, Kind.PASSWORD_RESET})

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


class InvalidPreferences(Exception):
    """Something cannot be wanted so; `violations` says which field and what would be right."""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = violations


@dataclass(frozen=True)
class Preference:
    """Whether a person wants a kind of message by mail."""

    kind: Kind
    email: bool


def kind_of_order_status(status: str) -> Kind | None:
    """What its owner is told when an order reaches this state; None: nothing."""
    return _OF_ORDER_STATUS.get(status)


def why_cancelled(reason: str) -> str:
    """A sentence that says why an order ended; empty for a reason that has none."""
    return _WHY_CANCELLED.get(reason, "")


def preferences(said: Sequence[tuple[str, bool]]) -> list[Preference]:
    """What somebody said about kinds of messages, by name; the last word about a kind counts.

    Raises:
        InvalidPreferences: there is no such kind, or it cannot be turned off.
    """
    violations = [
        problem for index, (name, email) in enumerate(said) if (problem := _problem(index, name, email)) is not None
    ]
    if violations:
        raise InvalidPreferences(violations)
    return [Preference(kind, email) for kind, email in {Kind(name): email for name, email in said}.items()]


def all_preferences(said: Mapping[str, bool]) -> list[Preference]:
    """Every kind, wanted where nobody said otherwise."""
    return [Preference(kind, kind.is_required or said.get(kind, True)) for kind in Kind]


def pause_before(attempt: int) -> timedelta | None:
    """How long to wait before this attempt (2 is the first repeat); None: it is not tried any more."""
    if attempt > MAX_ATTEMPTS:
        return None
    doubled: timedelta = _FIRST_PAUSE * 2 ** (attempt - 2)
    return min(doubled, _LONGEST_PAUSE)


def _problem(index: int, name: str, email: bool) -> tuple[str, str] | None:
    if name not in set(Kind):
        return f"preferences[{index}].kind", f"must be one of {', '.join(Kind)}"
    if not email and Kind(name).is_required:
        return f"preferences[{index}].email", f"must be true: {name} is about the security of the account"
    return None
