"""A step of other use cases: order refunds of money that goes back in full (domain/giving_back.py)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from services.chassis.plain import clock, ids
from services.payment.domain import giving_back
from services.payment.domain.giving_back import GivingBack
from services.payment.domain.payments import Payment
from services.payment.ports import PaymentUnit, Work
from services.payment.use_cases import outcomes


@dataclass(frozen=True)
class GiveBack:
    """Computes what is left of a payment that goes back in full, and stores a refund of that."""

    work: Work
    due: asyncio.Event
    """Set when the reconciler has something to do at once."""

    async def __call__(self, payment: Payment, *, insist: bool = False) -> None:
        """Does so in a unit of work of its own.

        insist: a person wants another try, whatever became of those before.
        """
        now = clock.now()
        async with self.work.begin("payment.give_back") as unit:
            await unit.orders.lock(payment.order_id)
            current = await unit.payments.lock(payment.id)
            given = await self.within(unit, current, now, insist=insist)
        self.committed(current, given)

    async def within(self, unit: PaymentUnit, payment: Payment, now: datetime, *, insist: bool = False) -> GivingBack:
        """Does so as a part of another unit of work that holds the order's lock; `committed` follows its commit."""
        if not payment.give_back:
            return GivingBack(payment)
        refunds = await unit.refunds.of_payment(payment.id)
        given = giving_back.give_back(payment, refunds, refund_id=ids.new_id(), now=now, insist=insist)
        if given.payment != payment:
            await unit.payments.save(given.payment)
        if given.refund is not None:
            await unit.refunds.add(given.refund)
        return given

    def committed(self, before: Payment, given: GivingBack) -> None:
        """After the commit: wakes the reconciler where a refund is to be asked for."""
        outcomes.log_if_stranded(before, given.payment)
        if given.refund is not None:
            self.due.set()
