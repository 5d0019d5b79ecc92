"""Decide about holds that were not used in time, by asking the order service about their orders.

Time alone never releases the stock of an existing order. An order that waits for its payment, or whose event is delayed
because the bus is unavailable, keeps its hold; only the order service ends orders. An order that was never stored, and
by the order service's answer never will be, releases its stock. While the order service does not answer, all stock
stays held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter

from services.chassis.plain import transient
from services.chassis.process.metrics import show_from_the_start
from services.inventory.domain.reservations import OrderState, ReleaseReason
from services.inventory.ports import Orders, Work
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler

MOST_AT_ONCE = 100
"""Holds per round; the contract's limit for one request to the order service."""

_RELEASED_AS: Mapping[OrderState, ReleaseReason] = {
    OrderState.CANCELLED: ReleaseReason.CANCELLED,
    OrderState.CLOSED: ReleaseReason.EXPIRED,
}

_ended = Counter(
    "argosy_inventory_ended_holds_total",
    "Holds whose time was over: extended, released (cancelled, expired); unanswered: looks that order did not answer.",
    ["outcome"],
)
show_from_the_start(_ended, ("extended", *ReleaseReason, "unanswered"))
_log = structlog.get_logger()


@dataclass(frozen=True)
class ExpireHoldsHandler:
    """Any number of replicas may run it concurrently: each hold is released once."""

    work: Work
    orders: Orders
    release: ReleaseReservationHandler
    hold: timedelta
    """How long a hold is extended."""

    async def __call__(self) -> int:
        """Decides about one batch of ended holds. Returns the number of decisions.

        Raises:
            Unavailable: the order service or the store is unavailable; undecided holds are unchanged.
        """
        async with self.work.read() as unit:
            ended = await unit.reservations.expired(MOST_AT_ONCE)
        if not ended:
            return 0
        states = await self.orders.resolve(ended)
        open_orders = [order_id for order_id in ended if states.get(order_id) is OrderState.OPEN]
        decided = await self._extend(open_orders) if open_orders else 0
        for order_id in ended:
            reason = _RELEASED_AS.get(states[order_id]) if order_id in states else None
            if reason is not None:
                decided += await self._release(order_id, reason)
        return decided

    @staticmethod
    def count_unanswered(_: Exception) -> None:
        """Count a round that ended because a dependency is unavailable."""
        _ended.labels("unanswered").inc()

    async def _extend(self, order_ids: Sequence[UUID]) -> int:
        async with self.work.begin("inventory.extend") as unit:
            extended = await unit.reservations.extend_expired(order_ids, self.hold)
        _ended.labels("extended").inc(extended)
        return extended

    async def _release(self, order_id: UUID, reason: ReleaseReason) -> bool:
        try:
            async with self.work.begin("inventory.expire") as unit:
                if not await unit.reservations.lock_expired(order_id):
                    return False  # released by another replica, or used in the meantime
                await self.release.within(unit, order_id, reason)
        except Exception as error:
            if transient.is_transient(error):
                raise
            _log.error("hold_not_released", order_id=str(order_id), exc_info=error)  # continue with the others
            return False
        _ended.labels(reason).inc()
        _log.info("hold_ended", order_id=str(order_id), reason=reason)
        return True
