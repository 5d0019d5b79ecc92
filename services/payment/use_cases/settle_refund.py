"""Give money back at Stripe, once, and write what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.chassis import clock
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import DisputeState, Payment, Refund
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import KeyUsedOtherwise, NoSuchIntent, Refused, ServersFail, StripeGateway

DISPUTE_LOST = "dispute_lost"
SERVERS_FAIL = "api_error"
"""Why a refund has failed that Stripe was not asked for any more."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class SettleRefund:
    """Asks Stripe for a refund that was written down, or looks at one that is under way."""

    postgres: Postgres
    gateway: StripeGateway
    recorder: Recorder

    async def __call__(self, refund: Refund) -> None:
        """Take the step that is due now.

        Raises:
            OutcomeUnknown, NotAuthorized, NotAsked: Stripe cannot be asked now; nothing was written.
            NoSuchIntent: Stripe does not know the payment's intent; that was written, for a person.
            IntentMismatch: what Stripe has is not what we asked for; nothing was written.
        """
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, refund.payment_id)
        if payment is None or payment.intent_id is None:
            raise RuntimeError(f"refund {refund.id} is of a payment that was never captured")
        try:
            await self._step(refund, payment, payment.intent_id)
        except NoSuchIntent:
            await self.recorder.unknown_at_stripe(payment)
            raise

    async def _step(self, refund: Refund, payment: Payment, intent_id: str) -> None:
        now = clock.now()
        if refund.stripe_refund_id is not None:
            await self.look_up_all(payment, intent_id)
        elif payment.dispute is DisputeState.LOST:
            await self.recorder.refund_given_up(payment, refund, DISPUTE_LOST)
        elif domain.is_young(refund.created_at, now) and not domain.key_is_spent(refund):
            await self._make(refund, payment, intent_id)
        elif not await self._was_made(refund, payment):
            await self._make_anew(refund, payment, intent_id)

    async def _make_anew(self, refund: Refund, payment: Payment, intent_id: str) -> None:
        """The key is forgotten or spent, but then the list of refunds, which lags behind nothing, did not have it."""
        if not domain.key_is_spent(refund):
            await self._make(refund, payment, intent_id)
        elif not domain.may_take_another_key(refund, clock.now()):
            _log.error("refund_given_up", refund_id=str(refund.id), payment_id=str(payment.id))
            await self.recorder.refund_given_up(payment, refund, SERVERS_FAIL)
        else:
            async with self.postgres.connection() as connection:
                taken = await store.take_next_key(connection, refund)
            if taken:
                await self._make(domain.with_next_key(refund), payment, intent_id)

    async def look_up_all(self, payment: Payment, intent_id: str) -> None:
        """Write how all refunds of the payment's intent stand at Stripe, also those made by other hands."""
        for seen in await self.gateway.refunds_of(intent_id):
            await self.recorder.refund(payment, seen)

    async def _was_made(self, refund: Refund, payment: Payment) -> bool:
        seen = await self.gateway.refunds_of(str(payment.intent_id))
        for one in seen:
            await self.recorder.refund(payment, one)
        return any(one.refund_id == refund.id for one in seen)

    async def _make(self, refund: Refund, payment: Payment, intent_id: str) -> None:
        try:
            seen = await self.gateway.refund(refund, intent_id)
        except Refused as refused:
            # Given back by other hands, disputed, too old: whatever it is, asking again does not help.
            _log.error("refund_refused", refund_id=str(refund.id), payment_id=str(payment.id), code=refused.code)
            await self.look_up_all(payment, intent_id)
            await self.recorder.refund_given_up(payment, refund, refused.code)
            return
        except KeyUsedOtherwise:
            if not await self._was_made(refund, payment):
                async with self.postgres.connection() as connection:
                    await store.take_next_key(connection, refund)
            return
        except ServersFail:
            await self.recorder.refund_unanswered(refund)
            raise
        await self.recorder.refund(payment, seen)
