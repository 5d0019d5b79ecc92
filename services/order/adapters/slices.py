"""The slices of time of the list of all orders, in MongoDB.

An order is in a slice of ten seconds by its status and the time at which it was placed: `confirmed/2026-03-01T09:30:4`,
the first letters of that time. The collection `slices` says which slices there may be orders in: a slice is a document
`of` its hour, an hour of its month, a month of its status. So a list finds orders by equality on one field, the only
kind of query for which FerretDB uses an index (commits.py). No document is written for every order, and what is under
one of them has a bound: 744 hours, 360 slices, and in a slice the orders of ten seconds.

First commits are in slices as well, by their time alone: `placed/2026-03-01T09:30:4`. Nothing leaves these, so a walk
through them finds every order (order_ids.py).

An order that moves leaves its slice, which may be empty then. Lists would look into it in vain, so `prune` deletes it.

Races. Whoever puts an order into a slice writes the order first, then makes sure of the slice. `prune` deletes a slice
first, then looks again whether it has an order, and brings it back. So one of the two sees the other, however long
either is paused. Only if both die in between is an order in a slice that no list finds: the comparison of the read side
finds it, and repairs it.

A process that has made sure of a slice remembers it while it is so young that nobody prunes it: most orders then need
no look. The order is written before, so a later pruner sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.order.domain.orders import Status
from services.order.ports import Now

PLACED = "placed"
"""What first commits have in the place of a status."""
_MONTH, _HOUR, _SLICE = len("2026-03"), len("2026-03-01T09"), len("2026-03-01T09:30:4")
_PARENT_OF = {_SLICE: _HOUR, _HOUR: _MONTH}
_START = "0001-01-01T00:00:00.000Z"
PRUNED_AFTER = timedelta(seconds=30)
"""From the beginning of a slice. A younger one gets further orders."""
_REMEMBERED_FOR = PRUNED_AFTER - timedelta(seconds=10)
"""From the beginning of a slice. The clocks of two processes differ by less than the rest."""
_MOST_LEFT = 10_000
"""Slices to look at are remembered in memory: lists look into those that are not, in vain."""
_MOST_PLACED = 10_000
"""Those of PLACED are never pruned: so many, a day's, need no second look."""


def slice_of(status: Status, placed_at: datetime) -> str:
    """The slice of the orders of this status that were placed with this one."""
    return f"{status}/{clock.to_text(placed_at)[:_SLICE]}"


def placed_slice(placed_at: datetime) -> str:
    """The slice of the first commits that were made with this one."""
    return f"{PLACED}/{clock.to_text(placed_at)[:_SLICE]}"


def is_slice(node: str) -> bool:
    """Whether it has orders, rather than slices or hours."""
    return len(_time_of(node)) == _SLICE


def begins(node: str) -> datetime:
    """The first instant of a slice, an hour or a month."""
    time = _time_of(node)
    return clock.from_text(time + _START[len(time) :])


def is_before(node: str, instant: datetime) -> bool:
    """Whether all of it is earlier than this instant."""
    time = _time_of(node)
    return time < clock.to_text(instant)[: len(time)]


def path(slice_: str) -> Sequence[str]:
    """The month, the hour and the slice."""
    return [f"{_status_of(slice_)}/{_time_of(slice_)[:length]}" for length in (_MONTH, _HOUR, _SLICE)]


def document_of(node: str) -> dict[str, str]:
    """The document of a slice, an hour or a month."""
    return {"_id": node, "of": _parent(node) or _status_of(node)}


class Slices:
    """Which slices have orders. Every call raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo, now: Now = clock.now) -> None:
        self._mongo = mongo
        self._now = now
        self._left: set[str] = set()
        self._remembered: set[str] = set()
        self._placed: set[str] = set()

    async def ensure_indexes(self) -> None:
        """Makes the index of the query below; repeating it changes nothing."""
        await self._slices.create_index([("of", ASCENDING)])

    async def under(self, node: str) -> list[str]:
        """The months of a status or of PLACED, the hours of a month or the slices of an hour, newest first."""
        with unavailable_when_away():
            documents = await self._slices.find({"of": node}, {"_id": 1}).to_list(None)
        return sorted((document["_id"] for document in documents), reverse=True)

    async def ensure(self, node: str) -> None:
        """Makes lists look into this slice, and its hour and month. Call it after the order is written."""
        if node in self._remembered and self._is_young(node):
            return
        with unavailable_when_away():
            await self._ensure(node)
        self._remembered = {one for one in (*self._remembered, node) if self._is_young(one)}

    async def ensure_placed(self, placed_at: datetime) -> None:
        """Makes walks look into the slice of first commits of this time. Call it after the commit is written."""
        node = placed_slice(placed_at)
        if node in self._placed:
            return
        with unavailable_when_away():
            await self._ensure(node)
        if len(self._placed) >= _MOST_PLACED:
            self._placed.clear()
        self._placed.add(node)

    async def repair(self, slice_: str) -> None:
        """The same, also where the slice is there and its hour or month is not (see above)."""
        with unavailable_when_away():
            for node in path(slice_):
                await self._ensure(node)

    async def is_listed(self, slice_: str) -> bool:
        """Whether lists look into this slice."""
        return all([await self._exists(node) for node in path(slice_)])

    def left(self, slice_: str) -> None:
        """Remembers a slice that may be empty, for `prune`."""
        if len(self._left) < _MOST_LEFT:
            self._left.add(slice_)

    async def prune(self, before: datetime) -> None:
        """Deletes the slices that were left, are empty and began before an instant, with their hours and months."""
        for slice_ in [one for one in self._left if begins(one) < before]:
            with unavailable_when_away():
                await self._prune(slice_)
            self._left.discard(slice_)
            self._remembered.discard(slice_)

    def _is_young(self, slice_: str) -> bool:
        return begins(slice_) > self._now() - _REMEMBERED_FOR

    async def _ensure(self, node: str) -> None:
        if await self._exists(node):
            return
        parent = _parent(node)
        if parent is not None:
            await self._ensure(parent)
        try:
            await self._slices.insert_one(document_of(node))
        except DuplicateKeyError:
            return  # another projection was faster
        reach("order.slices.inserted")
        if parent is not None:
            await self._ensure(parent)  # it was empty until now: it may have been pruned

    async def _prune(self, node: str) -> None:
        if await self._has_any(node):
            return
        await self._slices.delete_one({"_id": node})
        if await self._has_any(node):
            await self._ensure(node)
            return
        parent = _parent(node)
        if parent is not None:
            await self._prune(parent)

    async def _has_any(self, node: str) -> bool:
        if is_slice(node):
            found = await self._mongo.collection("orders").find_one({"slice": node}, {"_id": 1})
        else:
            found = await self._slices.find_one({"of": node}, {"_id": 1})
        return found is not None

    async def _exists(self, node: str) -> bool:
        with unavailable_when_away():
            return await self._slices.find_one({"_id": node}, {"_id": 1}) is not None

    @property
    def _slices(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("slices")


def _time_of(node: str) -> str:
    return node.partition("/")[2]


def _status_of(node: str) -> str:
    return node.partition("/")[0]


def _parent(node: str) -> str | None:
    """The hour of a slice, the month of an hour; None for a month."""
    time = _time_of(node)
    return f"{_status_of(node)}/{time[: _PARENT_OF[len(time)]]}" if len(time) in _PARENT_OF else None
