"""Give money back at Stripe, once, and write what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.chassis import clock
from services.chassis.postgres import Postgres
from services.payment import domain, store
from services.payment.domain import Payment, Refund
from services.payment.recorder import Recorder
from services.payment.stripe_gateway import Refused, StripeGateway

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
            OutcomeUnknown, NotAuthorized, NotAsked, KeyUsedOtherwise: Stripe cannot be asked now; nothing was written.
            IntentMismatch: what Stripe has is not what we asked for; nothing was written.
        """
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, refund.payment_id)
        if payment is None or payment.intent_id is None:
            raise RuntimeError(f"refund {refund.id} is of a payment that was never captured")
        if refund.stripe_refund_id is not None:
            await self.look_up_all(payment, payment.intent_id)
        elif clock.now() - refund.created_at < domain.KEY_LIFE or not await self._was_made(refund, payment):
            # The key may be forgotten, but then the list of refunds, which lags behind nothing, did not have it.
            await self._make(refund, payment, payment.intent_id)

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
        await self.recorder.refund(payment, seen)
