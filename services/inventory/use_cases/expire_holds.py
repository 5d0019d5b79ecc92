"""Decide about holds that nobody used in time: the order service says what has become of their orders.

Time alone takes no stock from an order that exists. One that waits for its payment, or whose event has not come yet
because the bus is away, keeps its hold for another while; only the order service ends orders. What was never stored,
and by its answer never will be, gives its stock back; and while order does not answer, everything stays held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import grpc
import structlog
from prometheus_client import Counter

from services.chassis import logs, transient
from services.chassis.metrics import show_from_the_start
from services.chassis.postgres import Postgres
from services.inventory import store
from services.inventory.domain import ReleaseReason
from services.inventory.orders import MOST_AT_ONCE, Orders, OrderState
from services.inventory.use_cases.release_reservation import ReleaseReservation

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
class ExpireHolds:
    """Looks for ended holds from time to time. Any number of replicas may look at once: each hold is released once."""

    postgres: Postgres
    orders: Orders
    release: ReleaseReservation
    hold: timedelta
    """For how long one is extended."""
    every_seconds: float

    async def run(self) -> None:
        """Look, ask, decide, wait; until cancelled."""
        while True:
            try:
                while await self.once() == MOST_AT_ONCE:
                    pass
            except Exception as error:
                # Whatever it answers but what was asked (also that it does not know the rpc yet) leaves all as it is.
                if not (isinstance(error, grpc.aio.AioRpcError) or transient.is_transient(error)):
                    raise
                _ended.labels("unanswered").inc()
                _log.warning("ended_holds_kept", error=logs.error_text(error))
            await asyncio.sleep(self.every_seconds)

    async def once(self) -> int:
        """Decide about one batch of ended holds; answers how many were decided about.

        Raises:
            grpc.aio.AioRpcError: order did not answer; nothing has changed.
        """
        async with self.postgres.connection() as connection:
            ended = await store.expired(connection, MOST_AT_ONCE)
        if not ended:
            return 0
        states = await self.orders.resolve(ended)
        decided = await self._extend(order_id for order_id in ended if states.get(order_id) is OrderState.OPEN)
        for order_id in ended:
            reason = _RELEASED_AS.get(states[order_id]) if order_id in states else None
            if reason is not None:
                decided += await self._release(order_id, reason)
        return decided

    async def _extend(self, order_ids: Iterable[UUID]) -> int:
        async with self.postgres.connection() as connection:
            extended = await store.extend_expired(connection, list(order_ids), self.hold)
        _ended.labels("extended").inc(extended)
        return extended

    async def _release(self, order_id: UUID, reason: ReleaseReason) -> bool:
        try:
            async with self.postgres.transaction() as connection:
                if not await store.lock_expired(connection, order_id):
                    return False  # by another replica, or it was used in the meantime
                await self.release(connection, order_id, reason)
        except Exception as error:
            if transient.is_transient(error):
                raise
            _log.error("hold_not_released", order_id=str(order_id), exc_info=error)  # and none of the others waits
            return False
        _ended.labels(reason).inc()
        _log.info("hold_ended", order_id=str(order_id), reason=reason)
        return True
