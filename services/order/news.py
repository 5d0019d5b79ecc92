"""News of orders for those who watch them: each replica's own tail of order-events, shared by all its watchers.

News says that an order has changed, and to which version; what it has become stands in its history. So whoever listens
before they read misses nothing, news that comes twice or late does no harm, and a watcher costs a number and a flag
however long it does not look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import Gauge

from argosy.event.v1 import order_events_pb2
from services.chassis import events
from services.chassis.brokers import Brokers
from services.chassis.events import NotAnEvent, Registry, UnknownType
from services.chassis.tail import Tail

TOPIC = events.kind_of(order_events_pb2.OrderStatusUpdated).topic
_registry = Registry(order_events_pb2.DESCRIPTOR)

_known_until = Gauge("argosy_order_news_known_until_seconds", "Unix time up to which changes of orders are known here.")

_log = structlog.get_logger()


class News:
    """What one watcher of one order has not looked at yet."""

    def __init__(self) -> None:
        self._version = 0
        self._missed = False
        self._told = asyncio.Event()

    def tell(self, version: int) -> None:
        """The order has reached this version."""
        self._version = max(self._version, version)
        self._told.set()

    def tell_to_look(self) -> None:
        """Something may have been missed."""
        self._missed = True
        self._told.set()

    async def of_more_than(self, version: int) -> None:
        """Return once the order is past this version, or may be."""
        while not self._missed and self._version <= version:
            self._told.clear()
            await self._told.wait()
        self._missed = False


class OrderNews:
    """Who listens to news of which order. `app.background("news", news.run)`."""

    def __init__(self, kafka: Brokers) -> None:
        self._listeners: dict[str, set[News]] = {}
        self._tail = Tail(kafka, TOPIC, self.hear, up_to_date=_known_until.set, missed=self._tell_all_to_look)

    async def run(self) -> None:
        """Follow order-events until cancelled. While Kafka is away no changes are told; afterwards all are."""
        await self._tail.run()

    @contextmanager
    def of(self, order_id: str) -> Iterator[News]:
        """News of one order, from now on."""
        news = News()
        self._listeners.setdefault(order_id, set()).add(news)
        try:
            yield news
        finally:
            self._listeners[order_id].discard(news)
            if not self._listeners[order_id]:
                del self._listeners[order_id]

    def hear(self, record: Any) -> None:
        """One record of the topic."""
        listeners = self._listeners.get((record.key or b"").decode(errors="replace"))
        if not listeners:
            return
        try:
            version = _registry.decode(record).sequence or 0
        except (NotAnEvent, UnknownType) as error:  # whatever it is, it is about this order
            _log.error("order_news_unreadable", partition=record.partition, offset=record.offset, error=str(error))
            version = 0
        for news in listeners:
            if version:
                news.tell(version)
            else:
                news.tell_to_look()

    def _tell_all_to_look(self) -> None:
        """Something went by: the tail was away, or stepped over a record."""
        for listeners in self._listeners.values():
            for news in listeners:
                news.tell_to_look()
