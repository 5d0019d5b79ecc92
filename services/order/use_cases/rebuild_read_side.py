"""Compare the read side with the histories of all orders, and make it what they say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from services.chassis.plain import ids
from services.chassis.plain.crash_points import reach
from services.chassis.plain.side_by_side import side_by_side
from services.order.domain.history import fold
from services.order.domain.orders import Order
from services.order.ports import (
    Commits,
    NewMissingOrders,
    Now,
    ProjectionContended,
    ReadSide,
    ReadSideRepair,
    Shown,
)

SETTLED_AFTER = timedelta(seconds=15)
"""Until then the service itself may be about to show a change: such an order is compared again later."""
_BATCH = 200
_CONCURRENT = 8
_TRIES = 8
_ROUNDS = 10

T = TypeVar("T")


class Found(StrEnum):
    """What is wrong with an order on the read side."""

    MISSING = "missing"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """It is shown and has no history."""
    UNREADABLE = "unreadable"
    """Its history cannot be read: the order can be neither compared nor repaired."""


@dataclass(frozen=True)
class Difference:
    """One order that is not shown as it is."""

    order_id: str
    """As the store has it."""
    found: Found
    fields: tuple[str, ...] = ()
    """The fields that are wrong, where it is different."""
    changed_at: datetime | None = None
    """When its last commit was made."""
    placed_at: datetime | None = None


@dataclass(frozen=True)
class RebuildReadSide:
    """What to do about differences."""

    mend: bool
    """Repair them; otherwise nothing is written."""


@dataclass(frozen=True)
class RebuildReadSideHandler:
    """Compares all orders while the service goes on. Its memory does not grow with their number.

    Nothing that is newer is ever replaced: see adapters/read_side_repair.py.
    """

    commits: Commits
    read_side: ReadSide
    repair: ReadSideRepair
    new_missing: NewMissingOrders
    now: Now
    settled_after: timedelta = SETTLED_AFTER

    async def __call__(self, command: RebuildReadSide, compared: Callable[[int], None]) -> AsyncIterator[Difference]:
        """Every difference, once, as it is found; with `mend` it is repaired by then, where it can be.

        Missing orders come last, the oldest first, so that lists show them in the order in which they were placed.

        Args:
            command: see RebuildReadSide.
            compared: called with how many orders more have been compared.

        Raises:
            Unavailable: the store is away; what was repaired stays so, and another run does the rest.
            And what MissingOrders.add raises when the disk is full.
        """
        with self.new_missing() as missing:
            async for difference in self._settled(compared):
                if difference.found is Found.MISSING:
                    missing.add(difference.order_id, difference.placed_at or self.now())
                    continue
                if command.mend:
                    await self._mend(difference.order_id)
                yield difference
            for order_id in missing.oldest_first():
                if command.mend:
                    await self._mend(order_id)
                yield Difference(order_id, Found.MISSING)

    async def of_order(self, order_id: str, *, mend: bool) -> list[Difference]:
        """What differs of one order, unless it has just changed; with `mend` it has been put right."""
        found = [one for one in await self._compare_all([order_id]) if not self._is_young(one)]
        if found and mend:
            await self._mend(order_id)
        return found

    async def _settled(self, compared: Callable[[int], None]) -> AsyncIterator[Difference]:
        """The differences that stay: the service is given time to show recent changes itself."""
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
        """Batches of differences: of everything that is shown, then of all histories that are not shown."""
        async for batch in _in_batches(self.repair.documents()):
            wrong = await side_by_side(self._seems_wrong, batch, at_most=_CONCURRENT)
            yield await self._compare_all([order_id for order_id in wrong if order_id])
            compared(len(batch))
        async for order_ids in _in_batches(self.commits.order_ids()):
            shown = await side_by_side(self.repair.is_shown, order_ids, at_most=_CONCURRENT)
            missing = [order_id for order_id, is_shown in zip(order_ids, shown, strict=True) if not is_shown]
            yield await self._compare_all(missing)
            compared(len(missing))

    async def _seems_wrong(self, shown: Shown) -> str | None:
        """The order's id, when what was read a while ago differs from the history as it is now."""
        order = await self._order(shown.order_id)
        well = isinstance(order, Order) and not await self.repair.wrong_fields(shown, order)
        return None if well else shown.order_id

    async def _compare_all(self, order_ids: list[str]) -> list[Difference]:
        found = await side_by_side(self._compare, order_ids, at_most=_CONCURRENT)
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
            known_id = ids.parse_id(order_id)
        except ValueError:
            return None  # no order has such an id
        try:
            history = await self.commits.load(known_id)
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
        raise ProjectionContended(f"order {order_id} changes too fast to be put right")


async def _in_batches(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
