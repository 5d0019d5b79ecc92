"""Which facts people are told, and in which words.

Pure: no I/O, no clock, no protobuf.
"""

from __future__ import annotations

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
    FAILED = "failed"


@dataclass(frozen=True)
class Notice:
    """What a person is told: its type, which is also its template's name, and its subject line."""

    type: str
    subject: str


_OF_ORDER_STATUS = {
    "confirmed": Notice("order_confirmed", "Your order is confirmed"),
    "cancelled": Notice("order_cancelled", "Your order is cancelled"),
}

_WHY_CANCELLED = {
    "payment_failed": "The payment did not go through, so you were not charged.",
    "unpaid": "It was not paid in time.",
    "by_owner": "You asked us to cancel it. If you had paid, the money is on its way back.",
    "by_staff": "We had to cancel it. If you had paid, the money is on its way back.",
}


def notice_of_order(status: str) -> Notice | None:
    """What its owner is told when an order reaches this state; None: nothing."""
    return _OF_ORDER_STATUS.get(status)


def why_cancelled(reason: str) -> str:
    """A sentence that says why an order ended; empty for a reason that has none."""
    return _WHY_CANCELLED.get(reason, "")


def pause_before(attempt: int) -> timedelta | None:
    """How long to wait before this attempt (2 is the first repeat); None: it is not tried any more."""
    if attempt > MAX_ATTEMPTS:
        return None
    doubled: timedelta = _FIRST_PAUSE * 2 ** (attempt - 2)
    return min(doubled, _LONGEST_PAUSE)
