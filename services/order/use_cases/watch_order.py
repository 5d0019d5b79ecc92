"""Watch one order: as it stands, then every state that it goes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.order.domain import Actor, Order, fold
from services.order.journal import Journal
from services.order.news import OrderNews
from services.order.use_cases.read_order import ReadOrder

_LOOK_AGAIN_SECONDS = 0.5
"""After news that the history does not bear out (yet)."""


@dataclass(frozen=True)
class WatchOrder:
    """Shows orders as they change. An order has four states at most, so a slow reader is behind by three at most."""

    journal: Journal
    read: ReadOrder
    news: OrderNews

    async def __call__(self, order_id: str, actor: Actor) -> AsyncGenerator[Order, None]:
        """The order as it stands, then each later state in turn; ends after one that nothing follows.

        Raises:
            OrderNotFound: there is no such order, or it is not theirs to see.
            Unavailable: the store is away.
        """
        with self.news.of(order_id) as news:  # before the first look: what happens in between is told
            order = await self.read(order_id, actor)
            yield order
            while not order.is_final:
                await news.of_more_than(order.version)
                history = await self.journal.history(order_id)
                if len(history) <= order.version:
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                for version in range(order.version + 1, len(history) + 1):
                    order = fold(history[:version])
                    yield order
