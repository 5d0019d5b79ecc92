"""Watching orders on a real store and a real broker, with several replicas of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.chassis.brokers import Brokers
from services.chassis.errors import Unavailable
from services.chassis.mongo import Mongo
from services.chassis.producer import Producer
from services.chassis.relay import Relay
from services.order.domain import Actor, Order, OrderNotFound, Status
from services.order.journal import Journal
from services.order.leases import Leases
from services.order.news import TOPIC, OrderNews
from services.order.outbox import CommitOutbox
from services.order.read_side import ReadSide
from services.order.store import CommitStore
from services.order.use_cases.read_order import ReadOrder
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusCommand
from services.order.use_cases.watch_order import WatchOrder
from tests.integration.chassis.data.conftest import BROKER_OFFSET, create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.order.support import STAFF, CutProxy, eventually, told_nobody
from tests.support.real_stack import stack_of_this_run
from tests.unit.order.examples import history_of, moved, order_created

OWNER = Actor("ann", is_staff=False)


@dataclass
class Replica:
    """One process: what it is asked, what it publishes, and its own way of hearing of the others' changes."""

    journal: Journal
    news: OrderNews

    @property
    def watch(self) -> WatchOrder:
        return WatchOrder(self.journal, ReadOrder(self.journal), self.news)

    async def move(self, order_id: str, *statuses: Status) -> None:
        for status in statuses:
            await UpdateStatus(self.journal)(UpdateStatusCommand(order_id, status, STAFF))


@asynccontextmanager
async def running(mongo: Mongo, bootstrap: str) -> AsyncIterator[Replica]:
    """A replica with its relay and its tail, which has found its place."""
    store, producer = CommitStore(mongo), Producer(bootstrap, "lab")
    outbox = CommitOutbox(store, ReadSide(mongo), Leases(mongo))
    replica = Replica(Journal(store, outbox.announce), OrderNews(Brokers(bootstrap)))
    await producer.start()
    tasks = [asyncio.create_task(work) for work in (Relay(outbox.lease, producer).run(), replica.news.run())]
    try:
        await eventually(lambda: replica.news._tail.reading, seconds=60)
        yield replica
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await producer.stop()


@pytest.fixture
async def replicas(mongo: Mongo, kafka_bootstrap: str) -> AsyncIterator[list[Replica]]:
    """Two of them, on one store and one broker."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(mongo, kafka_bootstrap)) for _ in range(2)]


@pytest.fixture
async def order_id(replicas: list[Replica]) -> str:
    """An order that was placed with the first replica."""
    created = order_created()
    await replicas[0].journal.record((), created.events[0])
    return created.order_id


async def next_of(states: AsyncGenerator[Order, None]) -> Status | None:
    """The next state; None at the end."""
    async with asyncio.timeout(60):
        try:
            return (await anext(states)).status
        except StopAsyncIteration:
            return None


async def test_a_change_made_anywhere_is_told_everywhere(replicas: list[Replica], order_id: str) -> None:
    watches = [replica.watch(order_id, OWNER) for replica in replicas]
    assert [await next_of(watch) for watch in watches] == [Status.PENDING] * 2
    for number, status in enumerate((Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)):
        await replicas[number % 2].move(order_id, status)
        assert [await next_of(watch) for watch in watches] == [status] * 2
    assert [await next_of(watch) for watch in watches] == [None] * 2


async def test_a_slow_reader_is_told_every_state_in_turn_the_newest_last(
    replicas: list[Replica], order_id: str
) -> None:
    watch = replicas[0].watch(order_id, OWNER)
    assert await next_of(watch) is Status.PENDING
    await replicas[1].move(order_id, Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
    told = [await next_of(watch) for _ in range(4)]
    assert told == [Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED, None]


async def test_what_changes_between_the_first_look_and_the_waiting_is_told(
    replicas: list[Replica], order_id: str
) -> None:
    """The change is stored, published and heard while the first look is still under way."""
    watcher, other = replicas
    gone_by = asyncio.Event()

    class Paused(ReadOrder):
        async def __call__(self, order_id: str, actor: Actor) -> Order:
            order = await super().__call__(order_id, actor)
            await other.move(order_id, Status.CONFIRMED)
            (news,) = watcher.news._listeners[order_id]
            await eventually(lambda: news._version == 2, seconds=60)
            gone_by.set()
            return order

    watch = WatchOrder(watcher.journal, Paused(watcher.journal), watcher.news)(order_id, OWNER)
    async with aclosing(watch):
        assert await next_of(watch) is Status.PENDING
        assert gone_by.is_set()
        assert await next_of(watch) is Status.CONFIRMED


async def test_many_watchers_share_one_tail_and_leave_nothing_behind(replicas: list[Replica], order_id: str) -> None:
    watcher, other = replicas
    watches = [watcher.watch(order_id, OWNER) for _ in range(200)]
    for watch in watches:
        assert await next_of(watch) is Status.PENDING
    await other.move(order_id, Status.CANCELLED)
    for watch in watches:
        assert [await next_of(watch), await next_of(watch)] == [Status.CANCELLED, None]
    assert not watcher.news._listeners


async def test_another_ones_order_is_not_to_be_watched(replicas: list[Replica], order_id: str) -> None:
    with pytest.raises(OrderNotFound):
        await next_of(replicas[0].watch(order_id, Actor("bob", is_staff=False)))
    assert not replicas[0].news._listeners
    watch = replicas[0].watch(order_id, Actor("sue", is_staff=True))
    async with aclosing(watch):
        assert await next_of(watch) is Status.PENDING


async def test_how_far_it_knows_is_told(replicas: list[Replica]) -> None:
    def known_until() -> float:
        return REGISTRY.get_sample_value("argosy_order_news_known_until_seconds") or 0

    before = known_until()
    await eventually(lambda: known_until() > before, seconds=60)


async def test_a_store_that_goes_away_ends_the_watch(mongo: Mongo, proxy: CutProxy) -> None:
    created = order_created()
    await CommitStore(mongo).append(created)
    mine = Mongo(proxy.url)
    await mine.start()
    news = OrderNews(Brokers("127.0.0.1:1"))
    journal = Journal(CommitStore(mine), told_nobody)
    watch = WatchOrder(journal, ReadOrder(journal), news)(created.order_id, OWNER)
    try:
        assert await next_of(watch) is Status.PENDING
        proxy.lose_answers_to = b"commits"
        news._tell_all_to_look()
        with pytest.raises(Unavailable):
            await next_of(watch)
    finally:
        await mine.stop()


async def test_what_happens_while_the_broker_is_away_is_told_when_it_is_back(
    mongo: Mongo, store: CommitStore, tmp_path: Path
) -> None:
    """Nobody publishes it: that the tail has joined anew is reason enough to look."""
    broker = Broker(tmp_path, stack_of_this_run().offset + BROKER_OFFSET)
    broker.start()
    try:
        await create(broker.address, TOPIC)
        history = history_of()
        await store.append(history[0])
        news = OrderNews(Brokers(broker.address))
        journal = Journal(store, told_nobody)
        tail = asyncio.create_task(news.run())
        watch = WatchOrder(journal, ReadOrder(journal), news)(history[0].order_id, OWNER)
        try:
            assert await next_of(watch) is Status.PENDING
            await eventually(lambda: news._tail.reading, seconds=60)
            broker.kill()
            await eventually(lambda: not news._tail.reading, seconds=120)
            await store.append(moved(history, Status.CONFIRMED))
            broker.start()
            assert await next_of(watch) is Status.CONFIRMED
        finally:
            tail.cancel()
            await asyncio.gather(tail, return_exceptions=True)
            await watch.aclose()
    finally:
        broker.kill()
