"""Which sessions have ended before their time: their tokens, signed and not expired, are refused all the same.

Every replica of every service follows user-events by itself, outside any consumer group, for SESSION_REVOKED and
USER_DELETED. It begins 24 hours back, the life of a token: what ended earlier has expired by itself. So a replica that
starts knows what the others know, and what ends now is known everywhere as soon as its event has travelled.

Calls wait at start until the events so far have been read. While Kafka is away that wait has an end: signing out late
is better than no service at all. `argosy_revocations_known_until_seconds` then stands still, to alarm somebody by.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from argosy.event.v1 import user_events_pb2
from services.chassis import backoff, cancellation, events, logs
from services.chassis.brokers import Brokers, brokers
from services.chassis.call import User
from services.chassis.errors import Unauthenticated, Unavailable

TOKEN_LIFE_SECONDS = 24 * 3600.0
"""No token is good for longer; what ended longer ago need not be known."""
_MARGIN_SECONDS = 300.0
"""By how much clocks may differ."""
_FORGET_EVERY_SECONDS = 600.0
_LOOK_EVERY_SECONDS = 2.0
_LOOK_AT_MOST_SECONDS = 10.0
_STALLED_AFTER_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 3.0
_REQUEST_MS = 10_000
_START_TRY_SECONDS = 2.0

TOPIC = events.kind_of(user_events_pb2.SessionRevoked).topic
_registry = events.Registry(user_events_pb2.DESCRIPTOR)
_HEARD = frozenset(events.kind_of(kind).type for kind in (user_events_pb2.SessionRevoked, user_events_pb2.UserDeleted))

_known_until = Gauge("argosy_revocations_known_until_seconds", "Unix time up to which ended sessions are known here.")

_log = structlog.get_logger()

Verify = Callable[[str], Awaitable[User]]


class NotCaughtUp(Unavailable):
    """The events so far have not been read."""

    default_message = "it is not known yet which sessions have ended"


class CannotFollow(Exception):
    """Kafka answers, but the topic is not there, or its records do not arrive."""


class Revoked:
    """The ids of sessions that ended and of people who are gone, for as long as a token of theirs could be good."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._until: dict[str, float] = {}
        self._tidy_at = now() + _FORGET_EVERY_SECONDS

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def __len__(self) -> int:
        return len(self._until)

    def add(self, name: str, ended_at: float) -> None:
        """A session's or a person's id, and when (Unix time) it ended."""
        until = ended_at + TOKEN_LIFE_SECONDS + _MARGIN_SECONDS
        if until > self._now():
            self._until[name] = until
        if self._now() > self._tidy_at:
            self._forget()

    def _forget(self) -> None:
        now = self._now()
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._tidy_at = now + _FORGET_EVERY_SECONDS


