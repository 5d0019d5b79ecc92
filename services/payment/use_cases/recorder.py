"""The steps that write what became of payments, refunds and disputes, wired together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from services.payment.ports import Work
from services.payment.use_cases.give_back import GiveBack
from services.payment.use_cases.record_charge import RecordCharge
from services.payment.use_cases.record_dispute import RecordDispute
from services.payment.use_cases.record_refund import RecordRefund


@dataclass(frozen=True)
class Recorder:
    """What use cases write outcomes with."""

    charges: RecordCharge
    refunds: RecordRefund
    disputes: RecordDispute
    give_back: GiveBack

    @property
    def due(self) -> asyncio.Event:
        """Set when the reconciler has something to do at once."""
        return self.give_back.due

    @classmethod
    def of(cls, work: Work, challenge_timeout: timedelta) -> Recorder:
        """A recorder.

        Args:
            work: opens units of work.
            challenge_timeout: how long a customer may take for a challenge.
        """
        give_back = GiveBack(work, asyncio.Event())
        return cls(
            RecordCharge(work, give_back, challenge_timeout),
            RecordRefund(work, give_back),
            RecordDispute(work, give_back),
            give_back,
        )
