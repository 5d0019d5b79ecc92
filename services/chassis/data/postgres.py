"""PostgreSQL: one connection pool per process. Transient database errors become Unavailable.

Connections return to the pool without a reset, so code that uses the pool must not keep session state: no LISTEN, no
session-level advisory locks, no SET without LOCAL. Use `session` for those.

Connections go to a server that accepts writes. After a failover, the connections to the old primary are closed at the
first statement that it refuses. Each new connection resolves the URL again (hosts, addresses, passfile).
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

from services.chassis.data import migrations
from services.chassis.data.postgres_url import PostgresUrl
from services.chassis.plain import deadlines, transient
from services.chassis.plain.crash_points import reach
from services.chassis.plain.errors import Unavailable
from services.chassis.process.settings import CommonSettings
from services.chassis.process.trouble import Trouble

Connection: TypeAlias = asyncpg.Connection
Record: TypeAlias = asyncpg.Record

POOL_SIZE = 20
CONNECT_SECONDS = 2.0
IDLE_SECONDS = 300.0
"""How long an unused connection is kept. A new one costs tens of ms of CPU: a process of the server's, the check of the
password, and asyncpg's query for the types of arrays."""
_KEPT_OPEN = 2
_STATEMENT_SECONDS = 30.0
_CLOSE_SECONDS = 5.0

_PASSING_CLASSES = frozenset(
    {
        "08",  # connection errors
        "28",  # authentication: the password was rotated
        "53",  # disk, memory or connections are exhausted
        "57",  # operator intervention: shutdown, startup, statement timeout
        "58",  # system errors, such as I/O
    }
)
_PASSING_STATES = frozenset(
    {
        "25006",  # read-only: the old primary after a failover
        "25P03",  # idle-in-transaction timeout
        "25P04",  # transaction timeout
        "40001",  # serialization failure
        "40003",  # whether the statement took effect is unknown
        "40P01",  # deadlock
        "42501",  # a privilege was revoked from our role
        "55P03",  # lock timeout
    }
)
"""Transient SQLSTATEs: the same work succeeds later. Constraint violations, values out of range and invalid SQL are not
among them. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_LASTING = ("25006", "28", "42501", "53", "58")
"""Errors that `SELECT 1` on an open connection does not detect, and that may last until an operator acts."""


def passes(error: BaseException) -> bool:
    """Whether an error of asyncpg is transient: the database's problem, not an invalid statement."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True  # a table changed under a prepared statement; asyncpg has dropped its cache and prepares again
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    # InternalClientError: no host is writable, a type has changed, or a session ended during a statement.
    return isinstance(error, (asyncpg.InternalClientError, ConnectionError)) or _was_closed(error)


transient.register_test(passes)


def affected(tag: str) -> int:
    """The number of changed rows, from the command tag that `execute` returns, such as "DELETE 3"."""
    return int(tag.rpartition(" ")[2])


class PostgresSettings(CommonSettings):
    """The additional settings of a service with PostgreSQL."""

    database_url: PostgresUrl
    """postgresql://user:password@host:port/database"""
    migrate_at_start: bool = True
    """Whether a starting process migrates the schema. Off if a job does it before."""


