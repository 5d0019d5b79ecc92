"""Parties that misbehave on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.producer import NotDelivered
from services.chassis.plain import clock
from services.order.adapters.commits import MongoCommits
from services.order.domain.history import Commit
from services.order.domain.orders import Line, RequestedLine
from services.order.ports import Announce, HeldForOtherLines, HoldEnded
from services.order.use_cases.journal import Journal
from tests.unit.order.examples import LINES

PRICES = {line.product_id: line.price for line in LINES}


class CutProxy:
    """A TCP proxy that can lose answers: the server does what it was asked, and the client never learns of it."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.lose_answers_to: bytes | None = None
        """Cut the connection instead of answering a request that holds this; requests still reach the server."""
        self.hold_requests_with: bytes | None = None
        """Keep requests that hold this from the server until it is None again, as if their sender were paused."""
        self.held = threading.Event()
        """A request is being kept."""

    def start(self) -> None:
        """Serve from a thread of its own: closing a MongoDB client waits for the server without letting others run."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The store's URL, by way of this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(self._parts._replace(netloc=f"127.0.0.1:{port}"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        up_reader, up_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        losing = asyncio.Event()
        try:
            await asyncio.gather(
                self._ask(reader, up_writer, losing), self._answer(up_reader, writer, losing), return_exceptions=True
            )
        finally:
            writer.close()
            up_writer.close()

    async def _ask(self, reader: asyncio.StreamReader, up: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if self.lose_answers_to and self.lose_answers_to in data:
                losing.set()
            while self.hold_requests_with and self.hold_requests_with in data:
                self.held.set()
                await asyncio.sleep(0.02)
            up.write(data)
            await up.drain()
        up.close()

    async def _answer(self, up: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await up.read(65536):
            if losing.is_set():
                break
            writer.write(data)
            await writer.drain()
        writer.close()


@dataclass
class FakeInventory:
    """Holds and releases by inventory's rules, with endless stock, and remembers what it was asked."""

    held: dict[UUID, list[tuple[str, int]]] = field(default_factory=dict)
    released: set[UUID] = field(default_factory=set)
    holds: int = 0

    async def hold(self, order_id: UUID, user_id: UUID, lines: Iterable[RequestedLine]) -> list[Line]:
        await asyncio.sleep(0)
        self.holds += 1
        asked = [(line.product_id, line.quantity) for line in lines]
        if order_id in self.released:
            raise HoldEnded
        if self.held.setdefault(order_id, asked) != asked:
            raise HeldForOtherLines
        return [Line(product, quantity, PRICES[product]) for product, quantity in asked]

    async def release(self, order_id: UUID) -> None:
        self.released.add(order_id)

    async def with_reservation(self, order_ids: Sequence[UUID]) -> set[UUID]:
        return {one for one in order_ids if one in self.held}


@dataclass
class FakeBus:
    """Takes what it is sent, or nothing while it is away."""

    records: list[OutgoingRecord] = field(default_factory=list)
    away: bool = False
    refused_keys: set[bytes] = field(default_factory=set)

    async def send(self, record: OutgoingRecord) -> None:
        await asyncio.sleep(0)
        if self.away or record.key in self.refused_keys:
            raise NotDelivered
        self.records.append(record)

    def sequence_of(self, order_id: UUID) -> list[int]:
        """The versions that were published for an order, in order."""
        return [
            int(dict(record.headers)["ce_sequence"] or b"")
            for record in self.records
            if record.key == str(order_id).encode()
        ]


async def _nobody(history: Sequence[Commit]) -> None:
    """An outbox that nobody reads."""


def journal(commits: MongoCommits, announce: Announce = _nobody, now: Callable[[], datetime] = clock.now) -> Journal:
    """The histories of a store."""
    return Journal(commits, announce, now)


async def eventually(condition: object, seconds: float = 15.0) -> None:
    """Wait until `condition()` (or `await condition()`) holds; fail when it does not within a generous time."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if asyncio.iscoroutine(holds):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(0.02)


def in_order(versions: Sequence[int]) -> list[int]:
    """The versions as a consumer sees them that drops what it has seen."""
    return list(dict.fromkeys(versions))
