"""What is to be done about a payment at the provider, and when it is looked at next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from services.payment.domain.keys import is_young, key_is_spent
from services.payment.domain.payments import Payment, Status

FIRST_PAUSE = timedelta(seconds=10)
"""The pause after the first look without a change."""
CHALLENGE_POLL = timedelta(minutes=2)
"""How often an open challenge is looked up, in case its webhook never came."""
LONGEST_DELAY = timedelta(minutes=5)
LONGEST_FEE_DELAY = timedelta(days=1)
FEE_SOUGHT = timedelta(days=30)
"""How long after the capture the provider's fee is asked for: a fee that could not be read may be readable by then (by
a newer version of ours), and nobody waits for it."""
STRANDED_POLL = timedelta(hours=1)
"""How often stranded money is looked up: a person may have corrected it at the provider."""


class Step(Enum):
    """What is to be done about a payment at the provider."""

    ASK = "ask"
    """Send the request (again), under the same key."""
    SEARCH = "search"
    """Look for a charge with the payment's id: the key may be forgotten, or the charge is not wanted any more."""
    LOOK_UP = "look_up"
    CANCEL = "cancel"
    GIVE_BACK = "give_back"
    """Look what became of the money that goes back, and go on giving it back."""
    NOTHING = "nothing"


def next_step(payment: Payment, now: datetime) -> Step:
    """What is to be done about the payment at the provider, now."""
    if payment.is_live and payment.provider_reference is None:
        may_ask = is_young(payment.created_at, now) and not payment.close_charge and not key_is_spent(payment)
        return Step.ASK if may_ask else Step.SEARCH
    if payment.provider_reference is not None and (payment.close_charge or challenge_expired(payment, now)):
        return Step.CANCEL
    if payment.is_live or awaits_settlement(payment):
        return Step.LOOK_UP
    return Step.GIVE_BACK if payment.owes else Step.NOTHING


def challenge_expired(payment: Payment, now: datetime) -> bool:
    """Whether the customer's time for the challenge is over."""
    ends_at = payment.challenge_ends_at
    return payment.status is Status.REQUIRES_ACTION and ends_at is not None and now >= ends_at


def awaits_settlement(payment: Payment) -> bool:
    """Whether the money was taken, but the provider's fee is not known yet."""
    return payment.is_paid and payment.provider_fee is None


def may_conclude(payment: Payment, now: datetime, visible_within: timedelta) -> bool:
    """Whether a search without a result proves that there is no charge.

    visible_within: how long after a request began the search shows its effect, at the latest. If it takes longer once,
    the rule for late money corrects that.
    """
    return now - payment.asked_at >= visible_within


def backoff(checks: int, longest: timedelta = LONGEST_DELAY) -> timedelta:
    """The pause after so many looks without a change: 10 s, doubled each time, at most `longest`."""
    doublings = min(max(checks - 1, 0), 14)
    return min(FIRST_PAUSE * (1 << doublings), longest)


def after_check(payment: Payment, now: datetime) -> Payment:
    """The payment after a look without a change: with the time of the next look."""
    return replace(payment, check_at=next_check(payment, now))


def scheduled(payment: Payment, now: datetime) -> Payment:
    """The payment with its next look: at once when there is something new to do at the provider."""
    if payment.close_charge and payment.checks == 0:
        return replace(payment, check_at=now)
    return after_check(payment, now)


def next_check(payment: Payment, now: datetime) -> datetime | None:
    """When to look again; None: never."""
    if payment.stranded is not None:
        return now + STRANDED_POLL if payment.owes else None
    if payment.status is Status.REQUIRES_ACTION and not payment.close_charge:
        ends_at = payment.challenge_ends_at
        in_a_while = now + CHALLENGE_POLL
        return ends_at if ends_at is not None and now < ends_at < in_a_while else in_a_while
    if payment.is_live or payment.close_charge:
        return now + backoff(payment.checks)
    if payment.owes:
        return now + LONGEST_DELAY
    if awaits_settlement(payment) and payment.processed_at is not None and now < payment.processed_at + FEE_SOUGHT:
        return now + backoff(payment.checks, LONGEST_FEE_DELAY)
    return None
