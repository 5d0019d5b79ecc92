"""A consumer group's member: takes effect of events, at least once, for as long as the service runs.

    Consumer(settings.brokers, GROUP, {"ORDER_CREATED": on_order_created}, producer).run_in(app)

Which topics it reads follows from the types that it handles. Kafka being away, restarting or silent is survived by
joining again; only messages that keep failing stop it (dead_letters.py), and then it stays stopped: it is not ready,
yet alive, so that nobody restarts it in a loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from services.chassis import backoff, logs
from services.chassis.brokers import Brokers, brokers
from services.chassis.consumer_session import ConsumerSession, Stalled
from services.chassis.dead_letters import TooManyDeadLetters
from services.chassis.events import Registry
from services.chassis.handling import FIRST_PAUSE_SECONDS, TRIES, Handler, Handling
from services.chassis.producer import Sender

if TYPE_CHECKING:
    from services.chassis.app import App

_DEAD_AFTER_SECONDS = 180.0
_GOOD_SESSION_SECONDS = 60.0

_given_up = Gauge("argosy_consumer_stopped", "1 once too many messages could not be handled, else 0.", ["group"])

_log = structlog.get_logger()


class ConsumerStopped(Exception):
    """Too many messages could not be handled. Somebody has to look; a restart goes on where it stopped."""


class NoProgress(Exception):
    """Messages wait and none is handled, although Kafka answers and joining again was tried."""


class Consumer:
    """One member of one group: a Resource for its readiness, a background task for its work.

    Args:
        kafka: the brokers; or their addresses alone, in plain text.
        group: the consumer group, such as "order-service-group".
        handlers: event type → handler; other types are skipped. Raises ValueError for a type the contract lacks.
        producer: sends dead letters.
        registry: the contract's events; by default all of `argosy.event.v1`.
        tries: how often a message may fail by its own fault before it becomes a dead letter.
        first_pause: seconds before it is tried again the first time; doubled from then on, up to 15.
    """

    def __init__(
        self,
        kafka: Brokers | str,
        group: str,
        handlers: Mapping[str, Handler],
        producer: Sender,
        registry: Registry | None = None,
        *,
        tries: int = TRIES,
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        registry = registry or Registry.of_package()
        self.name = f"consumer {group}"
        self._brokers = brokers(kafka)
        self._group = group
        self._handling = Handling(group, handlers, registry, producer, tries=tries, first_pause=first_pause)
        self._topics = frozenset(registry.topics[event_type] for event_type in handlers)
        self._stopped: TooManyDeadLetters | None = None
        self._progress_at: float | None = None
        _given_up.labels(group).set(0)

    def run_in(self, app: App) -> None:
        """Let the app run it, and tell the app's readiness and liveness."""
        app.add(self)
        app.background(self.name, self.run)
        app.live_check(self.name, self.check_alive)

    async def run(self) -> None:
        """Consume until cancelled, or until too many messages fail: then return, and `check` raises from then on.

        When cancelled it finishes the messages at hand, for a few seconds.
        """
        self._note_progress()
        try:
            await self._join_again_and_again()
        except TooManyDeadLetters as error:
            self._stopped = error
            _given_up.labels(self._group).set(1)
            _log.critical("consumer_stopped", group=self._group, reason=str(error))
        finally:
            self._progress_at = None

    def check_alive(self) -> None:
        """Raise NoProgress when only a restart may help. One that is stopped or that waits for Kafka is alive."""
        since = self._progress_at
        if since is not None and asyncio.get_running_loop().time() - since > _DEAD_AFTER_SECONDS:
            raise NoProgress(f"{self._group} has made no progress for {_DEAD_AFTER_SECONDS:.0f} s")

    async def start(self) -> None:
        """Nothing: `run` joins the group."""

    async def stop(self) -> None:
        """Nothing: `run` leaves the group when it is cancelled."""

    async def check(self) -> None:
        """Raise ConsumerStopped when it has stopped for good. Kafka's absence is no reason to refuse calls."""
        if self._stopped is not None:
            raise ConsumerStopped(str(self._stopped))

    async def _join_again_and_again(self) -> None:
        waits = backoff.delays(0.2, 5.0)
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._session().run()
            except (KafkaError, OSError, Stalled) as error:
                if not isinstance(error, Stalled):
                    self._note_progress()  # Kafka is away: a restart would not help
                log = _log.warning if isinstance(error, Stalled) else logs.absence
                log("consumer_joins_again", group=self._group, error=logs.error_text(error))
            if asyncio.get_running_loop().time() - began > _GOOD_SESSION_SECONDS:
                waits = backoff.delays(0.2, 5.0)
            await asyncio.sleep(next(waits))

    def _session(self) -> ConsumerSession:
        return ConsumerSession(self._brokers, self._group, self._topics, self._handling.process, self._note_progress)

    def _note_progress(self) -> None:
        self._progress_at = asyncio.get_running_loop().time()
