"""PostgreSQL: one pool a process, and what the rest of a service learns when the database is away.

Connections are returned without a reset round trip, so code that uses the pool keeps no session state: no LISTEN, no
session advisory locks, no SET without LOCAL. What needs a session of its own opens one (`session`).

Connections go to a server that takes writes. After a failover, those to the old primary are closed at the first
statement that it refuses; each new one resolves the URL anew (its hosts, their addresses, its passfile).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
from pydantic import SecretStr

from services.chassis import deadlines, migrations, transient
from services.chassis.crash_points import reach
from services.chassis.errors import Unavailable
from services.chassis.postgres_url import PostgresUrl
from services.chassis.settings import CommonSettings
from services.chassis.trouble import Trouble

Connection: TypeAlias = asyncpg.Connection
Record: TypeAlias = asyncpg.Record

POOL_SIZE = 20
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 30.0
_KEPT_OPEN = 2
_STATEMENT_SECONDS = 30.0
_CLOSE_SECONDS = 5.0

_PASSING_CLASSES = frozenset(
    {
        "08",  # the connection
        "28",  # who we are: a password that was rotated
        "53",  # disk, memory or connections are used up
        "57",  # an operator's doing: shutdown, start, a statement over its time
        "58",  # the machine below the database
    }
)
_PASSING_STATES = frozenset(
    {
        "25006",  # read-only: the primary before a failover
        "25P03",  # idle in a transaction for too long
        "25P04",  # a transaction over its time
        "40001",  # serialization failure
        "40003",  # whether the statement took effect is unknown
        "40P01",  # deadlock
        "42501",  # a right that was taken from our role
        "55P03",  # a lock is not to be had in time
    }
)
"""SQLSTATEs that say nothing about the work: the same work succeeds once the trouble has passed. Constraints, values
out of range and bad SQL are none of these. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_STANDING = ("25006", "28", "42501", "53", "58")
"""Trouble that `SELECT 1` on a good connection does not notice, and that may stay until somebody acts."""


def passes(error: BaseException) -> bool:
    """Whether an error of asyncpg's is the database's passing trouble rather than a fault of what was asked of it."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True  # a table changed under a statement; asyncpg has forgotten all of them and prepares them anew
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    # InternalClientError: no host is writable, a type has changed, a session ended in the middle of a statement.
    return isinstance(error, (asyncpg.InternalClientError, ConnectionError)) or _was_closed(error)


transient.register_test(passes)


def affected(tag: str) -> int:
    """How many rows a statement changed, from the tag that `execute` answers with, such as "DELETE 3"."""
    return int(tag.rpartition(" ")[2])


class PostgresSettings(CommonSettings):
    """What a service on PostgreSQL needs besides."""

    database_url: PostgresUrl
    """postgresql://user:password@host:port/database"""
    migrate_at_start: bool = True
    """Whether a starting process brings the schema up to date; off where a job does it before."""


