"""A step of other use cases: read an order's history, decide, append one commit.

Nothing is locked. A writer that loses the race for a version reads again and decides again; since an order only moves
forward, through four states at most, that ends soon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Counter

from services.chassis.plain import ids, trace_context
from services.chassis.plain.errors import Unavailable
from services.chassis.process.metrics import show_from_the_start
from services.order.domain.facts import Fact, OrderCreated, OrderStatusUpdated
from services.order.domain.history import Commit, History, fold
from services.order.domain.moves import IllegalTransition, OrderNotFound, may_see
from services.order.domain.orders import Actor, Order, Status
from services.order.ports import Announce, Commits, Now, VersionTaken

TRIES = 8
REMEMBERED = 500
"""Orders that this process has placed and remembers until they move."""

_CREATED = "created"
_orders_total = Counter("orders_total", "Orders that were created, and that reached a later state.", ["status"])
show_from_the_start(_orders_total, (_CREATED, *(status for status in Status if status is not Status.PENDING)))

Decide = Callable[[History], OrderStatusUpdated | None]


class Contended(Unavailable):
    """Others changed the order at every try."""

    default_message = "the order was changed at the same time; try again"


@dataclass(frozen=True)
class Journal:
    """Reads histories and appends to them."""

    commits: Commits
    announce: Announce
    now: Now
    placed: dict[UUID, History] = field(default_factory=dict)
    """The histories of new orders, as this process stored them: the payment of most arrives within seconds.

    A first guess for `change` only. If others have moved the order since, the version is taken.
    """

    async def history(self, order_id: UUID) -> History:
        """Everything that happened to an order; empty for an unknown one. Raises Unavailable."""
        return await self.commits.load(order_id)

    async def visible_history(self, order_id: UUID, actor: Actor) -> History:
        """Everything that happened to an order.

        Raises OrderNotFound for an unknown order and for one that the person may not see.
        """
        history = await self.history(order_id)
        if not history or not may_see(actor, fold(history)):
            raise OrderNotFound(order_id)
        return history

    async def close(self, order_id: UUID) -> bool:
        """Prevents an order that does not exist from being placed. False: it exists, visible or not. See Commits."""
        return await self.commits.close(order_id)

    async def record(
        self, history: History, event: Fact, *, fingerprint: bytes | None = None, cause: UUID | None = None
    ) -> History:
        """Appends a commit of one event; answers the longer history.

        Raises:
            VersionTaken: another writer's commit is next; this one is not stored.
            OrderClosed: the order cannot be placed any more.
            NotStored, OutcomeUnknown: see Commits.append.
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
        await self.commits.append(commit)
        longer = (*history, commit)
        if commit.version == 1:
            self._remember(longer)
        _orders_total.labels(_CREATED if isinstance(event, OrderCreated) else event.status).inc()
        await self.announce(longer)
        return longer

    async def change(self, order_id: UUID, decide: Decide, *, cause: UUID | None = None) -> Order:
        """Appends what `decide` makes of the history; answers the order after it. None from it changes nothing.

        Raises:
            OrderNotFound: there is no such order.
            Contended: others were first at every try.
            NotStored, OutcomeUnknown: see Commits.append; and whatever `decide` raises.
        """
        changed = await self._change_placed(order_id, decide, cause)
        if changed is not None:
            return changed
        for _ in range(TRIES):
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

    async def _change_placed(self, order_id: UUID, decide: Decide, cause: UUID | None) -> Order | None:
        """The same with the history that this process remembers. None: it has to be read."""
        history = self.placed.pop(order_id, None)
        if history is None:
            return None
        with contextlib.suppress(IllegalTransition, VersionTaken):
            event = decide(history)
            if event is not None:
                return fold(await self.record(history, event, cause=cause))
        return None

    def _remember(self, history: History) -> None:
        self.placed[history[0].order_id] = history
        if len(self.placed) > REMEMBERED:
            del self.placed[next(iter(self.placed))]
