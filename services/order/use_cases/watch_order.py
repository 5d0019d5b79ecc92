"""Watch one order: its present state, then every state that it moves to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID

from services.order.domain.history import fold
from services.order.domain.orders import Actor, Order
from services.order.ports import OrderNews
from services.order.use_cases.get_order import GetOrder, GetOrderHandler
from services.order.use_cases.journal import Journal

LOOK_AGAIN_SECONDS = 0.5
"""The pause after a change that the history does not show (yet)."""


@dataclass(frozen=True)
class WatchOrder:
    """Which order, and who watches it."""

    order_id: UUID
    actor: Actor


@dataclass(frozen=True)
class WatchOrderHandler:
    """Shows orders as they change. An order has four states at most, so a slow reader is behind by three at most."""

    journal: Journal
    get_order: GetOrderHandler
    news: OrderNews

    async def __call__(self, command: WatchOrder) -> AsyncGenerator[Order, None]:
        """The order, then each later state in turn; ends after a state that nothing follows.

        Raises:
            OrderNotFound: there is no such order, or the person may not see it.
            Unavailable: the store is away.
        """
        order_id = command.order_id
        with self.news.of(order_id) as news:  # before the first read: changes in between are noticed
            order = await self.get_order(GetOrder(order_id, command.actor))
            yield order
            while not order.is_final:
                await news.of_more_than(order.version)
                history = await self.journal.history(order_id)
                if len(history) <= order.version:
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                for version in range(order.version + 1, len(history) + 1):
                    order = fold(history[:version])
                    yield order
