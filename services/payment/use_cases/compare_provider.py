"""Compare payments with their charges at a provider: the account's list of charges, a page at a time, newest first.

One request a page. The provider is asked for a single charge only where it differed before, or where a payment of the
page's time names a charge that the page does not have. What differs is repaired as a notice would have done it: what
the provider has now is read and recorded. Nothing is ever charged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.plain import clock
from services.chassis.plain.comparison import Drift, Page
from services.chassis.plain.money import Money
from services.payment.domain.charges import ChargeState, ListedCharge
from services.payment.domain.payments import Payment
from services.payment.ports import PaymentProvider, PaymentUnit, UnknownCharge, Work
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

STATE_DIFFERS = "state_differs"
AMOUNT_DIFFERS = "amount_differs"
REFUNDS_DIFFER = "refunds_differ"
DISPUTE_UNHEARD = "dispute_unheard"
CHARGE_UNKNOWN = "charge_unknown"
CHARGE_MISSING = "charge_missing"
KINDS = (STATE_DIFFERS, AMOUNT_DIFFERS, REFUNDS_DIFFER, DISPUTE_UNHEARD, CHARGE_UNKNOWN, CHARGE_MISSING)
"""Kinds of drift, each behind the provider's name and an underscore."""

LOOK_BACK = timedelta(days=30)
"""How far a round goes back. Later changes of an older payment arrive as notices."""
_LEARN = "what the provider has is recorded"