class Revocations:
    """A Resource that knows which sessions have ended.

    Args:
        kafka: the brokers; or their addresses alone, in plain text.
        patience: seconds for which the service's start waits for a Kafka that is away.
    """

    name = "revocations"

    def __init__(self, kafka: Brokers | str, patience: float) -> None:
        self._brokers = brokers(kafka)
        self._patience = patience
        self._sessions = Revoked()
        self._people = Revoked()
        self._positions: dict[TopicPartition, int] = {}
        self._reading = False
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._give_up_at = 0.0

    def session_ended(self, session_id: str) -> None:
        """Refuse a session's tokens here from now on; the other replicas learn it from SESSION_REVOKED."""
        self._sessions.add(session_id, time.time())

    def person_gone(self, user_id: str) -> None:
        """Refuse all of a person's tokens here from now on; the other replicas learn it from USER_DELETED."""
        self._people.add(user_id, time.time())

    def ended(self, user: User) -> bool:
        """Whether the session of this token has ended."""
        return user.session_id in self._sessions or user.id in self._people

    def guard(self, verify: Verify) -> Verify:
        """`verify`, refusing tokens of sessions that have ended."""

        async def verify_unended(token: str) -> User:
            user = await verify(token)
            if self.ended(user):
                raise Unauthenticated("the session has ended; sign in again")
            return user

        return verify_unended

    async def start(self) -> None:
        """Return once the events so far are known, or when Kafka has been away for as long as patience lasts.

        Raises NotCaughtUp until then.
        """
        now = asyncio.get_running_loop().time()
        if self._task is None:
            self._task = asyncio.create_task(self._follow_for_ever(), name="revocations")
            self._give_up_at = now + self._patience
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(_START_TRY_SECONDS, self._give_up_at - now))):
                await self._caught_up.wait()
        if self._caught_up.is_set():
            return
        if self._reading or asyncio.get_running_loop().time() < self._give_up_at:
            raise NotCaughtUp
        _log.warning("ended_sessions_not_known", waited_seconds=self._patience)

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Always fine once started: Kafka's absence is no reason to refuse calls."""

    async def _follow_for_ever(self) -> None:
        waits, last_said = backoff.delays(0.2, 5.0), ""
        while True:
            try:
                await self._follow()
            except (Exception, asyncio.CancelledError) as error:
                if cancellation.is_own():
                    raise
                said = logs.error_text(error)
                if self._reading or said != last_said:  # one line a change, not one a try
                    _log.warning("revocations_joins_again", error=said)
                last_said = said
            if self._reading:
                self._reading = False
                waits = backoff.delays(0.2, 5.0)
            await asyncio.sleep(next(waits))

    async def _follow(self) -> None:
        """Read on from where this replica was, or from 24 hours back, until something goes wrong."""
        consumer = AIOKafkaConsumer(
            **self._brokers.options(),
            client_id="revocations",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_REQUEST_MS,
        )
        consumer.assign([TopicPartition(TOPIC, 0)])  # it asks only about topics that it has something of
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await consumer.start()
                await self._find_place(consumer)
            self._reading = True
            await self._read(consumer)
        finally:
            await _close(consumer)

    async def _find_place(self, consumer: AIOKafkaConsumer) -> None:
        partitions = consumer.partitions_for_topic(TOPIC)
        if not partitions:
            raise CannotFollow(f"there is no topic {TOPIC}")
        places = [TopicPartition(TOPIC, number) for number in sorted(partitions)]
        consumer.assign(places)
        # The ends first: a record that comes in between lies behind them, and is read.
        ends = await consumer.end_offsets(places)
        since = int((time.time() - TOKEN_LIFE_SECONDS - _MARGIN_SECONDS) * 1000)
        found = await consumer.offsets_for_times(dict.fromkeys(places, since))
        for place in places:
            known, first = self._positions.get(place), found.get(place)
            begin = first.offset if first is not None else ends[place]
            consumer.seek(place, known if known is not None and begin <= known <= ends[place] else begin)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        loop = asyncio.get_running_loop()
        look_at = moved_at = loop.time()
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            for place, records in batches.items():
                for record in records:
                    self._hear(record)
                self._positions[place] = records[-1].offset + 1
            if batches:
                moved_at = loop.time()
            if loop.time() >= look_at:
                if await self._look(consumer):
                    moved_at = loop.time()
                elif loop.time() - moved_at > _STALLED_AFTER_SECONDS:
                    raise CannotFollow(f"nothing has arrived for {_STALLED_AFTER_SECONDS:.0f} s")
                look_at = loop.time() + _LOOK_EVERY_SECONDS

    async def _look(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether everything that the broker has was read."""
        asked_at = time.time()
        places = consumer.assignment()
        if consumer.partitions_for_topic(TOPIC) != {place.partition for place in places}:
            raise CannotFollow(f"{TOPIC} has other partitions now")
        async with asyncio.timeout(_LOOK_AT_MOST_SECONDS):
            ends = await consumer.end_offsets(list(places))
            for place in places:
                if await consumer.position(place) < ends[place]:
                    return False
        if not self._caught_up.is_set():
            self._caught_up.set()
            _log.info("ended_sessions_known", sessions=len(self._sessions), people=len(self._people))
        _known_until.set(asked_at)
        return True

    def _hear(self, record: Any) -> None:
        """Take note of one record. One that cannot be read will never say anything to anybody."""
        if events.type_of(record.headers) not in _HEARD:
            return
        try:
            event = _registry.decode(record)
        except events.NotAnEvent as error:
            _log.error("revocation_unreadable", partition=record.partition, offset=record.offset, error=str(error))
            return
        ended_at = event.time.timestamp()
        if isinstance(event.message, user_events_pb2.SessionRevoked):
            self._sessions.add(event.message.session_id, ended_at)
        elif isinstance(event.message, user_events_pb2.UserDeleted):
            self._people.add(event.message.user_id, ended_at)


async def _close(consumer: AIOKafkaConsumer) -> None:
    """Close it, in a task of its own: what is cancelled inside is not this one, and this one may be while it waits."""
    closing = asyncio.create_task(_stop(consumer))
    _closings.add(closing)
    closing.add_done_callback(_closings.discard)
    await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.stop()
    except (KafkaError, OSError, asyncio.CancelledError):
        # A fetch that failed just now ends the closing half-way, and the connections would stay.
        await consumer._client.close()


_closings: set[asyncio.Task[None]] = set()
"""Consumers that are being closed."""
