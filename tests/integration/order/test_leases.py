"""Turns at work, on the real store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from services.chassis.data.mongo import Mongo
from services.chassis.plain import ids
from services.order.adapters.leases import Leases


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


async def test_one_replica_holds_a_slice_to_its_end(mongo: Mongo) -> None:
    clock, name = Clock(), str(ids.new_id())
    replicas = [Leases(mongo, clock) for _ in range(5)]

    first = await asyncio.gather(*(replica.held(name, 5) for replica in replicas))
    clock.now += 4.9
    later = await asyncio.gather(*(replica.held(name, 5) for replica in replicas))

    assert sum(first) == 1
    assert later == first


async def test_the_next_slice_is_anybodys(mongo: Mongo) -> None:
    clock, name = Clock(), str(ids.new_id())
    gone, other = Leases(mongo, clock), Leases(mongo, clock)
    assert await gone.held(name, 5)
    assert not await other.held(name, 5)

    clock.now += 5
    assert await other.held(name, 5)
    assert not await gone.held(name, 5)


async def test_leases_of_different_work_do_not_meet(mongo: Mongo) -> None:
    clock, name = Clock(), str(ids.new_id())
    assert await Leases(mongo, clock).held(name, 5)
    assert await Leases(mongo, clock).held(name + "-other", 5)


async def test_old_slices_are_forgotten(mongo: Mongo) -> None:
    clock, name = Clock(), str(ids.new_id())
    leases = Leases(mongo, clock)
    for _ in range(30):
        assert await leases.held(name, 5)
        clock.now += 5
    assert await mongo.collection("leases").count_documents({"name": name}) <= 12