@dataclass(frozen=True)
class CompareProvider:
    """Subjects are charges, by the provider's reference. Payments of other providers are left alone."""

    provider: PaymentProvider
    settle: SettlePayment
    settle_refund: SettleRefund
    settled: timedelta
    """What has changed within this time is not compared."""
    _listed: dict[str, ListedCharge] = field(default_factory=dict)
    """The charges of the last page, until they are compared."""

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def kinds(self) -> Sequence[str]:
        """Every kind of drift that it can find."""
        return [self._kind(one) for one in KINDS]

    @property
    def work(self) -> Work:
        """Opens units of work."""
        return self.settle.work

    async def page(self, place: str, limit: int) -> Page:
        """The next charges of the account, and those that payments of their time name besides.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: the provider cannot be asked now.
        """
        now = clock.now()
        try:
            listed = await self.provider.page_of_charges(place or None, limit)
        except UnknownCharge:  # the place is of another account, or of test data that the provider has deleted
            return Page((), "")
        self._listed.clear()
        self._listed.update({one.reference: one for one in listed})
        is_last = len(listed) < limit or listed[-1].created_at < now - LOOK_BACK
        first = now - LOOK_BACK if is_last else listed[-1].created_at
        last = listed[0].created_at if listed and place else now - self.settled
        named = await self._named_between(first, last, limit)
        subjects = [*self._listed, *(one for one in named if one not in self._listed)]
        return Page(subjects, "" if is_last else listed[-1].reference)

    async def of_order(self, order_id: UUID) -> Sequence[str]:
        """The charges of the order's payments at the provider."""
        async with self.work.read() as unit:
            payments = await unit.payments.of_order(order_id)
        return _references(one for one in payments if one.provider == self.name)

    async def compare(self, subjects: Sequence[str]) -> list[Drift]:
        """What differs. Raises as `page`."""
        return [drift for subject in subjects for drift in await self._compare(subject)]

    async def mend(self, drift: Drift) -> None:
        """Records what the provider has now. Raises as `page`, and ChargeMismatch."""
        async with self.work.read() as unit:
            payment = await unit.payments.find_by_charge(self.name, drift.subject)
        try:
            if payment is None:
                payment = await self._payment_of(await self.provider.see_charge(drift.subject))
            if payment is not None:
                await self._learn(payment, drift.subject)
        except UnknownCharge:
            if payment is not None:
                await self.settle.recorder.charges.unknown_at_provider(payment)
        self.settle.recorder.due.set()

    async def _learn(self, payment: Payment, reference: str) -> None:
        payment = (await self.settle.learn(payment, await self.provider.look_up(reference))).payment
        if payment.is_paid:
            await self.settle_refund.look_up_all(payment, reference)
            for dispute in await self.provider.disputes_of(reference):
                await self.settle.recorder.disputes(payment, dispute)

    async def _named_between(self, first: datetime, last: datetime, limit: int) -> list[str]:
        async with self.work.read() as unit:
            return _references(await unit.payments.begun_between(self.name, first, last, limit))

    async def _compare(self, reference: str) -> list[Drift]:
        listed = self._listed.pop(reference, None)
        if listed is None:
            try:
                listed = await self.provider.see_charge(reference)
            except UnknownCharge:
                return await self._missing(reference)
        payment = await self._payment_of(listed)
        if payment is None or payment.provider_reference not in (None, reference):
            return self._unknown(listed, payment)
        async with self.work.read() as unit:
            if not await unit.payments.compared([payment.id], self.settled):
                return []
            refunded = await _refunded(unit, payment)
        return [
            *self._states(payment, listed),
            *self._refunds(payment, listed, refunded),
            *self._disputes(payment, listed),
        ]

    async def _payment_of(self, listed: ListedCharge) -> Payment | None:
        async with self.work.read() as unit:
            payment = await unit.payments.find_by_charge(self.name, listed.reference)
            if payment is None and listed.payment_id is not None:
                payment = await unit.payments.find(listed.payment_id)
            return payment if payment is not None and payment.provider == self.name else None

    async def _missing(self, reference: str) -> list[Drift]:
        async with self.work.read() as unit:
            payment = await unit.payments.find_by_charge(self.name, reference)
        if payment is None or payment.stranded is not None or payment.given_back_otherwise is not None:
            return []
        repair = "it is parked: see `argosy payments stranded`"
        return [self._drift(CHARGE_MISSING, reference, _ours(payment), "there is no such charge", repair)]

    def _unknown(self, listed: ListedCharge, payment: Payment | None) -> list[Drift]:
        """Only a charge that names a payment is ours; only one that takes money matters."""
        if listed.payment_id is None or not listed.takes_money:
            return []
        if payment is None:
            ours = f"there is no payment {listed.payment_id}"
        else:
            ours = f"payment {payment.id} has the charge {payment.provider_reference}"
        return [self._drift(CHARGE_UNKNOWN, listed.reference, ours, _theirs(listed))]

    def _states(self, payment: Payment, listed: ListedCharge) -> list[Drift]:
        if listed.amount != payment.amount:
            return [self._drift(AMOUNT_DIFFERS, listed.reference, _ours(payment), _theirs(listed))]
        is_paid = listed.state is ChargeState.SUCCEEDED
        if payment.is_paid and not is_paid:  # money that was booked and is not there: no repair is safe
            return [self._drift(STATE_DIFFERS, listed.reference, _ours(payment), _theirs(listed))]
        has_ended = not payment.is_live and not payment.is_paid
        may_be_paid_yet = listed.may_be_paid and has_ended and not payment.close_charge
        ended_there = listed.state is ChargeState.CANCELLED and payment.is_live
        if is_paid != payment.is_paid or may_be_paid_yet or ended_there:
            return [self._drift(STATE_DIFFERS, listed.reference, _ours(payment), _theirs(listed), _LEARN)]
        return []

    def _refunds(self, payment: Payment, listed: ListedCharge, refunded: Money) -> list[Drift]:
        if not payment.is_paid or refunded == listed.refunded:
            return []
        ours, theirs = f"{_ours(payment)}, {refunded} refunded", f"{_theirs(listed)}, {_text(listed.refunded)} refunded"
        return [self._drift(REFUNDS_DIFFER, listed.reference, ours, theirs, _LEARN)]

    def _disputes(self, payment: Payment, listed: ListedCharge) -> list[Drift]:
        if not listed.is_disputed or payment.dispute is not None or not payment.is_paid:
            return []
        ours = f"{_ours(payment)}, not disputed"
        return [self._drift(DISPUTE_UNHEARD, listed.reference, ours, "the charge is disputed", _LEARN)]

    def _drift(self, kind: str, reference: str, ours: str, theirs: str, repair: str | None = None) -> Drift:
        return Drift(self._kind(kind), reference, ours, theirs, repair)

    def _kind(self, kind: str) -> str:
        return f"{self.name}_{kind}"


async def _refunded(unit: PaymentUnit, payment: Payment) -> Money:
    """What was given back, and what is on its way back, as far as the provider has it.

    A refund to store credit moves nothing at the provider of a payment by card.
    """
    refunds = [one for one in await unit.refunds.of_payment(payment.id) if one.provider == payment.provider]
    known = [one.amount.minor for one in refunds if one.takes_from_payment and one.provider_reference]
    return Money(sum(known), payment.amount.currency)


def _references(payments: Iterable[Payment]) -> list[str]:
    return [one.provider_reference for one in payments if one.provider_reference is not None]


def _ours(payment: Payment) -> str:
    return f"payment {payment.id} is {payment.status}, {payment.amount}"


def _theirs(listed: ListedCharge) -> str:
    return f"the charge is {listed.word}, {_text(listed.amount)}"


def _text(amount: Money | None) -> str:
    return "an amount finer than its currency" if amount is None else str(amount)