class Postgres:
    """The pool: a Resource.

    Args:
        dsn: `postgresql://…`.
        application_name: the service's name, shown in pg_stat_activity.
        migrations: the directory of the service's migrations. `start` applies the chassis' migrations, then these.
            None: `start` does not migrate.
        size: the maximum number of open connections.
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
        self._trouble = _DatabaseTrouble()
        self._pool: _Pool | None = None

    async def start(self) -> None:
        """Migrate the schema, then open the pool. Raises while the database is unavailable."""
        if self._migrations is not None:
            await migrations.migrate_in_background(self._dsn, self._migrations)
        connections = await asyncpg.create_pool(
            self._dsn,
            min_size=min(_KEPT_OPEN, self._size),
            max_size=self._size,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            reset=_no_reset,
            **self._session_options(),
        )
        self._pool = _Pool(connections, self._trouble)

    async def stop(self) -> None:
        """Close the pool. Connections in use are terminated after 5 s."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with asyncio.timeout(_CLOSE_SECONDS):  # a cancelled close terminates the remaining connections
                    await pool.connections.close()

    async def check(self) -> None:
        """Query the database on an idle connection; if all are busy, on a new one outside the pool.

        So a check never queues behind the service's work.

        Raises:
            Unavailable: it does not answer, or accepts no writes.
            Impaired: it answers, but failed within the last 20 s with a lasting error (disk full, no more connections,
                password or privilege revoked).
        """
        pool = self._open_pool()
        if not pool.connections.get_idle_size():
            async with self.session():
                pass
        elif await self.fetchval("SELECT current_setting('transaction_read_only')::bool"):
            await pool.connections.expire_connections()
            raise Unavailable("the database accepts no writes")
        self._trouble.check()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection without a transaction, for reads.

        Raises:
            Unavailable: none is free within 2 s or the deadline, or the database has a transient error (`passes`).
        """
        return _Lent(self._open_pool())

    @contextlib.asynccontextmanager
    async def transaction(self, point: str = "") -> AsyncIterator[Connection]:
        """A transaction (READ COMMITTED). Commits at the end of the block, rolls back if the block raises.

        Do not call another service inside: the transaction holds a connection and locks.

        Args:
            point: what it does, such as "payment.begin". It is the prefix of the crash points around the commit:
                `payment.begin.before_commit` and `payment.begin.committed`. Default: no crash points.

        Raises:
            Unavailable: as `connection`; also after a deadlock, a statement timeout, or a table that changed under a
                prepared statement, when all was rolled back. If the connection was lost during the commit, the outcome
                is unknown: a repeatable effect claims an idempotency key or uses the inbox.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection
            if point:
                reach(point, "before_commit")
        if point:
            reach(point, "committed")

    @contextlib.asynccontextmanager
    async def session(self, *, statement_seconds: float = _STATEMENT_SECONDS) -> AsyncIterator[Connection]:
        """A connection outside the pool, for session state: LISTEN, session-level locks. Closed after the block.

        Raises:
            Unavailable: the database has a transient error (`passes`), or a statement exceeds `statement_seconds`.
        """
        with self._trouble.translated():
            connection = await self._connect(statement_seconds)
            try:
                yield connection
                await connection.close(timeout=CONNECT_SECONDS)
            finally:
                connection.terminate()  # without a closing handshake: it failed, or was cancelled during a statement

    async def fetch(self, query: str, *arguments: object) -> list[Record]:
        """All rows of one statement outside a transaction. Raises Unavailable like `connection`."""
        async with self.connection() as connection:
            rows: list[Record] = await connection.fetch(query, *arguments)
            return rows

    async def fetchrow(self, query: str, *arguments: object) -> Record | None:
        """The first row of one statement outside a transaction. Raises Unavailable like `connection`."""
        async with self.connection() as connection:
            return await connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """The first value of the first row of one statement. Raises Unavailable like `connection`."""
        async with self.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> str:
        """Run one statement outside a transaction. Returns its command tag. Raises Unavailable like `connection`."""
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
            "command_timeout": statement_seconds + 1,  # a second later than the server's own timeout
            "server_settings": {
                "application_name": self._application_name,
                "jit": "off",  # compiling takes longer than any of our statements
                "statement_timeout": _milliseconds(statement_seconds),
                "idle_in_transaction_session_timeout": _milliseconds(2 * statement_seconds),
                # A client that disappeared must not keep its locks.
                "tcp_keepalives_idle": "15",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        }


_NO_CONNECTION = (OSError, asyncpg.PostgresError)  # TimeoutError is an OSError
"""Errors of connecting. All are transient, because no statement was executed."""


class _DatabaseTrouble(Trouble):
    """Converts transient errors to Unavailable, and keeps the lasting ones for the check."""

    def remember(self, error: BaseException) -> None:
        """Store an error, if it is a lasting one."""
        if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_LASTING):
            self.note(error)

    def raise_if_transient(self, error: BaseException) -> None:
        """Raise Unavailable if the error is transient. Otherwise do nothing."""
        if passes(error):
            self.remember(error)
            raise Unavailable from error

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Apply `raise_if_transient` to the errors of a block."""
        try:
            yield
        except Exception as error:
            self.raise_if_transient(error)
            raise


@dataclass(slots=True)
class _Pool:
    connections: asyncpg.Pool
    trouble: _DatabaseTrouble
    lent: int = 0
    """The number of blocks that have a connection or wait for one."""


class _Lent:
    """Lends a pooled connection to a block. A class, because a generator takes twice as long, for every query."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        pool = self._pool
        pool.lent += 1
        # If a connection is free, no timeout is needed: asyncpg makes a task for each. Connecting has its own timeout.
        one_to_spare = pool.lent <= pool.connections.get_max_size()
        timeout = None if one_to_spare else deadlines.within(CONNECT_SECONDS)
        try:
            self._connection = await pool.connections.acquire(timeout=timeout)
        except BaseException as error:
            pool.lent -= 1
            if isinstance(error, _NO_CONNECTION):
                pool.trouble.remember(error)
                raise Unavailable from error
            pool.trouble.raise_if_transient(error)
            raise
        return self._connection

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        pool = self._pool
        if isinstance(error, asyncpg.InternalClientError):
            self._connection.terminate()
        elif isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            await pool.connections.expire_connections()  # all lead to the old primary
        try:
            await pool.connections.release(self._connection)
        except BaseException as failure:
            pool.trouble.raise_if_transient(failure)
            raise
        finally:
            pool.lent -= 1
        if error is not None:
            pool.trouble.raise_if_transient(error)


def _was_closed(error: BaseException) -> bool:
    """Whether the connection was already closed. Other InterfaceErrors are bugs."""
    return isinstance(error, asyncpg.InterfaceError) and ("closed" in str(error) or "closing" in str(error))


async def _no_reset(_connection: Connection) -> None:
    """Saves the round trip of a reset: users of the pool keep no session state."""


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
