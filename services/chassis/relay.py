"""The relay: publishes what an outbox holds. At least once, in order per key, whatever dies.

Of many processes one is active, by the outbox's lease. It takes what is unsent, sends the keys side by side and each
key's events one after the other, and marks what the broker has acknowledged. Dying between the acknowledgement and the
mark publishes again, with the same event ids.

When an event is not delivered, for whatever reason, the later ones of its key wait: they are neither sent nor marked.
Other keys go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge

from services.chassis import backoff, logs, tracing, transient
from services.chassis.crash_points import reach
from services.chassis.events import OutgoingRecord
from services.chassis.producer import NotDelivered, Sender

BATCH = 500
_HELD_BACK_SECONDS = 5.0
_MEASURE_EVERY_SECONDS = 5.0
_PACE_SECONDS = 0.04
"""Rounds that find little begin so far apart: an event after a pause leaves at once, many in a row leave together."""

_published = Counter("argosy_relay_published_total", "Events that the broker acknowledged.", ["topic"])
_pending = Gauge("argosy_outbox_pending", "Committed events that are not published yet, as the active relay sees it.")
_oldest = Gauge("argosy_outbox_oldest_seconds", "Age of the oldest committed event that is not published yet.")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unsent:
    """One entry of an outbox: what was committed together and is marked together."""

    token: Any
    """How the outbox knows it."""
    key: str
    """Entries of one key are published in their order."""
    records: tuple[OutgoingRecord, ...]
    """What to publish, in order."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far behind publishing is."""

    pending: int
    oldest_seconds: float


class Outbox(Protocol):
    """An outbox as its active relay sees it, for as long as the lease lasts. Its errors end the lease."""

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        """At most `limit` entries that are committed and not marked, oldest first, leaving out some keys."""

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Never give these again."""

    async def wait_for_work(self) -> None:
        """Return when there may be something new, and every second or so in any case."""

    async def backlog(self) -> Backlog:
        """How far behind publishing is."""


Lease = Callable[[], AbstractAsyncContextManager[Outbox]]
"""Waits until this process is the active one. Losing the lease raises out of the block."""


class Relay:
    """`app.background("relay", Relay(PostgresOutbox(postgres, "payment").lease, producer).run)`."""

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
        """Publish until cancelled. Starts over when the lease is lost, with growing pauses until a round succeeds."""
        while True:
            try:
                async with self._lease() as outbox:
                    _log.info("relay_active")
                    await self._work(outbox)
            except Exception as error:
                if not transient.is_transient(error):
                    raise
                self._tell_once(transient.reason(error))
            finally:
                self._held_back.clear()
                _pending.set(0)  # the active one measures
                _oldest.set(0)
            await asyncio.sleep(next(self._waits))

    def _tell_once(self, error: str) -> None:
        """One line a change, not one a try."""
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
            if found and not sent:  # nothing at all got through: the broker is away
                await asyncio.sleep(next(failures))
                continue
            failures = backoff.delays(0.2, 2.0)
            if found < self._batch:
                await outbox.wait_for_work()
                await asyncio.sleep(began + _PACE_SECONDS - loop.time())

    async def _round(self, outbox: Outbox) -> tuple[int, int]:
        """Publish one batch; answers how many entries there were and how many are through."""
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
            # Not before: an outbox that gives entries and takes no marks has all of them published again each time.
            self._waits, self._lost_by = _waits(), ""
        if len(sent) < len(entries):
            _log.warning("events_not_published", events=len(entries) - len(sent), error=self._last_error)
        if not sent:
            self._held_back.clear()  # not the keys' fault
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
                    # Let the key wait a little, so that it does not fill the next batch and keep others out.
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
