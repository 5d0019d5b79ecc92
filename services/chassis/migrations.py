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
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

if TYPE_CHECKING:
    from yoyo.migrations import Migration

CHASSIS = Path(__file__).parent / "migrations"

_LOCK = 7_203_001
_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 2

_log = structlog.get_logger()


class MigrationsBusy(Exception):
    """Another process has been migrating for longer than one is waited for."""


def migrate(dsn: str, directory: Path) -> list[str]:
    """Bring the schema up to date and answer the names of the migrations that were applied.

    Any number of processes may do it at once: one works, the others wait and find nothing left to do.

    Raises:
        MigrationsBusy: another one has held the lock for two minutes.
        psycopg.Error: the database is away, or a migration is wrong; nothing of that migration stays.
    """
    with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS) as guard:
        _lock(guard)
        return _apply(dsn, directory)


async def migrate_in_background(dsn: str, directory: Path) -> list[str]:
    """`migrate`, off the event loop."""
    return await asyncio.to_thread(migrate, dsn, directory)


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
    with PostgresqlPsycopgBackend(parse_uri(dsn), default_migration_table) as backend:
        backend.init_database()
        backend.break_lock()
        wanted = read_migrations(str(CHASSIS), str(directory))
        applied = []
        for migration in backend.to_apply(wanted):
            _apply_one(backend, migration)
            applied.append(migration.id)
            _log.info("migrated", migration=migration.id)
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
