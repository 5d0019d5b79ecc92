"""Orders as use cases see them: read what happened, decide, record one thing more.

Nothing is locked. Whoever loses the race for a version reads again and decides again; since an order only moves
forward, through four states at most, that ends soon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter

from services.chassis import clock, ids, trace_context
from services.chassis.errors import Unavailable
from services.chassis.metrics import show_from_the_start
from services.order.domain import (
    Commit,
    Order,
    OrderCreated,
    OrderEvent,
    OrderNotFound,
    OrderStatusUpdated,
    Status,
    fold,
)
from services.order.store import CommitStore, VersionTaken

_TRIES = 8

_CREATED = "created"
_orders_total = Counter("orders_total", "Orders that were created, and that reached a later state.", ["status"])
show_from_the_start(_orders_total, (_CREATED, *(status for status in Status if status is not Status.PENDING)))

History = Sequence[Commit]
Decide = Callable[[History], OrderStatusUpdated | None]


class Contended(Unavailable):
    """Others changed the order at every try."""

    default_message = "the order was changed at the same time; try again"


@dataclass(frozen=True)
class Journal:
    """Reads and extends orders' histories."""

    store: CommitStore
    announce: Callable[[History], Awaitable[None]]
    """Told of every history that has grown: the outbox, which projects and publishes. Never raises."""
    now: Callable[[], datetime] = clock.now

    async def history(self, order_id: str) -> History:
        """Everything that happened to an order; empty for an unknown one."""
        return await self.store.load(order_id)

    async def close(self, order_id: str) -> bool:
        """Let an order that does not exist never come to be. False: it does, though it may not be visible yet."""
        return await self.store.close(order_id)

    async def record(
        self, history: History, event: OrderEvent, *, fingerprint: bytes | None = None, cause: str | None = None
    ) -> History:
        """The history with one more event on record.

        Raises:
            VersionTaken: another writer's event comes next; this one is not on record.
            OrderClosed: the order may not come to be any more.
            NotStored, OutcomeUnknown: as CommitStore.append says.
        """
        commit = Commit(
            order_id=event.order_id,
            version=len(history) + 1,
            at=max([self.now(), *(earlier.at for earlier in history[-1:])]),
            events=(event,),
            token=str(ids.new_id()),
            fingerprint=fingerprint,
            cause=cause,
            traceparent=trace_context.current(),
        )
        await self.store.append(commit)
        longer = (*history, commit)
        _orders_total.labels(_CREATED if isinstance(event, OrderCreated) else event.status).inc()
        await self.announce(longer)
        return longer

    async def change(self, order_id: str, decide: Decide, *, cause: str | None = None) -> Order:
        """The order after what `decide` makes of its history; None from it changes nothing.

        Raises:
            OrderNotFound: there is no such order.
            Contended: others were first at every try.
            NotStored, OutcomeUnknown: as CommitStore.append says; and whatever `decide` raises.
        """
        for _ in range(_TRIES):
            history = await self.history(order_id)
            if not history:
                raise OrderNotFound(order_id)
            event = decide(history)
            if event is None:
                return fold(history)
            try:
                return fold(await self.record(history, event, cause=cause))
            except VersionTaken:
                continue
        raise Contended
