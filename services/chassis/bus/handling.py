"""Handles one consumed message: calls its handler, with retries, or sends a dead letter.

- No handler for the type: skipped.
- Not decodable, or not a valid event: a dead letter at once.
- The handler raises a transient error (transient.py): retried without limit.
- The handler raises another error: retried a few times, then a dead letter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from prometheus_client import Counter

from services.chassis import tracing
from services.chassis.bus import dead_letters, events
from services.chassis.bus.dead_letters import Allowance, Failure, Reason, TooManyDeadLetters
from services.chassis.bus.events import Event, NotAnEvent, OutgoingRecord, Registry
from services.chassis.bus.producer import NotDelivered, RecordTooLarge, Sender
from services.chassis.bus.raw_batches import Damaged, Undecodable
from services.chassis.plain import backoff, logs
from services.chassis.plain.crash_points import reach
from services.chassis.plain.transient import is_transient, reason
from services.chassis.process.metrics import show_from_the_start

TRIES = 5
HANDLER_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0

Handler = Callable[[Event], Awaitable[None]]
"""Applies an event. Called at least once: it checks the inbox (or the aggregate's history) in its transaction."""

_seen = Counter(
    "argosy_consumer_events_total",
    "Events by result: handled, skipped, failed (one attempt), dead_lettered.",
    ["group", "topic", "type", "result"],
)
_dead = Counter("argosy_dead_letters_total", "Messages that became dead letters.", ["topic"])

_log = structlog.get_logger()


class Interrupted(Exception):
    """Stopped between two attempts. The message is not handled."""


class Handling:
    """Handles the messages of one consumer group."""

    def __init__(
        self,
        group: str,
        handlers: Mapping[str, Handler],
        registry: Registry,
        producer: Sender,
        *,
        tries: int = TRIES,
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        unknown = handlers.keys() - registry.classes.keys()
        if unknown:
            raise ValueError(f"no such event types: {', '.join(sorted(unknown))}")
        self._group = group
        self._handlers = handlers
        self._registry = registry
        self._producer = producer
        self._tries = tries
        self._first_pause = first_pause
        self._allowance = Allowance()
        show_from_the_start(_dead, {registry.topics[event_type] for event_type in handlers})

    async def process(self, incoming: Any, stopping: asyncio.Event) -> None:
        """Handle one consumed record (`raw_batches.Record`). Returns when it is handled, skipped or a dead letter.

        Raises:
            Interrupted: `stopping` was set while it waited for a retry. The record is not handled.
            TooManyDeadLetters: it cannot be handled, and too many before it could not.
        """
        event_type = events.type_of(incoming.headers)
        if event_type is not None and event_type not in self._handlers:
            self._count(incoming, event_type, "skipped")
            return
        try:
            if isinstance(incoming, Undecodable):
                raise incoming.error
            event = self._registry.decode(incoming)
        except (NotAnEvent, Damaged) as error:
            await self._give_up(incoming, event_type, Failure(Reason.UNREADABLE, error, 1, self._group), stopping)
            return
        with tracing.active().handling(event, self._group) as note:
            failure = await self._handle(event, stopping)
            if failure is None:
                self._allowance.handled()
                self._count(incoming, event_type, "handled")
                note("handled")
            else:
                note("dead_lettered")
                await self._give_up(incoming, event_type, failure, stopping)

    def reset_allowance(self) -> None:
        """Start with a new allowance of dead letters."""
        self._allowance = Allowance()

    async def _handle(self, event: Event, stopping: asyncio.Event) -> Failure | None:
        """Call the handler until it succeeds (returns None) or its attempts are used up."""
        failed = 0
        for pause in backoff.delays(self._first_pause, LONGEST_PAUSE_SECONDS):
            try:
                async with asyncio.timeout(HANDLER_SECONDS):
                    reach("consumer.before_handling")
                    await self._handlers[event.type](event)
                    reach("consumer.handled")
                return None
            except Exception as error:
                passing = is_transient(error)
                failed += not passing
                self._record_failure(event, error, passing=passing)
                if failed >= self._tries:
                    return Failure(Reason.FAILED, error, failed, self._group)
            await _pause(pause, stopping)
        raise AssertionError("the pauses never end")

    async def _give_up(self, incoming: Any, event_type: str | None, failure: Failure, stopping: asyncio.Event) -> None:
        try:
            self._allowance.take()
        except TooManyDeadLetters as error:
            place = f"{incoming.topic}/{incoming.partition}/{incoming.offset}"
            raise TooManyDeadLetters(f"{error}; the last one {place}: {logs.error_text(failure.error)}") from None
        letter = await self._send_letter(incoming, failure, stopping)
        _dead.labels(incoming.topic).inc()
        self._count(incoming, event_type, "dead_lettered")
        _log.error(
            "dead_letter",
            group=self._group,
            topic=incoming.topic,
            partition=incoming.partition,
            offset=incoming.offset,
            type=event_type,
            reason=failure.reason.value,
            attempts=failure.attempts,
            left_out=events.header(letter.headers, dead_letters.LEFT_OUT),
            exc_info=failure.error,
        )

    async def _send_letter(self, incoming: Any, failure: Failure, stopping: asyncio.Event) -> OutgoingRecord:
        """Send the most complete dead letter that Kafka accepts, with unlimited retries. Returns it."""
        letter, *smaller = dead_letters.letter(incoming, failure), *dead_letters.smaller_letters(incoming, failure)
        for pause in backoff.delays(self._first_pause, LONGEST_PAUSE_SECONDS):
            try:
                reach("dead_letter.before_send")
                await self._producer.send(letter)
                reach("dead_letter.acknowledged")
                return letter
            except NotDelivered as error:
                if isinstance(error, RecordTooLarge) and smaller:
                    letter = smaller.pop(0)
                    continue
                _log.warning("dead_letter_waits", topic=letter.topic, error=logs.error_text(error))
            await _pause(pause, stopping)
        raise AssertionError("the pauses never end")

    def _record_failure(self, event: Event, error: Exception, *, passing: bool) -> None:
        _seen.labels(self._group, event.topic, event.type, "failed").inc()
        _log.warning(
            "event_not_handled",
            group=self._group,
            type=event.type,
            event_id=str(event.id),
            transient=passing,
            error=reason(error) if passing else logs.error_text(error),
        )

    def _count(self, incoming: Any, event_type: str | None, result: str) -> None:
        known = event_type if event_type in self._registry.classes else "other"  # bounds the label's values
        _seen.labels(self._group, incoming.topic, known, result).inc()


async def _pause(seconds: float, stopping: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
    if stopping.is_set():
        raise Interrupted
