"""Stripe's words and ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import stripe

from services.payment.domain.charges import ChargeState, CloseReason, Refusal
from services.payment.domain.disputes import DisputeState
from services.payment.domain.notices import Topic
from services.payment.domain.refunds import RefundStatus

NAME = "stripe"
"""The provider's name in stored payments, metrics and settings."""

DECLINED = "requires_payment_method"
CHARGE_STATES: Mapping[str, ChargeState] = MappingProxyType(
    {
        "succeeded": ChargeState.SUCCEEDED,
        "requires_action": ChargeState.NEEDS_CHALLENGE,
        "processing": ChargeState.PROCESSING,
        DECLINED: ChargeState.DECLINED,
        "requires_confirmation": ChargeState.DECLINED,
        "canceled": ChargeState.CANCELLED,
    }
)
"""A PaymentIntent's status. Others do not occur for what we ask."""

REFUND_STATUSES: Mapping[str, RefundStatus] = MappingProxyType(
    {
        "pending": RefundStatus.PENDING,
        "requires_action": RefundStatus.PENDING,
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.CANCELLED,
    }
)

DISPUTE_STATES: Mapping[str, DisputeState] = MappingProxyType(
    {
        "warning_needs_response": DisputeState.INQUIRY,
        "warning_under_review": DisputeState.INQUIRY,
        "warning_closed": DisputeState.WON,
        "prevented": DisputeState.WON,
        "won": DisputeState.WON,
        "lost": DisputeState.LOST,
    }
)
"""Others are open: needs_response, under_review, and what Stripe may add
(https://docs.stripe.com/disputes/how-disputes-work)."""

CANCELLATION_REASONS: Mapping[CloseReason, Literal["abandoned", "requested_by_customer"]] = MappingProxyType(
    {CloseReason.ABANDONED: "abandoned", CloseReason.ORDER_CANCELLED: "requested_by_customer"}
)

INTENT_EVENTS: Mapping[str, ChargeState] = MappingProxyType(
    {
        "payment_intent.succeeded": ChargeState.SUCCEEDED,
        "payment_intent.payment_failed": ChargeState.DECLINED,
        "payment_intent.canceled": ChargeState.CANCELLED,
    }
)
REFUND_EVENTS = frozenset(
    {"charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed"}
)
"""Which of them are sent depends on the version of the API: https://docs.stripe.com/refunds#refund-webhooks."""
DISPUTE_EVENTS = frozenset(
    f"charge.dispute.{what}" for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
)
TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        **dict.fromkeys(INTENT_EVENTS, Topic.CHARGE),
        **dict.fromkeys(REFUND_EVENTS, Topic.REFUND),
        **dict.fromkeys(DISPUTE_EVENTS, Topic.DISPUTE),
    }
)
"""The types of webhooks that are followed."""

MADE_AT_STRIPE = "made_at_stripe"
"""The reason of a refund for which nobody has stated one to Stripe."""


def refund_status(word: object) -> RefundStatus:
    """A refund's status. An unknown one counts as pending: it is looked at again."""
    return REFUND_STATUSES.get(str(word), RefundStatus.PENDING)


def refund_reason(reason: str) -> Literal["duplicate", "fraudulent", "requested_by_customer"]:
    """The reason for Stripe, which knows three (https://docs.stripe.com/api/refunds/create#create_refund-reason).

    Our own reasons stay with us.
    """
    match reason:
        case "duplicate" | "fraudulent" as known:
            return known
    return "requested_by_customer"


def refusal_in(error: stripe.InvalidRequestError) -> Refusal:
    """What Stripe does not accept in the request."""
    param, code = error.param or "", error.code or ""
    if param.startswith("payment_method") or code.startswith("payment_method_"):
        return Refusal.PAYMENT_METHOD
    if param == "customer":
        return Refusal.CUSTOMER
    if param in ("amount", "currency") or code.startswith("amount_too_"):
        return Refusal.AMOUNT
    return Refusal.REQUEST
