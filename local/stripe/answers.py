"""Answers kept under idempotency keys."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """What a key was used for, and what came of it."""

    path: str
    fingerprint: str
    status: int
    body: str
    request_id: str
    created: float


class Answers:
    """Call what changes something only within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def find(self, key: str) -> SavedAnswer | None:
        row = self._db.execute(
            "SELECT path, fingerprint, status, body, request_id, created FROM idempotency_keys WHERE key = ?", (key,)
        ).fetchone()
        return SavedAnswer(*row) if row else None

    def save(self, key: str, answer: SavedAnswer) -> None:
        """Replaces what has expired; the caller knows that nothing else is there."""
        self._db.execute(
            "INSERT OR REPLACE INTO idempotency_keys (key, path, fingerprint, status, body, request_id, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, answer.path, answer.fingerprint, answer.status, answer.body, answer.request_id, answer.created),
        )

    def forget(self, before: float) -> int:
        """How many were forgotten."""
        return self._db.execute("DELETE FROM idempotency_keys WHERE created < ?", (before,)).rowcount
