"""The sandbox's store: one SQLite file; every change of state is one transaction.

Objects are JSON documents in one table, with indexes over the fields of look-ups. The event loop runs a transaction
without awaiting, so transactions never interleave; `BEGIN IMMEDIATE` also guards against a second process. WAL with
synchronous=NORMAL keeps committed data when the process is killed; a power cut may lose the last transactions.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE objects (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX objects_by_kind ON objects (kind, position);
CREATE INDEX objects_by_intent ON objects (kind, json_extract(document, '$.payment_intent'), position);
CREATE INDEX objects_by_charge ON objects (kind, json_extract(document, '$.charge'), position);
CREATE INDEX objects_by_customer ON objects (kind, json_extract(document, '$.customer'), position);

CREATE TABLE metadata (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    intent TEXT NOT NULL,
    PRIMARY KEY (key, value, intent)
) WITHOUT ROWID;

CREATE TABLE challenges (
    id TEXT PRIMARY KEY,
    intent TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_by_type ON events (type, position);
CREATE INDEX events_by_age ON events (created);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL
);
CREATE INDEX deliveries_by_due ON deliveries (due_at);
CREATE INDEX deliveries_by_event ON deliveries (event);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_at REAL NOT NULL
);
CREATE INDEX jobs_by_due ON jobs (due_at);

CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created);
"""


class WrongSchema(Exception):
    """The file was written by a version of the sandbox with another schema."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, and create it with its tables if it is missing. Raises WrongSchema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 5000")
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise WrongSchema(f"{path} has version {version}, not {_SCHEMA_VERSION}: remove the file.")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all changes of the block, or none. Do not await inside."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
