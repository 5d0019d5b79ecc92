"""Schema migrations: plain SQL files, applied once each, in order of their names.

yoyo-migrations reads the files and keeps the record; three things it leaves open are closed here:

- processes that start at once: one advisory lock of the session, which a dead process cannot keep;
- a process that dies midway: a file and its record are one transaction;
- yoyo's own lock table, whose row a dead process does leave behind: cleared under our lock.

The chassis' tables come first (services/chassis/migrations), then the service's. File names are unique over both:
`0001.chassis.outbox.sql`, `0001.inventory.products.sql`. A file that says `-- transactional: false` (CREATE INDEX
CONCURRENTLY) is outside this promise: it must be safe to run twice.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from services.chassis.crash_points import reach

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
    """Another process has been migrating for longer than one is waited for."""


class MigrationFailed(Exception):
    """The schema could not be brought up to date; nothing of the migration that failed stays."""


def migrate(dsn: str, directory: Path) -> list[str]:
    """Bring the schema up to date and answer the names of the migrations that were applied.

    Any number of processes may do it at once: one works, the others wait and find nothing left to do.

    Raises:
        MigrationsBusy: another one has held the lock for two minutes.
        psycopg.Error: the database is away, or a migration is wrong; nothing of that migration stays.
    """
    import psycopg

    with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS) as guard:
        _lock(guard)
        return _apply(dsn, directory)


def migrate_or_exit(dsn: str, directory: Path) -> None:
    """`migrate` as a command: what keeps it from its work is one line on stderr, and the exit code is 1."""
    import psycopg

    try:
        migrate(dsn, directory)
    except (psycopg.Error, MigrationsBusy) as error:
        # psycopg names host and user, never the password; its first line says what is wrong.
        sys.stderr.write(f"not migrated: {str(error).strip().splitlines()[0]}\n")
        raise SystemExit(1) from None


async def migrate_in_background(dsn: str, directory: Path) -> list[str]:
    """`migrate`, in a process of its own: what it loads is gone afterwards, and it ends with the task that waits.

    Raises:
        MigrationFailed: with the last line that the process said.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", __file__, str(directory)), env={**os.environ, _DSN: dsn}, stdout=PIPE, stderr=PIPE
    )
    try:
        told, errors = await child.communicate()
    except asyncio.CancelledError:
        child.kill()  # as safe as any death: the next one begins where this one was
        await child.wait()
        raise
    if child.returncode:
        raise MigrationFailed((errors.decode().strip().splitlines() or ["it said nothing"])[-1])
    applied = told.decode().splitlines()[-1].split()  # what a migration selects, yoyo prints before
    for migration in applied:
        _log.info("migrated", migration=migration)
    return applied


def _lock(guard: psycopg.Connection[Any]) -> None:
    """Take the lock; it goes with the connection."""
    give_up = time.monotonic() + _WAIT_SECONDS
    # Asked for again and again rather than waited for: a waiting statement would hold back vacuum while it waits.
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
    print(*migrate(os.environ.pop(_DSN), Path(sys.argv[1])))  # noqa: T201 - this is its answer
