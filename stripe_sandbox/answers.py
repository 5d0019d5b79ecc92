"""Stores answers under idempotency keys."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """The request that used a key first, and its answer."""

    path: str
    fingerprint: str
    status: int
    body: str
    request_id: str
    created: float


class Answers:
    """Call its writing methods only within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def find(self, key: str) -> SavedAnswer | None:
        row = self._db.execute(
            "SELECT path, fingerprint, status, body, request_id, created FROM idempotency_keys WHERE key = ?", (key,)
        ).fetchone()
        return SavedAnswer(*row) if row else None

    def save(self, key: str, answer: SavedAnswer) -> None:
        """Store an answer. It replaces an expired one; the caller checked that there is no valid one."""
        self._db.execute(
            "INSERT OR REPLACE INTO idempotency_keys (key, path, fingerprint, status, body, request_id, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, answer.path, answer.fingerprint, answer.status, answer.body, answer.request_id, answer.created),
        )

    def forget(self, before: float) -> int:
        """Delete answers older than `before`. Returns their number."""
        return self._db.execute("DELETE FROM idempotency_keys WHERE created < ?", (before,)).rowcount
