"""How long it takes after a fault until the system is whole again: its time to converge."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from facts.system import system
from local.kafka.declarations import declared
from tests.chaos import layout
from tests.chaos.plan import Fault
from tests.chaos.record import Record
from tests.support import bus
from tests.support.real_stack import RealStack
from tests.support.shop import Customer, an_order

_LOOK_EVERY_SECONDS = 0.25
_CALL_SECONDS = 10.0
_ABORTED = 10
_AT_WORK_IS_ZERO = ("argosy_consumer_stopped", "argosy_circuit_breaker_state")
_GROUPS = tuple(system()[service].group for service in system().consumers)
_LEFT_OPEN = {
    "user": "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND occurred_at < $1",
    "inventory": "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND occurred_at < $1",
    "payment": "SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL AND occurred_at < $1)"
    " + (SELECT count(*) FROM payments WHERE created_at < $1 AND (status IN ('pending', 'processing')"
    " OR close_intent AND status = 'requires_action'))",
    "notification": "SELECT count(*) FROM messages WHERE status = 'pending' AND created_at < $1",
}
"""What each database still has to do of what began before an instant."""
_AWAY = (
    *(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(KafkaError, httpx.HTTPError),
)
"""What a question may fail with. An answer that comes as its time ends may confuse the driver of PostgreSQL."""

T = TypeVar("T")
Whole = Callable[[datetime], Awaitable[object]]
"""Returns when everything that began before an instant has come to its end, and a new purchase goes through."""


@dataclass
class Meter:
    """Measures from the end of a fault, where no other fault happens until the system is whole."""

    whole: Whole
    converged: list[tuple[Fault, float]] = field(default_factory=list)
    """The fault, and the seconds from its end."""
    unfinished: list[tuple[Fault, float]] = field(default_factory=list)
    """The same where the system was not whole when the next fault began, or when time was over: at least so long."""
    _active: int = 0
    _measuring: asyncio.Task[None] | None = None
    _measured: tuple[Fault, float] | None = None
    """The fault, and the monotonic time of its end."""

    def began(self, _: Fault) -> None:
        """Another fault disturbs what is being measured."""
        self._active += 1
        self._give_up()

    def ended(self, fault: Fault) -> None:
        """Measure from now on, unless another fault is not over."""
        self._active -= 1
        if not self._active:
            self._give_up()
            self._measured = fault, time.monotonic()
            self._measuring = asyncio.create_task(self._measure(*self._measured))

    async def finish(self, patience: float) -> None:
        """Wait for the last measurement, at most so many seconds."""
        if self._measuring is not None:
            await asyncio.wait([self._measuring], timeout=patience)
            self._give_up()

    def _give_up(self) -> None:
        if self._measuring is not None and self._measured is not None and not self._measuring.done():
            fault, ended = self._measured
            self.unfinished.append((fault, time.monotonic() - ended))
            self._measuring.cancel()
        self._measuring = None

    async def _measure(self, fault: Fault, ended: float) -> None:
        await self.whole(datetime.now(UTC))
        self.converged.append((fault, time.monotonic() - ended))


@dataclass(frozen=True)
class Probe:
    """Somebody who buys something to see whether the system works, and looks into the stores."""

    stack: RealStack
    customer: Customer
    record: Record
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def close(self) -> None:
        """Wait for the answers to its requests."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def whole(self, instant: datetime) -> None:
        """As `Whole`."""
        await asyncio.gather(
            self._until(self._bought),
            self._until(lambda: self._to_its_end(self._nothing_left_open(instant))),
            self._until_consumed(),
            self._until(lambda: self._to_its_end(self._parts_work())),
        )

    async def _until(self, good: Callable[[], Awaitable[bool]]) -> None:
        while True:
            with contextlib.suppress(*_AWAY):
                if await good():
                    return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it whole even when the measurement is given up: requests are recorded, connections are closed."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A party that is away is no news, also when nobody waits for the task any more."""
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, _AWAY):
            raise error

    async def _bought(self) -> bool:
        """Whether an order is confirmed and mailed about. One that is refused is followed by another."""
        order = await self._ask("POST", "/orders", an_order(1))
        if order is None:
            return False
        body = {"orderId": order["id"], "paymentMethodId": "pm_card_visa"}
        if await self._ask("POST", "/payments", body) is None:
            return False
        while True:
            with contextlib.suppress(*_AWAY):
                found = await self._ask("GET", f"/orders/{order['id']}")
                if found and found["status"] == "cancelled":
                    return False
                if found and found["status"] == "confirmed" and await self._mailed(str(order["id"])):
                    return True
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object] | None:
        """The answer to a request that is repeated under its key until it is answered; None for a refusal."""
        key = str(uuid.uuid4()) if method == "POST" else None
        headers = {"Authorization": f"Bearer {self.customer.token}"}
        while True:
            found = await self._to_its_end(
                self.record.call(self.customer.shop.http, "probe", method, path, body, key=key, headers=headers)
            )
            if found.status in (200, 201):
                return found.answer
            in_flight = found.status == httpx.codes.CONFLICT and found.answer.get("code") == _ABORTED
            if not (found.unanswered or in_flight):
                return None
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _mailed(self, order_id: str) -> bool:
        mails = await self._to_its_end(self.customer.shop.mails_to(self.customer.email))
        return any(order_id in mail["text"] for mail in mails)

    async def _nothing_left_open(self, instant: datetime) -> bool:
        for service, query in _LEFT_OPEN.items():
            connection = await asyncpg.connect(self.stack.postgres_url(service), timeout=_CALL_SECONDS)
            try:
                if await connection.fetchval(query, instant, timeout=_CALL_SECONDS):
                    return False
            finally:
                await connection.close(timeout=_CALL_SECONDS)
        return True

    async def _parts_work(self) -> bool:
        async with httpx.AsyncClient(timeout=_CALL_SECONDS) as http:
            for instance in layout.INSTANCES:
                if not await self._works(http, instance):
                    return False
        return True

    async def _works(self, http: httpx.AsyncClient, instance: str) -> bool:
        """Whether it is ready, no breaker of it is open, and no consumer has stopped."""
        url = layout.admin_url(self.stack.stack, instance)
        health, metrics = await http.get(f"{url}/health"), await http.get(f"{url}/metrics")
        return health.status_code == httpx.codes.OK and not any(
            sample.value
            for family in text_string_to_metric_families(metrics.text)
            if family.name in _AT_WORK_IS_ZERO
            for sample in family.samples
        )

    async def _until_consumed(self) -> None:
        """Every consumer has read what was on the bus when the fault ended."""
        ends: dict[TopicPartition, int] = {}

        async def look() -> bool:
            nonlocal ends
            ends = ends or await self._to_its_end(_ends(self.stack))
            return await self._to_its_end(_all_read(self.stack, ends))

        await self._until(look)


async def _ends(stack: RealStack) -> dict[TopicPartition, int]:
    """Where the event topics end now."""
    places = [
        TopicPartition(topic.name, number)
        for topic in declared()
        if topic.name in bus.TOPICS
        for number in range(topic.partitions)
    ]
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka_bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        return dict(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


async def _all_read(stack: RealStack, ends: dict[TopicPartition, int]) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    try:
        await admin.start()
        read = [await admin.list_consumer_group_offsets(group) for group in _GROUPS]
    finally:
        await admin.close()
    return all(places[place].offset >= end for places in read for place, end in ends.items() if place in places)
