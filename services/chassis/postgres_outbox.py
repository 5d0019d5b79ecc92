"""The outbox in PostgreSQL as the relay sees it: which process publishes, what is unsent, what is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence

from services.chassis import events
from services.chassis.errors import Unavailable
from services.chassis.postgres import Connection, Postgres, Record
from services.chassis.relay import Backlog, Unsent

_LOCK = 7_203_003
_ASK_FOR_LOCK_EVERY_SECONDS = 0.5
_POLL_SECONDS = 1.0
_PAUSED_SECONDS = 60
_STATEMENT_SECONDS = 5.0
_COUNT_AT_MOST = 100_000


class PostgresOutbox:
    """This database's outbox: `Relay(PostgresOutbox(postgres, "user").lease, producer)`."""

    def __init__(self, postgres: Postgres, service: str) -> None:
        self._postgres = postgres
        self._source = events.source_of(service)

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[ActiveOutbox]:
        """Wait until no other process publishes from this database, then be the one that does.

        The lease is an advisory lock of the very connection that reads and marks: whoever lost it can do neither.

        Raises:
            Unavailable: the database or the connection went away, and the lease with it.
        """
        async with self._postgres.session(statement_seconds=_STATEMENT_SECONDS) as connection:
            await connection.execute("SET synchronous_commit = off")  # a mark that is lost only publishes once more
            # One that is stopped (not dead) would keep the lock for ever; its connection is then ended from the server.
            await connection.execute(f"SET idle_session_timeout = '{_PAUSED_SECONDS}s'")
            await _lock(connection)
            news = asyncio.Event()
            await connection.add_listener("outbox", lambda *_: news.set())
            async with _until_lost(connection):
                yield ActiveOutbox(connection, news, self._source)


class ActiveOutbox:
    """The outbox as the one process sees it that holds the lease (`relay.Outbox`)."""

    def __init__(self, connection: Connection, news: asyncio.Event, source: str) -> None:
        self._connection = connection
        self._news = news
        self._source = source

    async def unsent(self, limit: int, held_back: Collection[str]) -> Sequence[Unsent]:
        """Every unsent row, oldest first. Never "after the last one seen": commits do not come in order of position."""
        self._news.clear()
        rows = await self._connection.fetch(
            """
            SELECT position, id, topic, key, type, subject, sequence, traceparent, occurred_at, value
            FROM outbox WHERE sent_at IS NULL AND key <> ALL ($2::text[]) ORDER BY position LIMIT $1
            """,
            limit,
            list(held_back),
        )
        return [self._entry(row) for row in rows]

    async def mark_sent(self, sent: Sequence[Unsent]) -> None:
        """Write down that these are published."""
        await self._connection.execute(
            "UPDATE outbox SET sent_at = now() WHERE position = ANY ($1::bigint[])", [entry.token for entry in sent]
        )

    async def wait_for_work(self) -> None:
        """Return when someone has committed an event, and every second in any case."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._news.wait()

    async def backlog(self) -> Backlog:
        """How many are unsent (100,000 stands for more) and how old the oldest is."""
        row = await self._connection.fetchrow(
            """
            SELECT count(*), coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float
            FROM (SELECT occurred_at FROM outbox WHERE sent_at IS NULL ORDER BY position LIMIT $1) unsent
            """,
            _COUNT_AT_MOST,
        )
        return Backlog(pending=row[0], oldest_seconds=max(0.0, row[1]))

    def _entry(self, row: Record) -> Unsent:
        record = events.record(
            events.Kind(row["type"], row["topic"]),
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
    # Asked for again and again rather than waited for: a statement that waits for days holds back vacuum for days.
    while True:
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        await asyncio.sleep(_ASK_FOR_LOCK_EVERY_SECONDS)


@contextlib.asynccontextmanager
async def _until_lost(connection: Connection) -> AsyncIterator[None]:
    """Leave the block at once, by Unavailable, when the connection ends."""
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
            raise Unavailable("the connection that held the relay's lock is gone") from None
        raise
