"""From a stored commit to the read side and the bus: at least once, in order, whatever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.chassis.bus.relay import Relay
from services.chassis.data.mongo import Mongo
from services.chassis.plain import clock, ids
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.outbox import CommitOutbox
from services.order.adapters.read_side import MongoReadSide
from services.order.domain.history import Commit, fold
from services.order.domain.orders import Status
from tests.integration.order.support import FakeBus, eventually, in_order
from tests.unit.order.examples import history_of, moved, order_created


@dataclass
class Replica:
    """One process's outbox and relay."""

    store: MongoCommits
    outbox: CommitOutbox
    relay: Relay
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def run(self) -> None:
        self.running.append(asyncio.create_task(self.relay.run()))

    async def die(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        self.running.clear()

    async def append(self, history: Sequence[Commit], *, announce: bool = True) -> None:
        """Store the last commit of a history as a use case does; without announcing, as one that dies right after."""
        await self.store.append(history[-1])
        if announce:
            await self.outbox.announce(history)


@pytest.fixture
def bus() -> FakeBus:
    """The broker."""
    return FakeBus()


@pytest.fixture
async def replica(mongo: Mongo, bus: FakeBus) -> AsyncIterator[Callable[[], Replica]]:
    """Makes replicas of the service on one store; they end with the test, and leave nothing unpublished behind."""
    made: list[Replica] = []

    def make(now: Callable[[], datetime] = clock.now) -> Replica:
        store = MongoCommits(mongo)
        outbox = CommitOutbox(store, MongoReadSide(mongo), Leases(mongo), now)
        made.append(Replica(store, outbox, Relay(outbox.lease, bus)))
        return made[-1]

    yield make
    for one in made:
        await one.die()
    await mongo.collection("commits").delete_many({})


def lately() -> datetime:
    """A clock by which what happens now is overdue already."""
    return clock.now() + timedelta(seconds=60)


async def test_a_commit_is_shown_published_and_marked(
    replica: Callable[[], Replica], bus: FakeBus, read_side: MongoReadSide, store: MongoCommits
) -> None:
    one, user_id = replica(), ids.new_id()
    one.run()
    created = order_created(user_id=user_id)
    await one.append([created])

    await eventually(lambda: bus.sequence_of(created.order_id) == [1])
    await eventually(lambda: _all_published(store, created.order_id))
    assert (await read_side.page(user_id, None, None, 10)).orders == [fold([created])]


async def test_each_order_is_published_in_sequence(
    replica: Callable[[], Replica], bus: FakeBus, store: MongoCommits
) -> None:
    one = replica()
    one.run()
    histories = [history_of(Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED) for _ in range(20)]

    async def go_through(history: list[Commit]) -> None:
        for length in range(1, len(history) + 1):
            await one.append(history[:length])

    await asyncio.gather(*map(go_through, histories))

    for history in histories:
        order_id = history[0].order_id
        await eventually(lambda order_id=order_id: _all_published(store, order_id))
        assert in_order(bus.sequence_of(order_id)) == [1, 2, 3, 4]


async def test_a_history_that_grows_while_it_is_published_is_published_once(
    replica: Callable[..., Replica], bus: FakeBus, store: MongoCommits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.order.adapters.outbox._OVERDUE_AFTER", timedelta(hours=1))  # nothing is
    one = replica()
    one.run()
    histories = [history_of(Status.CONFIRMED, Status.SHIPPED) for _ in range(20)]
    for length in (1, 2, 3):
        await asyncio.gather(*(one.append(history[:length]) for history in histories))

    for history in histories:
        order_id = history[0].order_id
        await eventually(lambda order_id=order_id: _all_published(store, order_id))
        assert bus.sequence_of(order_id) == [1, 2, 3]


async def test_what_a_process_left_behind_is_published_by_another(
    replica: Callable[..., Replica], bus: FakeBus, read_side: MongoReadSide, store: MongoCommits
) -> None:
    user_id = ids.new_id()
    history = history_of(Status.CONFIRMED, user_id=user_id)
    died = replica()
    for length in (1, 2):
        await died.append(history[:length], announce=False)

    replica(lately).run()

    order_id = history[0].order_id
    await eventually(lambda: _all_published(store, order_id))
    assert bus.sequence_of(order_id) == [1, 2]
    assert (await read_side.page(user_id, None, None, 10)).orders == [fold(history)]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_wrong_clock_delays_nothing_that_its_process_left_behind(
    replica: Callable[..., Replica], bus: FakeBus, store: MongoCommits, ahead: timedelta
) -> None:
    history = history_of(Status.CONFIRMED, at=clock.now() + ahead)
    died, other = replica(), replica()
    for length in (1, 2):
        await died.append(history[:length], announce=False)
    other.run()

    await eventually(lambda: _all_published(store, history[0].order_id))
    assert bus.sequence_of(history[0].order_id) == [1, 2]
    assert (await other.outbox.backlog()).oldest_seconds >= 0


async def test_a_commit_that_was_announced_does_not_overtake_one_that_was_left_behind(
    replica: Callable[[], Replica], bus: FakeBus, store: MongoCommits
) -> None:
    created = order_created()
    await replica().append([created], announce=False)
    one = replica()
    one.run()
    history = await store.load(created.order_id)
    await one.append([*history, moved(history, Status.CONFIRMED)])

    await eventually(lambda: _all_published(store, created.order_id))
    assert in_order(bus.sequence_of(created.order_id)) == [1, 2]


async def test_nothing_is_lost_while_the_broker_is_away(
    replica: Callable[..., Replica], bus: FakeBus, read_side: MongoReadSide, store: MongoCommits
) -> None:
    bus.away = True
    one, user_id = replica(lately), ids.new_id()
    one.run()
    histories = [history_of(Status.CONFIRMED, user_id=user_id) for _ in range(5)]
    for history in histories:
        for length in (1, 2):
            await one.append(history[:length])

    async def all_shown() -> bool:
        page = await read_side.page(user_id, Status.CONFIRMED, None, 10)
        return len(page.orders) == len(histories)

    await eventually(all_shown)  # the read side does not wait for the broker
    assert bus.records == []
    bus.away = False

    for history in histories:
        order_id = history[0].order_id
        await eventually(lambda order_id=order_id: _all_published(store, order_id))
        assert in_order(bus.sequence_of(order_id)) == [1, 2]


async def test_an_order_that_the_broker_does_not_take_holds_up_no_other(
    replica: Callable[..., Replica], bus: FakeBus, store: MongoCommits
) -> None:
    stuck, fine = history_of(Status.CONFIRMED), history_of(Status.CONFIRMED)
    bus.refused_keys.add(str(stuck[0].order_id).encode())
    one = replica(lately)
    one.run()
    for history in (stuck, fine):
        for length in (1, 2):
            await one.append(history[:length])

    await eventually(lambda: _all_published(store, fine[0].order_id))
    assert [commit.published for commit in await store.load(stuck[0].order_id)] == [False, False]

    bus.refused_keys.clear()
    await eventually(lambda: _all_published(store, stuck[0].order_id))
    assert in_order(bus.sequence_of(stuck[0].order_id)) == [1, 2]


async def test_two_replicas_publish_every_order_in_sequence(
    replica: Callable[..., Replica], bus: FakeBus, store: MongoCommits
) -> None:
    replicas = [replica(lately), replica(lately)]
    for one in replicas:
        one.run()
    histories = [history_of(Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED) for _ in range(20)]

    async def go_through(history: list[Commit]) -> None:
        for length in range(1, len(history) + 1):
            await replicas[length % 2].append(history[:length])

    await asyncio.gather(*map(go_through, histories))

    for history in histories:
        order_id = history[0].order_id
        await eventually(lambda order_id=order_id: _all_published(store, order_id))
        assert in_order(bus.sequence_of(order_id)) == [1, 2, 3, 4]
    ids_seen = [dict(record.headers)["ce_id"] for record in bus.records]
    assert len(set(ids_seen)) == 4 * len(histories)  # a double publish is the same event


async def test_a_read_side_that_was_written_late_is_put_right(
    replica: Callable[..., Replica], read_side: MongoReadSide, store: MongoCommits, mongo: Mongo
) -> None:
    one, user_id = replica(lately), ids.new_id()
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    for length in (1, 2, 3):
        await one.append(history[:length], announce=False)
    await read_side.project(fold(history))
    for commit in history:
        await store.mark_published([commit])
    # What a projection leaves that was read before and written after a newer one.
    stale = {"status": "confirmed", "version": 2, "updatedAt": history[1].at}
    await mongo.collection("orders").update_one({"_id": str(history[0].order_id)}, {"$set": stale})

    one.run()

    async def put_right() -> bool:
        return (await read_side.page(user_id, None, None, 10)).orders == [fold(history)]

    await eventually(put_right)

    async def settled() -> bool:
        return history[2].id not in {commit.id for commit in await store.unsettled(1_000)}

    await eventually(settled)


async def test_a_relay_that_was_paused_before_it_marks_has_the_order_looked_at_once_more(
    replica: Callable[..., Replica], bus: FakeBus, read_side: MongoReadSide, store: MongoCommits, mongo: Mongo
) -> None:
    """Another relay has published, marked and settled meanwhile: the late mark unsettles it, which is harmless."""
    one, user_id = replica(lately), ids.new_id()
    history = history_of(Status.CONFIRMED, Status.SHIPPED, user_id=user_id)
    for length in (1, 2, 3):
        await one.append(history[:length], announce=False)
    one.run()

    async def settled() -> bool:
        commits = await mongo.collection("commits").find({"orderId": str(history[0].order_id)}).to_list(None)
        return all(commit.get("published") and commit.get("settled") for commit in commits)

    await eventually(settled)
    await store.mark_published([history[2]])  # late
    assert not await settled()
    await eventually(settled)
    assert (await read_side.page(user_id, None, None, 10)).orders == [fold(history)]
    assert in_order(bus.sequence_of(history[0].order_id)) == [1, 2, 3]


async def test_a_history_that_makes_no_sense_holds_up_no_other(
    replica: Callable[..., Replica], bus: FakeBus, store: MongoCommits
) -> None:
    one, broken, fine = replica(lately), history_of(Status.CONFIRMED), order_created()
    await store.append(broken[1])  # the first is missing
    await one.append([fine], announce=False)
    one.run()

    await eventually(lambda: _all_published(store, fine.order_id))
    assert bus.sequence_of(broken[0].order_id) == []


@pytest.mark.parametrize(
    "change", [{"$set": {"events.0.type": "ORDER_GIFT_WRAPPED"}}, {"$unset": {"events.0.status": ""}}]
)
@pytest.mark.parametrize("state", ["unpublished", "unsettled"])
async def test_a_commit_that_only_a_newer_version_can_read_is_left_to_it_and_holds_up_no_other(
    replica: Callable[..., Replica],
    bus: FakeBus,
    store: MongoCommits,
    mongo: Mongo,
    change: dict[str, dict[str, str]],
    state: str,
) -> None:
    one, newer, fine = replica(lately), history_of(Status.CONFIRMED, Status.SHIPPED), order_created()
    for commit in newer:
        await store.append(commit)
        await mongo.collection("commits").update_one({"_id": commit.id}, {"$set": {"published": state == "unsettled"}})
    await mongo.collection("commits").update_one({"_id": newer[2].id}, {**change})
    if state == "unsettled":
        await mongo.collection("commits").update_one({"_id": newer[2].id}, {"$set": {"settled": False}})
    await one.append([fine], announce=False)
    one.run()

    await eventually(lambda: _all_published(store, fine.order_id))
    assert bus.sequence_of(newer[0].order_id) == []
    left = await (store.unpublished(1_000) if state == "unpublished" else store.unsettled(1_000))
    assert newer[2].id in {commit.id for commit in left}


async def _all_published(store: MongoCommits, order_id: UUID) -> bool:
    return all(commit.published for commit in await store.load(order_id))
