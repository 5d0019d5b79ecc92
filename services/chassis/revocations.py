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
from prometheus_client import Gauge

from argosy.event.v1 import user_events_pb2
from services.chassis import events, logs
from services.chassis.brokers import Brokers, brokers
from services.chassis.call import User
from services.chassis.errors import Unauthenticated, Unavailable
from services.chassis.tail import Tail

TOKEN_LIFE_SECONDS = 24 * 3600.0
"""No token is good for longer; what ended longer ago need not be known."""
_MARGIN_SECONDS = 300.0
"""By how much clocks may differ."""
_FORGET_EVERY_SECONDS = 600.0
_START_TRY_SECONDS = 2.0

TOPIC = events.kind_of(user_events_pb2.SessionRevoked).topic
_registry = events.Registry(user_events_pb2.DESCRIPTOR)
_HEARD = frozenset(events.kind_of(kind).type for kind in (user_events_pb2.SessionRevoked, user_events_pb2.UserDeleted))

_known_until = Gauge("argosy_revocations_known_until_seconds", "Unix time up to which ended sessions are known here.")

_log = structlog.get_logger()

Verify = Callable[[str], Awaitable[User]]


class NotCaughtUp(Unavailable):
    """The events so far have not been read."""

    default_message = "revoked sessions are not known yet; try again"


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
        self._tail = Tail(
            brokers(kafka),
            TOPIC,
            self._hear,
            up_to_date=self._up_to_date,
            back_seconds=TOKEN_LIFE_SECONDS + _MARGIN_SECONDS,
        )
        self._patience = patience
        self._sessions = Revoked()
        self._people = Revoked()
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
            self._task = asyncio.create_task(self._tail.run(), name="revocations")
            self._give_up_at = now + self._patience
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(_START_TRY_SECONDS, self._give_up_at - now))):
                await self._caught_up.wait()
        if self._caught_up.is_set():
            return
        if self._tail.reading or asyncio.get_running_loop().time() < self._give_up_at:
            raise NotCaughtUp
        logs.absence("ended_sessions_not_known", waited_seconds=self._patience)

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Always fine once started: Kafka's absence is no reason to refuse calls."""

    def _up_to_date(self, asked_at: float) -> None:
        if not self._caught_up.is_set():
            self._caught_up.set()
            _log.info("ended_sessions_known", sessions=len(self._sessions), people=len(self._people))
        _known_until.set(asked_at)

    def _hear(self, record: Any) -> None:
        """Take note of one record. Raises NotAnEvent for one that cannot be read: it says nothing to anybody."""
        if events.type_of(record.headers) not in _HEARD:
            return
        event = _registry.decode(record)
        ended_at = event.time.timestamp()
        if isinstance(event.message, user_events_pb2.SessionRevoked):
            self._sessions.add(event.message.session_id, ended_at)
        elif isinstance(event.message, user_events_pb2.UserDeleted):
            self._people.add(event.message.user_id, ended_at)
