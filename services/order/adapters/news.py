"""Changes of orders for their watchers (ports.OrderNews): each replica's own tail of order-events, which they share.

News consists of the version that an order has reached; its state is in its history. So a watcher that listens before it
reads misses nothing, news that comes twice or late does no harm, and a watcher costs a number and a flag however long
it does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Gauge

from argosy.event.v1 import order_events_pb2
from services.chassis.bus import events
from services.chassis.bus.events import NotAnEvent, Registry, UnknownType
from services.chassis.bus.tail import Tail
from services.chassis.process.brokers import Brokers

TOPIC = events.kind_of(order_events_pb2.OrderStatusUpdated).topic
_registry = Registry(order_events_pb2.DESCRIPTOR)

_known_until = Gauge("argosy_order_news_known_until_seconds", "Unix time up to which changes of orders are known here.")

_log = structlog.get_logger()


class News:
    """The changes of one order that one watcher has not read yet (ports.News)."""

    def __init__(self) -> None:
        self._version = 0
        self._missed = False
        self._changed = asyncio.Event()

    def reached(self, version: int) -> None:
        """Records that the order has reached this version."""
        self._version = max(self._version, version)
        self._changed.set()

    def missed(self) -> None:
        """Records that changes may have been missed: the watcher reads the order again."""
        self._missed = True
        self._changed.set()

    async def of_more_than(self, version: int) -> None:
        """See ports.News."""
        while not self._missed and self._version <= version:
            self._changed.clear()
            await self._changed.wait()
        self._missed = False


class KafkaOrderNews:
    """The listeners of each order. `app.background("news", news.run)`."""

    def __init__(self, kafka: Brokers) -> None:
        self._listeners: dict[str, set[News]] = {}
        self._tail = Tail(kafka, TOPIC, self.hear, up_to_date=_known_until.set, missed=self._all_missed)

    async def run(self) -> None:
        """Follows order-events until cancelled. While Kafka is away there is no news; then all watchers read again."""
        await self._tail.run()

    @contextmanager
    def of(self, order_id: UUID) -> Iterator[News]:
        """See ports.OrderNews."""
        news, key = News(), str(order_id)
        self._listeners.setdefault(key, set()).add(news)
        try:
            yield news
        finally:
            self._listeners[key].discard(news)
            if not self._listeners[key]:
                del self._listeners[key]

    def hear(self, record: Any) -> None:
        """Passes one record of the topic to the order's listeners."""
        listeners = self._listeners.get((record.key or b"").decode(errors="replace"))
        if not listeners:
            return
        try:
            version = _registry.decode(record).sequence or 0
        except (NotAnEvent, UnknownType) as error:  # the key says that it is about this order
            _log.error("order_news_unreadable", partition=record.partition, offset=record.offset, error=str(error))
            version = 0
        for news in listeners:
            if version:
                news.reached(version)
            else:
                news.missed()

    def _all_missed(self) -> None:
        """The tail was away, or skipped a record."""
        for listeners in self._listeners.values():
            for news in listeners:
                news.missed()
