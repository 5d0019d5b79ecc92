"""What watchers receive, and that nothing is lost or accumulates. (From a real broker: integration/order.)"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from services.chassis.process.brokers import Brokers
from services.order.adapters.facts import records_of
from services.order.adapters.news import KafkaOrderNews, News
from services.order.domain.history import Commit
from services.order.domain.orders import Status
from tests.unit.order.examples import history_of


@dataclass
class Record:
    """What aiokafka read."""

    key: bytes | None
    value: bytes | None
    headers: Any
    topic: str = "order-events"
    partition: int = 0
    offset: int = 0


def heard(news: KafkaOrderNews, commit: Commit) -> None:
    for record in records_of(commit):
        news.hear(Record(record.key, record.value, record.headers))


def order_news() -> KafkaOrderNews:
    return KafkaOrderNews(Brokers("127.0.0.1:1"))


async def is_due(news: News, version: int) -> bool:
    """Whether somebody who has seen this version would look again at once."""
    waiting = asyncio.create_task(news.of_more_than(version))
    for _ in range(3):
        await asyncio.sleep(0)
    done = waiting.done()
    waiting.cancel()
    return done


async def test_only_what_is_newer_is_news() -> None:
    history = history_of(Status.CONFIRMED, Status.SHIPPED)
    every = order_news()
    with every.of(history[0].order_id) as news:
        assert not await is_due(news, 1)
        heard(every, history[1])
        assert await is_due(news, 1)
        assert not await is_due(news, 2)
        heard(every, history[0])  # late
        heard(every, history[1])  # again
        assert not await is_due(news, 2)
        heard(every, history[2])
        assert await is_due(news, 2)


async def test_a_watcher_that_reads_late_is_woken_once() -> None:
    history = history_of(Status.CONFIRMED, Status.SHIPPED, Status.DELIVERED)
    every = order_news()
    with every.of(history[0].order_id) as news:
        for commit in history * 1_000:
            heard(every, commit)
        assert await is_due(news, 1)
        assert not await is_due(news, 4)


async def test_each_listener_of_an_order_is_woken_and_nobody_else() -> None:
    history, other = history_of(Status.CONFIRMED), history_of(Status.CONFIRMED)
    every = order_news()
    order_id = history[0].order_id
    with every.of(order_id) as one, every.of(order_id) as two, every.of(other[0].order_id) as three:
        heard(every, history[1])
        assert [await is_due(news, 1) for news in (one, two, three)] == [True, True, False]


async def test_who_has_gone_leaves_nothing_behind() -> None:
    history = history_of(Status.CONFIRMED)
    every = order_news()
    with every.of(history[0].order_id):
        with every.of(history[0].order_id):
            pass
        assert every._listeners
    assert not every._listeners
    heard(every, history[1])


async def test_what_cannot_be_read_makes_its_orders_watchers_look() -> None:
    order_id = history_of()[0].order_id
    every = order_news()
    with every.of(order_id) as news, every.of(uuid4()) as others:
        every.hear(Record(None, None, ()))
        every.hear(Record(b"\xff", b"\xff", ()))
        assert not await is_due(news, 1)
        every.hear(Record(str(order_id).encode(), b"\xff", (("ce_type", b"ORDER_STATUS_UPDATED"),)))
        assert await is_due(news, 1)
        assert not await is_due(news, 1)  # looked at
        assert not await is_due(others, 1)
