"""Apply an event of the order service: a cancelled order takes no more payment, and what was paid goes back."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.payment.ports import PaymentUnit, Work
from services.payment.use_cases.recorder import Recorder


@dataclass(frozen=True)
class ApplyOrderStatus:
    """What the event says."""

    event_id: UUID
    order_id: UUID
    status: str
    """The order's new status."""


@dataclass(frozen=True)
class ApplyOrderStatusHandler:
    """Applies each event once: writes what has to happen at the provider; the reconciler does it."""

    work: Work
    recorder: Recorder

    async def __call__(self, command: ApplyOrderStatus) -> None:
        """Cancelled: close the order's open payments, give paid ones back. Other statuses change nothing."""
        if command.status != "cancelled":
            return
        async with self.work.begin("payment.end_order") as unit:
            if await unit.first_time(command.event_id):
                await self.within(unit, command.order_id)
        self.recorder.due.set()

    async def within(self, unit: PaymentUnit, order_id: UUID) -> None:
        """Ends the order within a unit of work. It is recorded also without a payment: one may be about to begin."""
        await unit.orders.lock(order_id)
        await unit.orders.end(order_id)
        for payment in await unit.payments.lock_of_order(order_id):
            await self.recorder.charges.order_ended(unit, payment)
