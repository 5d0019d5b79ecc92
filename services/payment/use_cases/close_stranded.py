"""Record that a person has settled a stranded payment by other means."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.payment.ports import Work
from services.payment.use_cases.recorder import Recorder

_log = structlog.get_logger()


@dataclass(frozen=True)
class CloseStranded:
    """Which payment, and how it was settled."""

    payment_id: UUID
    how: str
    operator: str
    """Who asks, for the audit log."""


@dataclass(frozen=True)
class CloseStrandedHandler:
    """Closes stranded payments: nobody looks at them any more."""

    work: Work
    recorder: Recorder

    async def __call__(self, command: CloseStranded) -> bool:
        """Whether it was stranded; otherwise nothing changes."""
        async with self.work.read() as unit:
            payment = await unit.payments.find(command.payment_id)
        if payment is None or payment.stranded is None:
            return False
        if not await self.recorder.charges.settled_otherwise(payment, command.how):
            return False
        _log.info(
            "payment_closed",
            audit=True,
            payment_id=str(command.payment_id),
            operator=command.operator,
            how=command.how,
        )
        return True
