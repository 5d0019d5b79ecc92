"""Scheduled jobs on objects."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    task: str
    subject: str


class Jobs:
    """Call its writing methods only within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def add(self, task: str, subject: str, due_at: float) -> None:
        self._db.execute("INSERT INTO jobs (task, subject, due_at) VALUES (?, ?, ?)", (task, subject, due_at))

    def first_due(self, now: float) -> Job | None:
        row = self._db.execute(
            "SELECT id, task, subject FROM jobs WHERE due_at <= ? ORDER BY due_at, id LIMIT 1", (now,)
        ).fetchone()
        return Job(*row) if row else None

    def next_due_at(self) -> float | None:
        due_at: float | None = self._db.execute("SELECT min(due_at) FROM jobs").fetchone()[0]
        return due_at

    def remove(self, job: int) -> None:
        self._db.execute("DELETE FROM jobs WHERE id = ?", (job,))
