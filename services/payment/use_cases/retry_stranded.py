"""Have payments that need a person tried again, because an operator asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from services.chassis.plain import clock
from services.payment.domain.outcomes import unstrand
from services.payment.domain.refunds import RefundStatus
from services.payment.ports import Work
from services.payment.use_cases.recorder import Recorder

_log = structlog.get_logger()


@dataclass(frozen=True)
class RetryStranded:
    """Which payments; None: all that are stranded."""

    ids: Sequence[UUID] | None
    operator: str
    """Who asks, for the audit log."""


@dataclass(frozen=True)
class RetryStrandedHandler:
    """Makes stranded payments due again, and orders a refund of what is left.

    Nothing is ordered where a dispute was lost or is open: the payment is stranded again at once, for the same reason.
    """

    work: Work
    recorder: Recorder

    async def __call__(self, command: RetryStranded) -> list[UUID]:
        """The payments that are tried again. Those that are not stranded stay as they are."""
        wanted = command.ids
        if wanted is None:
            async with self.work.read() as unit:
                wanted = await unit.stranded.ids()
        return [payment_id for payment_id in wanted if await self._retry(payment_id, command.operator)]

    async def _retry(self, payment_id: UUID, operator: str) -> bool:
        async with self.work.read() as unit:
            payment = await unit.payments.find(payment_id)
        if payment is None or payment.stranded is None:
            return False
        now = clock.now()
        async with self.work.begin("payment.retry") as unit:
            await unit.orders.lock(payment.order_id)
            await unit.payments.save(unstrand(await unit.payments.lock(payment.id), now))
            for refund in await unit.refunds.of_payment(payment.id):
                if refund.status is RefundStatus.PENDING and refund.check_at is None:
                    await unit.refunds.save(replace(refund, check_at=now, checks=0))
        await self.recorder.give_back(payment, insist=True)
        _log.info("payment_retried", audit=True, payment_id=str(payment_id), operator=operator)
        return True
