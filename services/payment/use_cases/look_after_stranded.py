"""Look at the payments that need a person, have them tried again, or closed by other means. An operator's doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from services.chassis import clock
from services.chassis.postgres import Postgres
from services.payment import domain, store, stranded
from services.payment.domain import Payment, RefundStatus
from services.payment.recorder import Recorder
from services.payment.stranded import StrandedPayment

_log = structlog.get_logger()


@dataclass(frozen=True)
class LookAfterStranded:
    """Reads stranded payments and lets go of them."""

    postgres: Postgres
    recorder: Recorder

    async def oldest(self, limit: int) -> list[StrandedPayment]:
        """So many stranded payments, oldest first."""
        async with self.postgres.connection() as connection:
            return await stranded.oldest(connection, limit)

    async def retry(self, ids: Sequence[UUID] | None, operator: str) -> list[UUID]:
        """Have these tried again, or all; answers which. Those that are not stranded stay as they are.

        What is left to give back is asked for once more; nothing is where a dispute was lost or is open: the payment is
        stranded again at once, for the same reason.
        """
        if ids is None:
            async with self.postgres.connection() as connection:
                ids = await stranded.all_ids(connection)
        return [payment_id for payment_id in ids if await self._retry(payment_id, operator)]

    async def close(self, payment_id: UUID, how: str, operator: str) -> bool:
        """Note how a person has settled it otherwise; False: it is not stranded."""
        payment = await self._stranded(payment_id)
        if payment is None or not await self.recorder.settled_otherwise(payment, how):
            return False
        _log.info("payment_closed", audit=True, payment_id=str(payment_id), operator=operator, how=how)
        return True

    async def _retry(self, payment_id: UUID, operator: str) -> bool:
        payment = await self._stranded(payment_id)
        if payment is None:
            return False
        now = clock.now()
        async with self.postgres.transaction("payment.retry") as connection:
            await store.lock_order(connection, payment.order_id)
            current = await store.lock_payment(connection, payment.id)
            await store.save_payment(connection, domain.unstrand(current, now))
            for refund in await store.refunds_of(connection, payment.id):
                if refund.status is RefundStatus.PENDING and refund.check_at is None:
                    await store.save_refund(connection, replace(refund, check_at=now, checks=0))
        await self.recorder.give_back(payment, insist=True)
        _log.info("payment_retried", audit=True, payment_id=str(payment_id), operator=operator)
        return True

    async def _stranded(self, payment_id: UUID) -> Payment | None:
        async with self.postgres.connection() as connection:
            payment = await store.find_payment(connection, payment_id)
        return payment if payment is not None and payment.stranded is not None else None
