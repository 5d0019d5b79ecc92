"""A step of other use cases: give money back at the provider, once, and write its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.chassis.plain import clock
from services.payment.domain import keys
from services.payment.domain.disputes import DisputeState
from services.payment.domain.failures import DISPUTE_LOST, SERVERS_FAIL
from services.payment.domain.payments import Payment
from services.payment.domain.refunds import Refund
from services.payment.ports import KeyUsedOtherwise, Providers, Refused, ServersFail, UnknownCharge, Work
from services.payment.use_cases.recorder import Recorder

_log = structlog.get_logger()


@dataclass(frozen=True)
class SettleRefund:
    """Asks the provider for a stored refund, or looks at one that is under way."""

    work: Work
    providers: Providers
    recorder: Recorder

    async def __call__(self, refund: Refund) -> None:
        """Takes the step that is due now.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: the provider cannot be asked now; nothing was written.
            UnknownCharge: the provider does not know the payment's charge; that was written, for a person.
            ChargeMismatch: the provider's object is not what we asked for; nothing was written.
        """
        async with self.work.read() as unit:
            payment = await unit.payments.find(refund.payment_id)
        if payment is None or payment.provider_reference is None:
            raise RuntimeError(f"refund {refund.id} is of a payment that was never captured")
        try:
            await self._step(refund, payment, payment.provider_reference)
        except UnknownCharge:
            await self.recorder.charges.unknown_at_provider(payment)
            raise

    async def look_up_all(self, payment: Payment, reference: str) -> None:
        """Writes the state of all refunds of the payment's charge, also of those made by other hands."""
        for seen in await self.providers.of(payment).refunds_of(reference):
            await self.recorder.refunds.refund(payment, seen)

    async def _step(self, refund: Refund, payment: Payment, reference: str) -> None:
        if refund.provider_reference is not None:
            await self.look_up_all(payment, reference)
        elif payment.dispute is DisputeState.LOST:
            await self.recorder.refunds.given_up(payment, refund, DISPUTE_LOST)
        elif keys.is_young(refund.created_at, clock.now()) and not keys.key_is_spent(refund):
            await self._make(refund, payment, reference)
        elif not await self._was_made(refund, payment, reference):
            await self._make_anew(refund, payment, reference)

    async def _make_anew(self, refund: Refund, payment: Payment, reference: str) -> None:
        """The key is forgotten or spent, but the list of refunds, which is never behind, did not have the refund."""
        if not keys.key_is_spent(refund):
            await self._make(refund, payment, reference)
        elif not keys.may_take_another_key(refund, clock.now()):
            _log.error("refund_given_up", refund_id=str(refund.id), payment_id=str(payment.id))
            await self.recorder.refunds.given_up(payment, refund, SERVERS_FAIL)
        else:
            async with self.work.read() as unit:  # one guarded statement needs no transaction
                taken = await unit.refunds.take_next_key(refund)
            if taken:
                await self._make(refund.with_next_key(), payment, reference)

    async def _was_made(self, refund: Refund, payment: Payment, reference: str) -> bool:
        seen = await self.providers.of(refund).refunds_of(reference)
        for one in seen:
            await self.recorder.refunds.refund(payment, one)
        return any(one.refund_id == refund.id for one in seen)

    async def _make(self, refund: Refund, payment: Payment, reference: str) -> None:
        try:
            seen = await self.providers.of(refund).refund(refund, reference)
        except Refused as refused:
            # Given back by other hands, disputed, too old: whatever it is, asking again does not help.
            _log.error("refund_refused", refund_id=str(refund.id), payment_id=str(payment.id), code=refused.code)
            await self.look_up_all(payment, reference)
            await self.recorder.refunds.given_up(payment, refund, refused.code)
            return
        except KeyUsedOtherwise:
            if not await self._was_made(refund, payment, reference):
                async with self.work.read() as unit:  # one guarded statement needs no transaction
                    await unit.refunds.take_next_key(refund)
            return
        except ServersFail:
            await self.recorder.refunds.unanswered(refund)
            raise
        await self.recorder.refunds.refund(payment, seen)
