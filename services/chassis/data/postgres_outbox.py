"""The relay's adapter for the outbox in PostgreSQL: the lease, unsent events, marking them as sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence

from services.chassis.bus import events
from services.chassis.bus.relay import Backlog, Unsent
from services.chassis.data.postgres import Connection, Postgres, Record
from services.chassis.plain.errors import Unavailable

_LOCK = 7_203_003
_ASK_FOR_LOCK_EVERY_SECONDS = 0.5
_POLL_SECONDS = 5.0
"""A commit of a new event notifies the relay. An event that is published again (outbox.publish_again) is polled for."""
_PAUSED_SECONDS = 60
_STATEMENT_SECONDS = 5.0
_COUNT_AT_MOST = 100_000


class PostgresOutbox:
    """The outbox of one database: `Relay(PostgresOutbox(postgres, "user").lease, producer)`."""

    def __init__(self, postgres: Postgres, service: str) -> None:
        self._postgres = postgres
        self._source = events.source_of(service)

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[ActiveOutbox]:
        """Wait for the lease: one process at a time publishes from this database.

        The lease is an advisory lock of the same connection that reads and marks. A process that loses the connection
        loses both.

        Raises:
            Unavailable: the database or the connection was lost, and with it the lease.
        """
        async with self._postgres.session(statement_seconds=_STATEMENT_SECONDS) as connection:
            await connection.execute("SET synchronous_commit = off")  # a lost mark only publishes an event again
            # A suspended process would keep the lock for ever: the server closes its idle connection.
            await connection.execute(f"SET idle_session_timeout = '{_PAUSED_SECONDS}s'")
            await _lock(connection)
            wakeup = asyncio.Event()
            await connection.add_listener("outbox", lambda *_: wakeup.set())
            async with _until_lost(connection):
                yield ActiveOutbox(connection, wakeup, self._source)


class ActiveOutbox:
    """The outbox for the process that holds the lease (`relay.Outbox`)."""

    def __init__(self, connection: Connection, wakeup: asyncio.Event, source: str) -> None:
        self._connection = connection
        self._wakeup = wakeup
        self._source = source

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        """The oldest unsent entries. No cursor: transactions do not commit in the order of `position`."""
        self._wakeup.clear()
        rows = await self._connection.fetch(
            """
            SELECT position, id, topic, key, type, data_version, subject, sequence, traceparent, occurred_at, value
            FROM outbox WHERE sent_at IS NULL AND key <> ALL ($2::text[]) ORDER BY position LIMIT $1
            """,
            limit,
            list(held_back),
        )
        return [self._entry(row) for row in rows]

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Mark entries as published."""
        await self._connection.execute(
            "UPDATE outbox SET sent_at = now() WHERE position = ANY ($1::bigint[])", [entry.token for entry in sent]
        )

    async def wait_for_work(self) -> None:
        """Wait for the commit of an event, at most five seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._wakeup.wait()

    async def backlog(self) -> Backlog:
        """The number of unsent events (counted up to 100,000), and the age of the oldest."""
        row = await self._connection.fetchrow(
            """
            SELECT count(*), coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float
            FROM (SELECT occurred_at FROM outbox WHERE sent_at IS NULL ORDER BY position LIMIT $1) unsent
            """,
            _COUNT_AT_MOST,
        )
        return Backlog(pending=row[0], oldest_seconds=max(0.0, row[1]))

    def _entry(self, row: Record) -> Unsent:
        # The version of the process that stored it: the one that publishes it may be older or newer.
        record = events.record(
            events.Kind(row["type"], row["topic"], row["data_version"]),
            row["value"],
            id=row["id"],
            source=self._source,
            time=row["occurred_at"],
            subject=row["subject"],
            key=row["key"],
            sequence=row["sequence"],
            traceparent=row["traceparent"],
        )
        return Unsent(row["position"], row["key"], (record,))


async def _lock(connection: Connection) -> None:
    # Polls instead of waiting, because a statement that waits for days holds back vacuum.
    while True:
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        await asyncio.sleep(_ASK_FOR_LOCK_EVERY_SECONDS)


@contextlib.asynccontextmanager
async def _until_lost(connection: Connection) -> AsyncIterator[None]:
    """Interrupt the block with Unavailable when the connection ends."""
    loop = asyncio.get_running_loop()
    scope = asyncio.timeout(None)
    inside = True

    def leave(_: Connection) -> None:
        if inside:
            scope.reschedule(loop.time())

    try:
        async with scope:
            connection.add_termination_listener(leave)
            try:
                yield
            finally:
                inside = False
    except TimeoutError:
        if scope.expired():
            raise Unavailable("the connection that held the relay's lease was lost") from None
        raise
