"""A member of a consumer group. It passes each event to its handler, at least once.

    Consumer(settings.brokers, GROUP, {"ORDER_CREATED": on_order_created}, producer, since=BEGINNING).run_in(app)

The handled event types determine the topics. If Kafka is unavailable or does not answer, the consumer rejoins the group
with backoff. If too many messages fail (dead_letters.py), it stops: /health lists it in `failing`, and
`argosy_consumer_stopped` is 1. The service still answers calls. After a pause the consumer resumes where it stopped,
with a new allowance of dead letters. If messages still fail, it stops again, for twice as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.chassis.bus.consumer_lag import Lag
from services.chassis.bus.consumer_session import ConsumerSession, Stalled
from services.chassis.bus.dead_letters import TooManyDeadLetters
from services.chassis.bus.events import Registry
from services.chassis.bus.handling import FIRST_PAUSE_SECONDS, TRIES, Handler, Handling
from services.chassis.bus.letters import LetterBox
from services.chassis.bus.producer import Sender
from services.chassis.plain import backoff, cancellation, clock, logs
from services.chassis.process.brokers import Brokers, brokers

if TYPE_CHECKING:
    from services.chassis.app import App

_DEAD_AFTER_SECONDS = 180.0
_GOOD_SESSION_SECONDS = 60.0
FIRST_REST_SECONDS = 300.0
_LONGEST_REST_SECONDS = 3600.0

_stopped = Gauge("argosy_consumer_stopped", "1 while too many messages could not be handled, else 0.", ["group"])

_log = structlog.get_logger()


class ConsumerStopped(Exception):
    """Too many messages could not be handled. An operator has to find the cause. It resumes after a pause."""


class NotConsuming(Exception):
    """The consumer is not in its group: it cannot join, or cannot read."""


class NoProgress(Exception):
    """There are messages, but none is handled, although Kafka answers and the consumer has rejoined."""


class Consumer:
    """One member of one group: a Resource for its health, a background task for its work.

    Args:
        kafka: the brokers, or their addresses for unencrypted connections.
        group: the consumer group, such as "order-service-group".
        handlers: event type → handler; other types are skipped. Raises ValueError for a type that is not in the
            contract.
        producer: sends dead letters.
        since: where a partition without a committed offset begins: at the first record that is not older. A partition
            has none if the group is new, if the partition was added, or if the group was absent for longer than the
            broker keeps offsets (then events may be delivered again). Use a fixed instant with a time zone, not the
            start of the process: events between two processes would be lost. `reading.BEGINNING`: the oldest record.
        registry: the contract's events; default: all of `argosy.event.v1`.
        tries: attempts before a message becomes a dead letter. Transient errors do not count.
        first_pause: seconds before the first retry; doubles, up to 15.
        first_rest: seconds that the first stop lasts at most; doubles, up to an hour.

    Raises ValueError for a `since` without a time zone.
    """

    def __init__(
        self,
        kafka: Brokers | str,
        group: str,
        handlers: Mapping[str, Handler],
        producer: Sender,
        registry: Registry | None = None,
        *,
        since: datetime,
        tries: int = TRIES,
        first_pause: float = FIRST_PAUSE_SECONDS,
        first_rest: float = FIRST_REST_SECONDS,
    ) -> None:
        registry = registry or Registry.of_package()
        self.name = f"consumer {group}"
        self._brokers = brokers(kafka)
        self._group = group
        self._handling = Handling(group, handlers, registry, producer, tries=tries, first_pause=first_pause)
        self.letters = LetterBox(self._brokers, group, handlers, registry, producer)
        """The group's dead letters."""
        self._topics = frozenset(registry.topics[event_type] for event_type in handlers)
        self._since = clock.to_millisecond(since)
        self._lag = Lag(self._brokers, group, self._topics, self._since)
        self._first_rest = first_rest
        self._stopped: TooManyDeadLetters | None = None
        self._trouble: str | None = None
        self._progress_at: float | None = None
        _stopped.labels(group).set(0)

    def run_in(self, app: App) -> None:
        """Add it to the app: as a background task, to /health and to /live."""
        app.add(self, required=False)  # calls do not need it
        app.background(self.name, self.run)
        app.live_check(self.name, self.check_alive)

    async def run(self) -> None:
        """Consume until cancelled. Then finish the current messages, within seconds."""
        lag = asyncio.create_task(self._lag.watch())
        try:
            await self._consume_and_rest()
        finally:
            self._progress_at = None
            lag.cancel()
            await asyncio.gather(lag, return_exceptions=True)

    def check_alive(self) -> None:
        """Raise NoProgress if only a restart may help. A stopped consumer, or one that waits for Kafka, is alive."""
        since = self._progress_at
        if since is not None and asyncio.get_running_loop().time() - since > _DEAD_AFTER_SECONDS:
            raise NoProgress(f"{self._group} has made no progress for {_DEAD_AFTER_SECONDS:.0f} s")

    async def start(self) -> None:
        """Nothing: `run` joins the group."""

    async def stop(self) -> None:
        """Nothing: `run` leaves the group when it is cancelled."""

    async def check(self) -> None:
        """Raise ConsumerStopped while it is stopped, NotConsuming while it cannot join or read."""
        if self._stopped is not None:
            raise ConsumerStopped(str(self._stopped))
        if self._trouble is not None:
            raise NotConsuming(self._trouble)

    async def _consume_and_rest(self) -> None:
        rests = backoff.delays(self._first_rest, _LONGEST_REST_SECONDS)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self._note_progress()
            try:
                await self._join_with_retries()
            except TooManyDeadLetters as error:
                if loop.time() - began > _LONGEST_REST_SECONDS:
                    rests = backoff.delays(self._first_rest, _LONGEST_REST_SECONDS)
                await self._rest(error, next(rests))

    async def _rest(self, error: TooManyDeadLetters, seconds: float) -> None:
        """Stay stopped for a while, then start with a new allowance of dead letters."""
        self._stopped, self._progress_at = error, None
        _stopped.labels(self._group).set(1)
        _log.critical("consumer_stopped", group=self._group, reason=str(error), for_seconds=round(seconds))
        await asyncio.sleep(seconds)
        self._handling.reset_allowance()
        self._stopped = None
        _stopped.labels(self._group).set(0)
        _log.warning("consumer_goes_on", group=self._group)

    async def _join_with_retries(self) -> None:
        waits = backoff.delays(0.2, 5.0)
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._session().run()
            except TooManyDeadLetters:
                raise
            except (KafkaError, OSError, Stalled) as error:
                if not isinstance(error, Stalled):
                    self._note_progress()  # Kafka is unavailable: a restart would not help
                log = _log.warning if isinstance(error, Stalled) else logs.absence
                log("consumer_joins_again", group=self._group, error=logs.error_text(error))
                self._trouble = logs.error_text(error)
            except (Exception, asyncio.CancelledError) as error:
                if cancellation.is_own():
                    raise
                _log.error("consumer_failed", group=self._group, exc_info=error)
                self._trouble = logs.error_text(error)
            if asyncio.get_running_loop().time() - began > _GOOD_SESSION_SECONDS:
                waits = backoff.delays(0.2, 5.0)
            await asyncio.sleep(next(waits))

    def _session(self) -> ConsumerSession:
        return ConsumerSession(
            self._brokers,
            self._group,
            self._topics,
            self._since,
            self._handling.process,
            self._lag.report,
            self._progressed,
        )

    def _progressed(self) -> None:
        self._trouble = None
        self._note_progress()

    def _note_progress(self) -> None:
        self._progress_at = asyncio.get_running_loop().time()
