"""Compares what Stripe has with what we have: the account's list of intents, a page at a time, newest first.

One request a page. Stripe is asked for a single intent only where it differed before, or where a payment of the page's
time names an intent that the page does not have. What differs is put right in the way in which a webhook would have
done it: what Stripe has now is read and recorded. Nothing is ever charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis import clock
from services.chassis.comparison import Drift, Page
from services.chassis.postgres import Postgres
from services.payment import store
from services.payment.domain import Payment, SeenIntent
from services.payment.stripe_gateway import NoSuchIntent, StripeGateway
from services.payment.stripe_units import to_stripe
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

STATE_DIFFERS = "stripe_state_differs"
AMOUNT_DIFFERS = "stripe_amount_differs"
REFUNDS_DIFFER = "stripe_refunds_differ"
DISPUTE_UNHEARD = "stripe_dispute_unheard"
CHARGE_UNKNOWN = "stripe_charge_unknown"
INTENT_UNKNOWN = "stripe_intent_unknown"

LOOK_BACK = timedelta(days=30)
"""How far a round goes back. What happens later to an older payment comes by webhook."""
_LEARN = "what Stripe has is recorded"
_TAKES_MONEY = ("succeeded", "processing", "requires_capture")
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


@dataclass(frozen=True)
class CompareStripe:
    """Subjects are intents, by Stripe's id."""

    postgres: Postgres
    gateway: StripeGateway
    settle: SettlePayment
    settle_refund: SettleRefund
    settled: timedelta
    _listed: dict[str, SeenIntent] = field(default_factory=dict)
    """What the last page said, until it is compared."""

    name = "stripe"
    kinds: Sequence[str] = (
        STATE_DIFFERS,
        AMOUNT_DIFFERS,
        REFUNDS_DIFFER,
        DISPUTE_UNHEARD,
        CHARGE_UNKNOWN,
        INTENT_UNKNOWN,
    )

    async def page(self, place: str, limit: int) -> Page:
        """The next intents of the account, and those that payments of their time name besides.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now.
        """
        now = clock.now()
        try:
            seen = await self.gateway.page_of_intents(place or None, limit)
        except NoSuchIntent:  # the place is of another account, or of test data that Stripe has deleted
            return Page((), "")
        self._listed.clear()
        self._listed.update({one.id: one for one in seen})
        is_last = len(seen) < limit or seen[-1].created_at < now - LOOK_BACK
        first = now - LOOK_BACK if is_last else seen[-1].created_at
        last = seen[0].created_at if seen and place else now - self.settled
        named = await self._named_between(first, last, limit)
        return Page([*self._listed, *(one for one in named if one not in self._listed)], "" if is_last else seen[-1].id)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The intents of the order's payments."""
        async with self.postgres.connection() as connection:
            payments = await store.payments_of_order(connection, order_id)
        return [payment.intent_id for payment in payments if payment.intent_id is not None]

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises as `page`."""
        return [drift for subject in subjects for drift in await self._compare(subject)]

    async def mend(self, drift: Drift) -> None:
        """Record what Stripe has now."""
        async with self.postgres.connection() as connection:
            payment = await store.find_by_intent(connection, drift.subject)
        try:
            if payment is None:
                seen = await self.gateway.see_intent(drift.subject)
                async with self.postgres.connection() as connection:
                    payment = await store.find_payment(connection, seen.payment_id) if seen.payment_id else None
            if payment is None:
                return
            payment = (await self.settle.learn(payment, await self.gateway.look_up(drift.subject))).payment
            if payment.is_paid:
                await self.settle_refund.look_up_all(payment, drift.subject)
                for dispute in await self.gateway.disputes_of(drift.subject):
                    await self.settle.recorder.dispute(payment, dispute)
        except NoSuchIntent:
            if payment is not None:
                await self.settle.recorder.unknown_at_stripe(payment)
        self.settle.recorder.work.set()

    async def _named_between(self, first: datetime, last: datetime, limit: int) -> list[str]:
        async with self.postgres.connection() as connection:
            payments = await store.asked_between(connection, first, last, limit)
        return [payment.intent_id for payment in payments if payment.intent_id is not None]

    async def _compare(self, intent_id: str) -> list[Drift]:
        seen = self._listed.pop(intent_id, None)
        if seen is None:
            try:
                seen = await self.gateway.see_intent(intent_id)
            except NoSuchIntent:
                return await self._unknown_there(intent_id)
        payment = await self._payment_of(seen)
        if payment is None or payment.intent_id not in (None, seen.id):
            return _unknown_here(seen, payment)
        async with self.postgres.connection() as connection:
            if not await store.compared(connection, [payment.id], self.settled):
                return []
            refunds = await store.refunds_of(connection, payment.id)
        refunded = sum(one.amount_minor for one in refunds if one.takes_from_payment and one.stripe_refund_id)
        return [*_states(payment, seen), *_refunds(payment, seen, refunded), *_disputes(payment, seen)]

    async def _payment_of(self, seen: SeenIntent) -> Payment | None:
        async with self.postgres.connection() as connection:
            payment = await store.find_by_intent(connection, seen.id)
            if payment is None and seen.payment_id is not None:
                payment = await store.find_payment(connection, seen.payment_id)
            return payment

    async def _unknown_there(self, intent_id: str) -> list[Drift]:
        async with self.postgres.connection() as connection:
            payment = await store.find_by_intent(connection, intent_id)
        if payment is None or payment.stranded is not None or payment.given_back_otherwise is not None:
            return []
        repair = "it is parked: see `argosy payments stranded`"
        return [Drift(INTENT_UNKNOWN, intent_id, _ours(payment), "Stripe does not know the intent", repair)]


def _unknown_here(seen: SeenIntent, payment: Payment | None) -> list[Drift]:
    """Only an intent that names a payment is ours; only one that takes money matters."""
    if seen.payment_id is None or seen.status not in _TAKES_MONEY:
        return []
    if payment is None:
        ours = f"there is no payment {seen.payment_id}"
    else:
        ours = f"payment {payment.id} has the intent {payment.intent_id}"
    return [Drift(CHARGE_UNKNOWN, seen.id, ours, _theirs(seen))]


def _states(payment: Payment, seen: SeenIntent) -> list[Drift]:
    amount = to_stripe(payment.amount_minor, payment.currency)
    if (seen.stripe_amount, seen.currency) != (amount, payment.currency):
        return [Drift(AMOUNT_DIFFERS, seen.id, _ours(payment), _theirs(seen))]
    is_paid = seen.status == "succeeded"
    may_be_paid_yet = seen.status in _OPEN and not payment.is_live and not payment.is_paid and not payment.close_intent
    ended = seen.status == "canceled" and payment.is_live
    if payment.is_paid and not is_paid:  # money that was booked and is not there: nothing that we may put right
        return [Drift(STATE_DIFFERS, seen.id, _ours(payment), _theirs(seen))]
    if is_paid != payment.is_paid or may_be_paid_yet or ended:
        return [Drift(STATE_DIFFERS, seen.id, _ours(payment), _theirs(seen), _LEARN)]
    return []


def _refunds(payment: Payment, seen: SeenIntent, refunded_minor: int) -> list[Drift]:
    refunded = to_stripe(refunded_minor, payment.currency)
    if not payment.is_paid or refunded == seen.stripe_refunded:
        return []
    ours = f"{_ours(payment)}, {refunded} refunded"
    return [Drift(REFUNDS_DIFFER, seen.id, ours, f"{_theirs(seen)}, {seen.stripe_refunded} refunded", _LEARN)]


def _disputes(payment: Payment, seen: SeenIntent) -> list[Drift]:
    if not seen.is_disputed or payment.dispute is not None or not payment.is_paid:
        return []
    return [Drift(DISPUTE_UNHEARD, seen.id, f"{_ours(payment)}, not disputed", "the charge is disputed", _LEARN)]


def _ours(payment: Payment) -> str:
    amount = to_stripe(payment.amount_minor, payment.currency)
    return f"payment {payment.id} is {payment.status}, {amount} {payment.currency}"


def _theirs(seen: SeenIntent) -> str:
    return f"the intent is {seen.status}, {seen.stripe_amount} {seen.currency}"
