"""Leases of work that one replica should do at a time, by the unique `_id` of "<name>:<time slice>".

A lease only makes double work rare: a holder may be paused past its slice. So work under a lease must be safe to do
twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach

_KEPT_SLICES = 10


class Leases:
    """This process's leases."""

    def __init__(self, mongo: Mongo, now: Callable[[], datetime] = clock.now) -> None:
        self._mongo = mongo
        self._now = now
        self._decided: dict[str, tuple[int, bool]] = {}

    async def ensure_indexes(self) -> None:
        """Makes the indexes of the queries below; repeating it changes nothing."""
        await self._leases.create_index([("name", 1)])

    async def held(self, name: str, seconds: float) -> bool:
        """Whether this process holds the present slice of so many seconds: the first process that asks gets it."""
        slice_ = int(self._now().timestamp() // seconds)
        decided_slice, held = self._decided.get(name, (None, False))
        if decided_slice != slice_:
            with unavailable_when_away():
                held = await self._take(name, slice_)
            self._decided[name] = (slice_, held)
        return held

    async def _take(self, name: str, slice_: int) -> bool:
        try:
            await self._leases.insert_one({"_id": f"{name}:{slice_}", "name": name, "slice": slice_})
        except DuplicateKeyError:
            return False
        reach("order.lease.taken")
        await self._leases.delete_many({"name": name, "slice": {"$lt": slice_ - _KEPT_SLICES}})
        return True

    @property
    def _leases(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("leases")
