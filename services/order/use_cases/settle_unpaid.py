"""Decide about an order that has been waiting for its payment for too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.chassis import clock
from services.order.domain import IllegalTransition, Reason, Status, fold, move
from services.order.journal import Journal
from services.order.payments import Payments, PaymentState
from services.order.read_side import ReadSide

_LOOK_BACK = timedelta(hours=1)


@dataclass(frozen=True)
class SettleUnpaid:
    """Ends orders that nobody pays. What is held for the others stays held: inventory asks before it lets go."""

    journal: Journal
    read_side: ReadSide
    payments: Payments
    unpaid_after: timedelta
    now: Callable[[], datetime] = clock.now

    async def overdue(self, *, thorough: bool) -> list[str]:
        """The orders to decide about, by their ids, as the read side knows them.

        Looks an hour back; `thorough` looks at everything: what was left over from longer ago.
        """
        due = self.now() - self.unpaid_after
        return await (
            self.read_side.pending_since(due) if thorough else self.read_side.pending_between(due - _LOOK_BACK, due)
        )

    async def __call__(self, order_id: str) -> None:
        """Cancel the order if nobody is paying it; any number of replicas may do so at once.

        Raises:
            grpc.aio.AioRpcError, Unavailable: payment did not answer; the order stays as it is.
        """
        order = fold(await self.journal.history(order_id))
        if order.status is not Status.PENDING:
            await self.read_side.project(order)  # which had it as pending
            return
        # Paid: the event that confirms it is under way.
        if await self.payments.state_of(order_id) is PaymentState.NONE:
            await self._cancel(order_id)

    async def _cancel(self, order_id: str) -> None:
        try:
            await self.journal.change(order_id, lambda history: move(fold(history), Status.CANCELLED, Reason.UNPAID))
        except IllegalTransition:
            return  # it was paid in the meantime
