"""Cancel orders that have waited too long for their payment. Their stock stays reserved until inventory asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from services.chassis.plain import transient
from services.chassis.plain.crash_points import reach
from services.order.domain.facts import OrderStatusUpdated
from services.order.domain.history import History, fold
from services.order.domain.moves import IllegalTransition, move
from services.order.domain.orders import PaymentState, Reason, Status
from services.order.ports import Now, Payments, ReadSide
from services.order.use_cases.journal import Journal

_LOOK_BACK = timedelta(hours=1)
_CONCURRENT = 8

_log = structlog.get_logger()


@dataclass(frozen=True)
class CancelUnpaid:
    """Which orders to look for."""

    thorough: bool
    """All; otherwise those that have become overdue within the last hour, which is cheap."""


@dataclass(frozen=True)
class CancelUnpaidHandler:
    """Cancels orders that nobody pays. Any number of replicas may do so at once: each order is cancelled once."""

    journal: Journal
    read_side: ReadSide
    payments: Payments
    unpaid_after: timedelta
    now: Now

    async def __call__(self, command: CancelUnpaid) -> None:
        """Decides about every overdue order, several at once. An order that fails for good holds up no other.

        Raises:
            Unavailable: payment or the store is away; the orders that are not decided about stay as they are.
        """
        overdue = iter(await self._overdue(thorough=command.thorough))
        results = await asyncio.gather(*(self._work_off(overdue) for _ in range(_CONCURRENT)), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    async def _overdue(self, *, thorough: bool) -> Sequence[UUID]:
        due = self.now() - self.unpaid_after
        if thorough:
            return await self.read_side.pending_since(due)
        return await self.read_side.pending_between(due - _LOOK_BACK, due)

    async def _work_off(self, overdue: Iterator[UUID]) -> None:
        for order_id in overdue:
            try:
                await self._decide(order_id)
                reach("order.sweep.settled")
            except Exception as error:
                if transient.is_transient(error):
                    raise
                _log.error("order_not_settled", order_id=str(order_id), exc_info=error)

    async def _decide(self, order_id: UUID) -> None:
        order = fold(await self.journal.history(order_id))
        if order.status is not Status.PENDING:
            await self.read_side.project(order)  # which shows it as pending
            return
        # When it is paid, the event that confirms it is on its way.
        if await self.payments.state_of(order_id) is PaymentState.NONE:
            await self._cancel(order_id)

    async def _cancel(self, order_id: UUID) -> None:
        def decide(history: History) -> OrderStatusUpdated | None:
            return move(fold(history), Status.CANCELLED, Reason.UNPAID)

        try:
            await self.journal.change(order_id, decide)
        except IllegalTransition:
            return  # it was paid in the meantime
