"""Schema migrations: SQL files, each applied once, in the order of their names.

yoyo-migrations reads the files and records what was applied. This module makes it safe:

- Processes that start at once: a session-level advisory lock, which ends with its process.
- A process that dies during a migration: a file and its record are one transaction.
- yoyo's own lock table, in which a dead process leaves a row: cleared under our lock.

The chassis' migrations (services/chassis/migrations) come first, then the service's. File names are unique across both:
`0001.chassis.outbox.sql`, `0001.inventory.products.sql`. A file with `-- transactional: false` (CREATE INDEX
CONCURRENTLY) is not atomic with its record: it must be safe to run twice.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import structlog

from services.chassis.plain.crash_points import reach

if TYPE_CHECKING:
    import psycopg
    from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
    from yoyo.migrations import Migration

CHASSIS = Path(__file__).parent / "migrations"

_LOCK = 7_203_001
_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 2
_DSN = "MIGRATE_DATABASE_URL"

_log = structlog.get_logger()


class MigrationsBusy(Exception):
    """Another process has held the migration lock for two minutes."""


class MigrationFailed(Exception):
    """The schema could not be migrated. The failed migration was rolled back."""


def migrate(dsn: str, directory: Path) -> list[str]:
    """Migrate the schema. Returns the names of the migrations that were applied.

    Several processes may call it at once: one migrates, the others wait.

    Raises:
        MigrationsBusy: another process has held the lock for two minutes.
        psycopg.Error: the database is unavailable, or a migration failed and was rolled back.
    """
    import psycopg

    with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS) as guard:
        _lock(guard)
        return _apply(dsn, directory)


def migrate_or_exit(dsn: str, directory: Path) -> None:
    """`migrate` as a command: an error is one line on stderr and exit code 1."""
    import psycopg

    try:
        migrate(dsn, directory)
    except (psycopg.Error, MigrationsBusy) as error:
        # psycopg's first line has the reason. It may name host and user, never the password.
        sys.stderr.write(f"not migrated: {str(error).strip().splitlines()[0]}\n")
        raise SystemExit(1) from None


async def migrate_in_background(dsn: str, directory: Path) -> list[str]:
    """`migrate` in a child process, which frees the memory of its libraries. Cancelling the task kills the process.

    Raises:
        MigrationFailed: with the last line of the process's stderr.
    """
    child = _start(dsn, directory)
    try:
        output, errors = await asyncio.to_thread(child.communicate)
    except asyncio.CancelledError:
        child.kill()  # safe: the next process continues from the last committed migration
        await asyncio.to_thread(child.wait)
        raise
    if child.returncode:
        raise MigrationFailed((errors.strip().splitlines() or ["no output"])[-1])
    applied = output.splitlines()[-1].split()  # yoyo prints rows that a migration selects before it
    for migration in applied:
        _log.info("migrated", migration=migration)
    return applied


def _start(dsn: str, directory: Path) -> subprocess.Popen[str]:
    """The child process of a migration.

    Popen uses vfork: nothing runs in the child before its program. uvloop forks and runs Python first; a lock that
    another thread held at the fork is never released there, so the child hung, and the loop, which waits for the
    program to begin, hung with it.
    """
    command = [sys.executable, "-P", __file__, str(directory)]
    return subprocess.Popen(command, env={**os.environ, _DSN: dsn}, stdout=PIPE, stderr=PIPE, text=True)


def _lock(guard: psycopg.Connection[Any]) -> None:
    """Take the session-level lock. It ends with the connection."""
    give_up = time.monotonic() + _WAIT_SECONDS
    # Polls instead of waiting, because a waiting statement would hold back vacuum.
    while True:
        row = guard.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() > give_up:
            raise MigrationsBusy("another process is migrating this database")
        time.sleep(_POLL_SECONDS)


def _apply(dsn: str, directory: Path) -> list[str]:
    from yoyo import read_migrations
    from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
    from yoyo.connections import parse_uri
    from yoyo.migrations import default_migration_table

    with PostgresqlPsycopgBackend(parse_uri(dsn), default_migration_table) as backend:
        backend.init_database()
        backend.break_lock()
        applied = []
        for migration in backend.to_apply(read_migrations(str(CHASSIS), str(directory))):
            _apply_one(backend, migration)
            applied.append(migration.id)
        return applied


def _apply_one(backend: PostgresqlPsycopgBackend, migration: Migration) -> None:
    migration.load()
    if not migration.use_transactions:
        migration.process_steps(backend, "apply")
        backend.mark_one(migration)
        return
    with backend.transaction():  # its steps become savepoints in this one
        migration.process_steps(backend, "apply")
        backend.mark_one(migration)
        reach("migration.before_commit")
    reach("migration.committed")


if __name__ == "__main__":
    print(*migrate(os.environ.pop(_DSN), Path(sys.argv[1])))  # noqa: T201 - the result, for the parent process
