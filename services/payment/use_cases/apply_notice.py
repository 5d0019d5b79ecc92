"""Apply a notice of the provider.

A notice reports that something happened to a charge, not what it is now: so that is looked up, unless there is nothing
left to learn. A notice that leads to nothing is recorded all the same: reported again, it would lead to no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.chassis.plain.crash_points import reach
from services.payment.domain.charges import ChargeMismatch
from services.payment.domain.notices import Notice, Topic, reports_nothing_new
from services.payment.domain.payments import Payment
from services.payment.ports import Providers, UnknownCharge, Work
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund


class Outcome(StrEnum):
    """What became of a notice."""

    TAKEN = "taken"
    KNOWN = "known"
    """It reports what is known already."""
    FOREIGN = "foreign"
    """Its charge is not the one of the payment that it names, or is unknown to the provider."""
    UNKNOWN_PAYMENT = "unknown_payment"
    """It is about a payment that is not ours."""


@dataclass(frozen=True)
class Applied:
    """What became of a notice, and what is wrong with a foreign one."""

    outcome: Outcome
    mismatch: str | None = None


@dataclass(frozen=True)
class ApplyNotice:
    """What the provider reports."""

    notice: Notice


@dataclass(frozen=True)
class ApplyNoticeHandler:
    """Brings a payment to the state that it has at the provider."""

    work: Work
    providers: Providers
    settle: SettlePayment
    settle_refund: SettleRefund
    recorder: Recorder

    async def __call__(self, command: ApplyNotice) -> Applied:
        """Applies the notice, once.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: the provider cannot be asked now; it will report again.
        """
        notice = command.notice
        if notice.payment_id is not None:
            await self.settle.asking.wait(notice.payment_id)
        payment = await self._payment_of(notice)
        reference = notice.charge_reference or (payment.provider_reference if payment else None)
        if payment is None or reference is None:
            return Applied(Outcome.UNKNOWN_PAYMENT)
        applied = await self._take(notice, payment, reference)
        async with self.work.read() as unit:  # one statement needs no transaction, hence points by hand
            reach("payment.webhook.before_commit")
            await unit.notices.processed(notice, payment.id)
        reach("payment.webhook.committed")
        return applied

    async def _take(self, notice: Notice, payment: Payment, reference: str) -> Applied:
        try:
            if await self._nothing_to_learn(notice, payment):
                return Applied(Outcome.KNOWN)
            await self._learn(notice, payment, reference)
        except ChargeMismatch as mismatch:
            return Applied(Outcome.FOREIGN, str(mismatch))
        except UnknownCharge:  # if the charge is one that we go by, it is for a person
            if payment.provider_reference == reference:
                await self.recorder.charges.unknown_at_provider(payment)
            return Applied(Outcome.FOREIGN)
        return Applied(Outcome.TAKEN)

    async def _payment_of(self, notice: Notice) -> Payment | None:
        """Whose notice it is.

        The payment is stored before the provider hears of it, but may not have its charge's reference yet: hence the
        payment's id in the notice. A notice need not name the charge, but its capture: hence the books.
        """
        async with self.work.read() as unit:
            charge = notice.charge_reference
            payment = await unit.payments.find_by_charge(notice.provider, charge) if charge else None
            if payment is None and notice.payment_id is not None and charge is not None:
                payment = await unit.payments.find(notice.payment_id)
            if payment is None and notice.capture_reference is not None:
                payment = await unit.payments.find_by_capture(notice.provider, notice.capture_reference)
            return payment if payment is not None and payment.provider == notice.provider else None

    async def _nothing_to_learn(self, notice: Notice, payment: Payment) -> bool:
        if reports_nothing_new(notice, payment):
            return True
        async with self.work.read() as unit:
            if await unit.notices.was_processed(notice):
                return True
            if notice.refund_reference is not None and notice.refund_status is not None:
                return await unit.refunds.has_status(notice.provider, notice.refund_reference, notice.refund_status)
        return False

    async def _learn(self, notice: Notice, payment: Payment, reference: str) -> None:
        if notice.topic is Topic.CHARGE or not payment.is_paid:
            payment = (await self.settle.learn(payment, await self.providers.of(payment).look_up(reference))).payment
        if notice.topic is Topic.REFUND:
            await self.settle_refund.look_up_all(payment, reference)
        if notice.topic is Topic.DISPUTE:
            for dispute in await self.providers.of(payment).disputes_of(reference):
                await self.recorder.disputes(payment, dispute)