class Postgres:
    """The pool: a Resource.

    Args:
        dsn: `postgresql://…`.
        application_name: shown in pg_stat_activity; the service's name.
        migrations: the directory of the service's own SQL files. With it, `start` brings the schema up to date first
            (chassis tables, then the service's); None leaves the schema alone.
        size: the most connections that are open at once.
    """

    name = "postgres"

    def __init__(
        self,
        dsn: SecretStr | str,
        application_name: str,
        migrations: Path | None = None,
        *,
        size: int = POOL_SIZE,
    ) -> None:
        self._dsn = dsn.get_secret_value() if isinstance(dsn, SecretStr) else dsn
        self._application_name = application_name
        self._migrations = migrations
        self._size = size
        self._trouble = _Told()
        self._pool: _Pool | None = None

    async def start(self) -> None:
        """Bring the schema up to date, then open the pool. Raises while the database is away."""
        if self._migrations is not None:
            await migrations.migrate_in_background(self._dsn, self._migrations)
        connections = await asyncpg.create_pool(
            self._dsn,
            min_size=min(_KEPT_OPEN, self._size),
            max_size=self._size,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            reset=_leave_as_it_is,
            **self._session_options(),
        )
        self._pool = _Pool(connections, self._trouble)

    async def stop(self) -> None:
        """Close the pool; connections still in use are given a few seconds, then cut."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with asyncio.timeout(_CLOSE_SECONDS):  # a close that is cancelled cuts what is left
                    await pool.connections.close()

    async def check(self) -> None:
        """Ask the database something, on an idle connection; when all are busy, on a new one of its own.

        So it never queues behind the service's own work.

        Raises:
            Unavailable: it is away, or takes no writes.
            Impaired: it answers, and within the last 20 s it refused work for a reason of its own (disk full, no more
                connections, a password or a right that is ours no more).
        """
        pool = self._open_pool()
        if not pool.connections.get_idle_size():
            async with self.session():
                pass
        elif await self.fetchval("SELECT current_setting('transaction_read_only')::bool"):
            await pool.connections.expire_connections()
            raise Unavailable("the database takes no writes")
        self._trouble.check()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection without a transaction, for reads.

        Raises:
            Unavailable: none is free within 2 s or the deadline, or the database is in trouble (`passes`).
        """
        return _Lent(self._open_pool())

    @contextlib.asynccontextmanager
    async def transaction(self, point: str = "") -> AsyncIterator[Connection]:
        """A transaction (READ COMMITTED): committed at the end of the block, rolled back when it raises.

        Never wait for another service or for a person inside: it holds a connection and its locks.

        Args:
            point: what it does, such as "payment.begin": the crash points `payment.begin.before_commit` and
                `payment.begin.committed` stand around the commit. Without it there are none.

        Raises:
            Unavailable: as `connection`; also after a deadlock, a statement over its time, or a change of a table
                under a prepared statement, when all was rolled back. When the connection was lost during the commit,
                whether it took effect is unknown: what may be repeated claims an idempotency key or asks the inbox.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection
            if point:
                reach(point, "before_commit")
        if point:
            reach(point, "committed")

    @contextlib.asynccontextmanager
    async def session(self, *, statement_seconds: float = _STATEMENT_SECONDS) -> AsyncIterator[Connection]:
        """A connection outside the pool, for session state: LISTEN, session advisory locks. Closed after the block.

        Raises:
            Unavailable: the database is in trouble (`passes`), or does not answer a statement in time.
        """
        with self._trouble.told():
            connection = await self._connect(statement_seconds)
            try:
                yield connection
                await connection.close(timeout=CONNECT_SECONDS)
            finally:
                connection.terminate()  # nothing more to say to one that failed, or was cancelled at work

    async def fetch(self, query: str, *arguments: object) -> list[Record]:
        """All rows of one statement outside a transaction. Raises Unavailable as `connection` does."""
        async with self.connection() as connection:
            rows: list[Record] = await connection.fetch(query, *arguments)
            return rows

    async def fetchrow(self, query: str, *arguments: object) -> Record | None:
        """The first row of one statement outside a transaction. Raises Unavailable as `connection` does."""
        async with self.connection() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """The first value of the first row of one statement. Raises Unavailable as `connection` does."""
        async with self.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> str:
        """Run one statement by itself; answers its command tag. Raises Unavailable as `connection` does."""
        async with self.connection() as connection:
            tag: str = await connection.execute(query, *arguments)
            return tag

    def _open_pool(self) -> _Pool:
        """Raises Unavailable before `start` and after `stop`."""
        if self._pool is None:
            raise Unavailable
        return self._pool

    async def _connect(self, statement_seconds: float) -> Connection:
        try:
            return await asyncpg.connect(self._dsn, **self._session_options(statement_seconds))
        except _NO_CONNECTION as error:
            self._trouble.remember(error)
            raise Unavailable from error

    def _session_options(self, statement_seconds: float = _STATEMENT_SECONDS) -> dict[str, Any]:
        return {
            "timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write",
            "command_timeout": statement_seconds + 1,  # the server says it first, unless it is gone
            "server_settings": {
                "application_name": self._application_name,
                "jit": "off",  # compiling costs more than any statement of ours takes
                "statement_timeout": _milliseconds(statement_seconds),
                "idle_in_transaction_session_timeout": _milliseconds(2 * statement_seconds),
                # A client that vanished without a word must not keep its locks.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        }


_NO_CONNECTION = (OSError, asyncpg.PostgresError)  # TimeoutError is an OSError
"""Why there is no connection to be had: whatever it is, it is not what the work did."""


class _Told(Trouble):
    """Says in the chassis' words what went wrong with the database, and remembers what stands."""

    def remember(self, error: BaseException) -> None:
        """Note an error, if it is of those that stay."""
        if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_STANDING):
            self.note(error)

    def tell(self, error: BaseException) -> None:
        """Raises Unavailable for an error that passes. Every other one is left as it is."""
        if passes(error):
            self.remember(error)
            raise Unavailable from error

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """`tell` around a block."""
        try:
            yield
        except Exception as error:
            self.tell(error)
            raise


@dataclass(slots=True)
class _Pool:
    connections: asyncpg.Pool
    trouble: _Told
    lent: int = 0
    """How many blocks have one of them, or wait for one."""


class _Lent:
    """One block's connection of the pool. A class: every query passes here, and a generator costs it twice as much."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        pool = self._pool
        pool.lent += 1
        # Then nobody waits, and a timeout of asyncpg's is a task of its own each time. Connecting has one anyway.
        one_to_spare = pool.lent <= pool.connections.get_max_size()
        timeout = None if one_to_spare else deadlines.within(CONNECT_SECONDS)
        try:
            self._connection = await pool.connections.acquire(timeout=timeout)
        except BaseException as error:
            pool.lent -= 1
            if isinstance(error, _NO_CONNECTION):
                pool.trouble.remember(error)
                raise Unavailable from error
            pool.trouble.tell(error)
            raise
        return self._connection

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        pool = self._pool
        if isinstance(error, asyncpg.InternalClientError):
            self._connection.terminate()
        elif isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await pool.connections.expire_connections()  # all of them lead to a server that is the primary no more
        try:
            await pool.connections.release(self._connection)
        except BaseException as failure:
            pool.trouble.tell(failure)
            raise
        finally:
            pool.lent -= 1
        if error is not None:
            pool.trouble.tell(error)


def _was_closed(error: BaseException) -> bool:
    """Whether the session had ended before; other misuse of asyncpg is a bug."""
    return isinstance(error, asyncpg.InterfaceError) and ("closed" in str(error) or "closing" in str(error))


async def _leave_as_it_is(_connection: Connection) -> None:
    """The reset of a pool whose users keep no session state: nothing to do, so no round trip."""


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
