"""Notices: what a provider reports by itself, by a webhook.

A notice reports that something happened, not what it is now: notices come late, twice and in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from services.payment.domain.charges import ChargeState
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import RefundStatus
from services.payment.domain.schedule import awaits_settlement


class Topic(Enum):
    """What a notice is about."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True)
class Notice:
    """That something happened, and to what. Its present state is looked up, not read from here."""

    provider: str
    """The name of the provider that reports it."""
    id: str
    type: str
    """The provider's word for what happened."""
    topic: Topic
    charge_state: ChargeState | None = None
    """What a charge came to; of a notice about a charge."""
    charge_reference: str | None = None
    capture_reference: str | None = None
    payment_id: UUID | None = None
    """The payment that its object names."""
    refund_reference: str | None = None
    refund_status: RefundStatus | None = None
    """Of the refund that it is about, if it is about one."""


def reports_nothing_new(notice: Notice, payment: Payment) -> bool:
    """Whether a notice about a charge reports what is known already, as most do: our own request was answered so."""
    match notice.charge_state:
        case ChargeState.SUCCEEDED:
            return payment.is_paid and not awaits_settlement(payment)
        case ChargeState.DECLINED:
            return not payment.is_live
        case ChargeState.CANCELLED:
            return not (payment.is_live or payment.close_charge)
    return False
