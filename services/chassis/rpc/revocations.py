"""Revoked sessions: their tokens are refused although they are signed and not expired.

Every replica of every service reads SESSION_REVOKED and USER_DELETED from user-events, without a consumer group. It
starts 24 hours back, the lifetime of a token: older tokens have expired. So a new replica knows all revocations, and a
new revocation reaches all replicas with its event.

At start, calls are refused until the existing events have been read. If Kafka is unavailable, this wait has a limit,
because a late sign-out is better than no service. In that case `argosy_revocations_known_until_seconds` does not
advance, which raises an alert.
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
from services.chassis.bus import events
from services.chassis.bus.tail import Tail
from services.chassis.plain import logs
from services.chassis.plain.errors import Unauthenticated, Unavailable
from services.chassis.process.brokers import Brokers, brokers
from services.chassis.rpc.call import User

TOKEN_LIFE_SECONDS = 24 * 3600.0
"""The maximum lifetime of a token. Older revocations are not needed."""
_MARGIN_SECONDS = 300.0
"""The maximum difference between clocks."""
_FORGET_EVERY_SECONDS = 600.0
_START_TRY_SECONDS = 2.0

TOPIC = events.kind_of(user_events_pb2.SessionRevoked).topic
_registry = events.Registry(user_events_pb2.DESCRIPTOR)
_EVENT_TYPES = frozenset(
    events.kind_of(kind).type for kind in (user_events_pb2.SessionRevoked, user_events_pb2.UserDeleted)
)

_known_until = Gauge(
    "argosy_revocations_known_until_seconds", "Unix time up to which this replica knows revoked sessions."
)

_log = structlog.get_logger()

Verify = Callable[[str], Awaitable[User]]


class NotCaughtUp(Unavailable):
    """The existing events have not been read yet."""

    default_message = "revoked sessions are not known yet; try again"


class Revoked:
    """Revoked ids (of sessions or users), kept for as long as one of their tokens could be valid."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._until: dict[str, float] = {}
        self._tidy_at = now() + _FORGET_EVERY_SECONDS

    def __contains__(self, name: str) -> bool:
        return name in self._until

    def __len__(self) -> int:
        return len(self._until)

    def add(self, name: str, ended_at: float) -> None:
        """Add the id of a session or user. `ended_at`: Unix time of the revocation."""
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
    """The revoked sessions: a Resource.

    Args:
        kafka: the brokers, or their addresses for unencrypted connections.
        patience: seconds for which the start waits for an unavailable Kafka.
    """

    name = "revocations"

    def __init__(self, kafka: Brokers | str, patience: float) -> None:
        self._tail = Tail(
            brokers(kafka),
            TOPIC,
            self._apply,
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
        """Refuse a session's tokens in this process. Other replicas learn it from SESSION_REVOKED."""
        self._sessions.add(session_id, time.time())

    def person_gone(self, user_id: str) -> None:
        """Refuse all tokens of a user in this process. Other replicas learn it from USER_DELETED."""
        self._people.add(user_id, time.time())

    def ended(self, user: User) -> bool:
        """Whether the user's session is revoked, or the user is deleted."""
        return user.session_id in self._sessions or user.id in self._people

    def guard(self, verify: Verify) -> Verify:
        """Wrap `verify`: it also raises Unauthenticated for revoked sessions."""

        async def verify_unended(token: str) -> User:
            user = await verify(token)
            if self.ended(user):
                raise Unauthenticated("the session has ended; sign in again")
            return user

        return verify_unended

    async def start(self) -> None:
        """Return when the existing events have been read, or when Kafka has been unavailable for `patience` seconds.

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
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Never fails after the start: calls are answered also without Kafka."""

    def _up_to_date(self, asked_at: float) -> None:
        if not self._caught_up.is_set():
            self._caught_up.set()
            _log.info("ended_sessions_known", sessions=len(self._sessions), people=len(self._people))
        _known_until.set(asked_at)

    def _apply(self, record: Any) -> None:
        """Apply one record. Raises NotAnEvent for an invalid one."""
        if events.type_of(record.headers) not in _EVENT_TYPES:
            return
        event = _registry.decode(record)
        ended_at = event.time.timestamp()
        if isinstance(event.message, user_events_pb2.SessionRevoked):
            self._sessions.add(event.message.session_id, ended_at)
        elif isinstance(event.message, user_events_pb2.UserDeleted):
            self._people.add(event.message.user_id, ended_at)
