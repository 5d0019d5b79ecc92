"""The relay: publishes the events of an outbox, at least once and in order per key.

Only the process with the outbox's lease publishes. It reads unsent entries, sends different keys concurrently and the
events of one key in order, and marks what the broker acknowledged. If it dies between acknowledgement and mark, the
next relay publishes the same events again, with the same ids.

If an event is not delivered, later events of its key are not sent. Other keys continue.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge

from services.chassis import tracing
from services.chassis.bus.events import OutgoingRecord
from services.chassis.bus.producer import NotDelivered, Sender
from services.chassis.plain import backoff, logs, transient
from services.chassis.plain.crash_points import reach

BATCH = 500
_HELD_BACK_SECONDS = 5.0
_RETRY_SECONDS = 1.0
"""The maximum wait while a key is held back."""
_MEASURE_EVERY_SECONDS = 5.0
_PACE_SECONDS = 0.1
"""The minimum time between rounds with few events: a single event is sent at once, frequent ones are batched."""

_published = Counter("argosy_relay_published_total", "Events that the broker acknowledged.", ["topic"])
_pending = Gauge("argosy_outbox_pending", "Committed events that are not published yet. Set by the active relay.")
_oldest = Gauge("argosy_outbox_oldest_seconds", "Age of the oldest committed event that is not published yet.")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unsent:
    """One entry of an outbox: records that were committed together and are marked together."""

    token: Any
    """The outbox's id of the entry."""
    key: str
    """Entries with the same key are published in order."""
    records: tuple[OutgoingRecord, ...]
    """What to publish, in order."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far behind publishing is."""

    pending: int
    oldest_seconds: float


class Outbox(Protocol):
    """An outbox during a lease, for the relay. Its errors end the lease."""

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        """At most `limit` committed entries that are not marked, oldest first, without the keys in `held_back`."""

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Mark entries as published: `unsent` does not return them again."""

    async def wait_for_work(self) -> None:
        """Wait until there may be a new entry, at most about five seconds."""

    async def backlog(self) -> Backlog:
        """How far behind publishing is."""


Lease = Callable[[], AbstractAsyncContextManager[Outbox]]
"""Waits for the lease. If the lease is lost, the block is interrupted with an exception."""


class Relay:
    """Use: `app.background("relay", Relay(PostgresOutbox(postgres, "payment").lease, producer).run)`."""

    def __init__(self, lease: Lease, producer: Sender, *, batch: int = BATCH) -> None:
        self._lease = lease
        self._producer = producer
        self._batch = batch
        self._held_back: dict[str, float] = {}
        self._last_error = ""
        self._measured_at = 0.0
        self._waits = _waits()
        self._lost_by = ""

    async def run(self) -> None:
        """Publish until cancelled. If the lease is lost, waits for it again, with backoff until a round succeeds."""
        while True:
            try:
                async with self._lease() as outbox:
                    _log.info("relay_active")
                    await self._work(outbox)
            except Exception as error:
                if not transient.is_transient(error):
                    raise
                self._log_change(transient.reason(error))
            finally:
                self._held_back.clear()
                _pending.set(0)  # only the active relay sets them
                _oldest.set(0)
            await asyncio.sleep(next(self._waits))

    def _log_change(self, error: str) -> None:
        """Log changes only, not every attempt."""
        if error != self._lost_by:
            self._lost_by = error
            _log.warning("relay_starts_over", error=error)

    async def _work(self, outbox: Outbox) -> None:
        failures = backoff.delays(0.2, 2.0)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            found, sent = await self._round(outbox)
            await self._measure(outbox)
            if found and not sent:  # nothing was delivered: the broker is unavailable
                await asyncio.sleep(next(failures))
                continue
            failures = backoff.delays(0.2, 2.0)
            if found < self._batch:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY_SECONDS if self._held_back else None):
                        await outbox.wait_for_work()
                await asyncio.sleep(began + _PACE_SECONDS - loop.time())

    async def _round(self, outbox: Outbox) -> tuple[int, int]:
        """Publish one batch. Returns the number of entries found and the number of entries sent."""
        entries = await outbox.unsent(self._batch, self._keys_held_back())
        if not entries:
            return 0, 0
        by_key: dict[str, list[Unsent]] = {}
        for entry in entries:
            by_key.setdefault(entry.key, []).append(entry)
        sent: list[Unsent] = []
        async with asyncio.TaskGroup() as sends:
            for key, in_order in by_key.items():
                sends.create_task(self._send_in_order(key, in_order, sent))
        if sent:
            await outbox.mark_sent(sent)
            reach("relay.marked")
            # Only after the mark: an outbox that can be read but not marked publishes everything again in each round.
            self._waits, self._lost_by = _waits(), ""
        if len(sent) < len(entries):
            _log.warning("events_not_published", events=len(entries) - len(sent), error=self._last_error)
        if not sent:
            self._held_back.clear()  # the broker is the cause, not the keys
        return len(entries), len(sent)

    async def _send_in_order(self, key: str, entries: Iterable[Unsent], sent: list[Unsent]) -> None:
        for entry in entries:
            for record in entry.records:
                try:
                    reach("relay.before_send")
                    with tracing.active().sending(record) as traced:
                        await self._producer.send(traced)
                    reach("relay.acknowledged")
                except Exception as error:
                    if not isinstance(error, NotDelivered):
                        _log.error("event_cannot_be_sent", topic=record.topic, key=key, exc_info=error)
                    # Hold the key back for a while, so that its entries do not fill the next batch.
                    self._held_back[key] = asyncio.get_running_loop().time() + _HELD_BACK_SECONDS
                    self._last_error = logs.error_text(error)
                    return
                _published.labels(record.topic).inc()
            sent.append(entry)

    def _keys_held_back(self) -> Collection[str]:
        now = asyncio.get_running_loop().time()
        self._held_back = {key: until for key, until in self._held_back.items() if until > now}
        return self._held_back.keys()

    async def _measure(self, outbox: Outbox) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._measured_at < _MEASURE_EVERY_SECONDS:
            return
        self._measured_at = now
        backlog = await outbox.backlog()
        _pending.set(backlog.pending)
        _oldest.set(backlog.oldest_seconds)


def _waits() -> Iterator[float]:
    return backoff.delays(0.2, 15.0)
