"""Compare the read side with the histories, all of it, and make it what they say."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from services.chassis import clock
from services.chassis.crash_points import reach
from services.chassis.mongo import Document
from services.order.domain import Order, fold
from services.order.read_side import Contended, ReadSide
from services.order.read_side_repair import ReadSideRepair
from services.order.side_by_side import side_by_side
from services.order.store import CommitStore

SETTLED_AFTER = timedelta(seconds=15)
"""Until then a change may be on its way to the read side, by the service itself: it is looked at again later."""
_AT_A_TIME = 200
_SIDE_BY_SIDE = 8
_TRIES = 8
_ROUNDS = 10

T = TypeVar("T")


class Found(StrEnum):
    """What is wrong with an order on the read side."""

    MISSING = "missing"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """It is shown, and no history tells of it."""
    UNREADABLE = "unreadable"
    """Its history makes no sense: nothing can be said, or done, about it."""


@dataclass(frozen=True)
class Difference:
    """One order that is not shown as it is."""

    order_id: str
    found: Found
    fields: tuple[str, ...] = ()
    """The fields that are wrong, where it is different."""
    changed_at: datetime | None = None
    """When its history last grew."""
    placed_at: datetime | None = None


@dataclass(frozen=True)
class RebuildReadSide:
    """Goes through all orders while the service goes on. Memory does not grow with them.

    Nothing that is newer is ever replaced: see read_side_repair.py.
    """

    store: CommitStore
    read_side: ReadSide
    repair: ReadSideRepair
    settled_after: timedelta = SETTLED_AFTER
    now: Callable[[], datetime] = clock.now

    async def differences(self, *, mend: bool, compared: Callable[[int], None]) -> AsyncIterator[Difference]:
        """Every difference, once, as it is found; with `mend` it has been put right by then, where it can be.

        Missing orders come last, the oldest first, so that they are shown in the order in which they were placed.

        Args:
            mend: put right what is different.
            compared: told how many orders more have been compared.

        Raises:
            Unavailable: the store is away; what was mended stays so, and another run does the rest.
            sqlite3.Error: there are many missing orders, and no room (TMPDIR) to sort them.
        """
        with closing(sqlite3.connect("")) as missing:  # a file of SQLite's own, once it is more than a few pages
            missing.execute("CREATE TABLE missing (placed_at TEXT, order_id TEXT PRIMARY KEY)")
            async for difference in self._settled(compared):
                if difference.found is Found.MISSING:
                    row = (clock.to_text(difference.placed_at or self.now()), difference.order_id)
                    missing.execute("INSERT OR IGNORE INTO missing VALUES (?, ?)", row)
                    continue
                if mend:
                    await self._mend(difference.order_id)
                yield difference
            for (order_id,) in missing.execute("SELECT order_id FROM missing ORDER BY placed_at, order_id"):
                if mend:
                    await self._mend(order_id)
                yield Difference(order_id, Found.MISSING)

    async def of_order(self, order_id: str, *, mend: bool) -> list[Difference]:
        """What differs of one order, unless it has just changed; with `mend` it has been put right."""
        found = [one for one in await self._compare_all([order_id]) if not self._is_young(one)]
        if found and mend:
            await self._mend(order_id)
        return found

    async def _settled(self, compared: Callable[[int], None]) -> AsyncIterator[Difference]:
        """The differences that stay: what the service is about to put right itself is given time."""
        young: list[Difference] = []
        async for differences in self._all(compared):
            for difference in differences:
                if self._is_young(difference):
                    young.append(difference)
                else:
                    yield difference
        for _ in range(_ROUNDS):
            if not young:
                return
            await asyncio.sleep(self.settled_after.total_seconds())
            again = await self._compare_all([difference.order_id for difference in young])
            young = [difference for difference in again if self._is_young(difference)]
            for difference in again:
                if not self._is_young(difference):
                    yield difference
        for difference in young:  # by a clock that is far ahead
            yield difference

    def _is_young(self, difference: Difference) -> bool:
        return difference.changed_at is not None and difference.changed_at > self.now() - self.settled_after

    async def _all(self, compared: Callable[[int], None]) -> AsyncIterator[list[Difference]]:
        """Batches of differences: of all that is shown with its history, then of all histories that are not shown."""
        async for documents in _in_batches(self.repair.documents()):
            wrong = await side_by_side(self._seems_wrong, documents, at_most=_SIDE_BY_SIDE)
            yield await self._compare_all([order_id for order_id in wrong if order_id])
            compared(len(documents))
        async for order_ids in _in_batches(self.store.order_ids()):
            shown = await side_by_side(self.repair.is_shown, order_ids, at_most=_SIDE_BY_SIDE)
            missing = [order_id for order_id, is_shown in zip(order_ids, shown, strict=True) if not is_shown]
            yield await self._compare_all(missing)
            compared(len(missing))

    async def _seems_wrong(self, shown: Document) -> str | None:
        """The order's id, when a document that was read a while ago does not say what the history says now."""
        order_id = str(shown["_id"])
        order = await self._order(order_id)
        well = isinstance(order, Order) and not await self.repair.wrong_fields(shown, order)
        return None if well else order_id

    async def _compare_all(self, order_ids: list[str]) -> list[Difference]:
        found = await side_by_side(self._compare, order_ids, at_most=_SIDE_BY_SIDE)
        return [difference for difference in found if difference is not None]

    async def _compare(self, order_id: str) -> Difference | None:
        shown = await self.repair.shown(order_id)
        order = await self._order(order_id)
        if isinstance(order, Difference):
            return order
        if order is None:
            return Difference(order_id, Found.UNKNOWN) if shown else None
        if shown is None:
            return Difference(order_id, Found.MISSING, (), order.updated_at, order.created_at)
        wrong = await self.repair.wrong_fields(shown, order)
        return Difference(order_id, Found.DIFFERENT, wrong, order.updated_at, order.created_at) if wrong else None

    async def _order(self, order_id: str) -> Order | Difference | None:
        try:
            history = await self.store.load(order_id)
            return fold(history) if history else None
        except (ValueError, KeyError):
            return Difference(order_id, Found.UNREADABLE)

    async def _mend(self, order_id: str) -> None:
        for _ in range(_TRIES):
            shown = await self.repair.shown(order_id)
            order = await self._order(order_id)
            if isinstance(order, Difference) or (order is None and shown is None):
                return
            reach("rebuild.before_mend")
            if order is None and shown is not None:
                await self.repair.remove(shown)
                reach("rebuild.removed")
            elif order is not None and shown is None:
                await self.read_side.project(order)
                reach("rebuild.shown")
            elif order is not None and shown is not None:
                if not await self.repair.wrong_fields(shown, order):
                    return
                await self.repair.replace(shown, order)
                reach("rebuild.replaced")
        raise Contended(f"order {order_id} changes too fast to be put right")


async def _in_batches(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == _AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch
