"""Watching orders on a real store and a real broker, with several replicas of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.chassis.bus.producer import Producer
from services.chassis.bus.relay import Relay
from services.chassis.data.mongo import Mongo
from services.chassis.plain.errors import Unavailable
from services.chassis.process.brokers import Brokers
from services.order.adapters.commits import MongoCommits
from services.order.adapters.leases import Leases
from services.order.adapters.news import TOPIC, KafkaOrderNews
from services.order.adapters.outbox import CommitOutbox
from services.order.adapters.read_side import MongoReadSide
from services.order.domain.moves import OrderNotFound
from services.order.domain.orders import Actor, Order, Status
from services.order.use_cases.get_order import GetOrder, GetOrderHandler
from services.order.use_cases.journal import Journal
from services.order.use_cases.update_status import UpdateStatus, UpdateStatusHandler
from services.order.use_cases.watch_order import WatchOrder, WatchOrderHandler
from tests.integration.chassis.data.conftest import BROKER_OFFSET, create
from tests.integration.chassis.data.lab_broker import Broker
from tests.integration.order.support import CutProxy, eventually, journal
from tests.support.real_stack import stack_of_this_run
from tests.unit.order.examples import ANN, BOB, STAFF, history_of, moved, order_created

OWNER = Actor(ANN, is_staff=False)


@dataclass
class Replica:
    """One process: what it is asked, what it publishes, and its own way of hearing of the others' changes."""

    journal: Journal
    news: KafkaOrderNews

    @property
    def watch(self) -> WatchOrderHandler:
        return WatchOrderHandler(self.journal, GetOrderHandler(self.journal), self.news)

    async def move(self, order_id: UUID, *statuses: Status) -> None:
        for status in statuses:
            await UpdateStatusHandler(self.journal)(UpdateStatus(order_id, status, STAFF))


@asynccontextmanager
async def running(mongo: Mongo, bootstrap: str) -> AsyncIterator[Replica]:
    """A replica with its relay and its tail, which has found its place."""
    store, producer = MongoCommits(mongo), Producer(bootstrap, "lab")
    outbox = CommitOutbox(store, MongoReadSide(mongo), Leases(mongo))
    replica = Replica(journal(store, outbox.announce), KafkaOrderNews(Brokers(bootstrap)))
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
async def order_id(replicas: list[Replica]) -> UUID:
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


async def test_a_change_made_by_any_replica_reaches_all_watchers(replicas: list[Replica], order_id: UUID) -> None:
    watches = [replica.watch(WatchOrder(order_id, OWNER)) for replica in replicas]
    assert [await next_of(watch) for watch in watches] == [Status.PENDING] * 2
    for number, status in enumerate((Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)):
        await replicas[number % 2].move(order_id, status)
        assert [await next_of(watch) for watch in watches] == [status] * 2
    assert [await next_of(watch) for watch in watches] == [None] * 2


async def test_a_slow_reader_gets_every_state_in_turn_the_newest_last(replicas: list[Replica], order_id: UUID) -> None:
    watch = replicas[0].watch(WatchOrder(order_id, OWNER))
    assert await next_of(watch) is Status.PENDING
    await replicas[1].move(order_id, Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
    states = [await next_of(watch) for _ in range(4)]
    assert states == [Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED, None]


async def test_a_change_between_the_first_read_and_the_wait_is_sent(replicas: list[Replica], order_id: UUID) -> None:
    """The change is stored, published and heard while the first look is still under way."""
    watcher, other = replicas
    gone_by = asyncio.Event()

    class Paused(GetOrderHandler):
        async def __call__(self, command: GetOrder) -> Order:
            order = await super().__call__(command)
            await other.move(order_id, Status.CONFIRMED)
            (news,) = watcher.news._listeners[str(order_id)]
            await eventually(lambda: news._version == 2, seconds=60)
            gone_by.set()
            return order

    watching = WatchOrderHandler(watcher.journal, Paused(watcher.journal), watcher.news)
    watch = watching(WatchOrder(order_id, OWNER))
    async with aclosing(watch):
        assert await next_of(watch) is Status.PENDING
        assert gone_by.is_set()
        assert await next_of(watch) is Status.CONFIRMED


async def test_many_watchers_share_one_tail_and_leave_nothing_behind(replicas: list[Replica], order_id: UUID) -> None:
    watcher, other = replicas
    watches = [watcher.watch(WatchOrder(order_id, OWNER)) for _ in range(200)]
    for watch in watches:
        assert await next_of(watch) is Status.PENDING
    await other.move(order_id, Status.CANCELLED)
    for watch in watches:
        assert [await next_of(watch), await next_of(watch)] == [Status.CANCELLED, None]
    assert not watcher.news._listeners


async def test_another_ones_order_is_not_to_be_watched(replicas: list[Replica], order_id: UUID) -> None:
    with pytest.raises(OrderNotFound):
        await next_of(replicas[0].watch(WatchOrder(order_id, Actor(BOB, is_staff=False))))
    assert not replicas[0].news._listeners
    watch = replicas[0].watch(WatchOrder(order_id, STAFF))
    async with aclosing(watch):
        assert await next_of(watch) is Status.PENDING


async def test_its_position_is_measured(replicas: list[Replica]) -> None:
    def known_until() -> float:
        return REGISTRY.get_sample_value("argosy_order_news_known_until_seconds") or 0

    before = known_until()
    await eventually(lambda: known_until() > before, seconds=60)


async def test_a_store_that_goes_away_ends_the_watch(mongo: Mongo, proxy: CutProxy) -> None:
    created = order_created()
    await MongoCommits(mongo).append(created)
    mine = Mongo(proxy.url)
    await mine.start()
    news = KafkaOrderNews(Brokers("127.0.0.1:1"))
    watch = Replica(journal(MongoCommits(mine)), news).watch(WatchOrder(created.order_id, OWNER))
    try:
        assert await next_of(watch) is Status.PENDING
        proxy.lose_answers_to = b"commits"
        news._all_missed()
        with pytest.raises(Unavailable):
            await next_of(watch)
    finally:
        await mine.stop()


async def test_changes_while_the_broker_is_away_are_sent_when_it_is_back(
    mongo: Mongo, store: MongoCommits, tmp_path: Path
) -> None:
    """Nobody publishes it: that the tail has joined anew is reason enough to look."""
    broker = Broker(tmp_path, stack_of_this_run().offset + BROKER_OFFSET)
    broker.start()
    try:
        await create(broker.address, TOPIC)
        history = history_of()
        await store.append(history[0])
        news = KafkaOrderNews(Brokers(broker.address))
        tail = asyncio.create_task(news.run())
        watch = Replica(journal(store), news).watch(WatchOrder(history[0].order_id, OWNER))
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
