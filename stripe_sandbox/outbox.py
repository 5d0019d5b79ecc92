"""Events, and the deliveries that the webhook's receiver has not acknowledged yet."""

import sqlite3
from dataclasses import dataclass

from stripe_sandbox.paging import Page, page_of


@dataclass(frozen=True, slots=True)
class StoredEvent:
    id: str
    type: str
    created: int
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    event: str
    attempts: int


class Outbox:
    """Call its writing methods only within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def add_event(self, event: StoredEvent) -> None:
        self._db.execute(
            "INSERT INTO events (id, type, created, body) VALUES (?, ?, ?, ?)",
            (event.id, event.type, event.created, event.body),
        )

    def event(self, id_: str) -> str | None:
        """Its body."""
        row = self._db.execute("SELECT body FROM events WHERE id = ?", (id_,)).fetchone()
        return row[0] if row else None

    def events(self, page: Page, type_: str | None) -> tuple[list[str], bool]:
        """A page of bodies, newest first, and whether there is more. Raises UnknownCursor."""
        return page_of(self._db, "events", "body", {"type": type_} if type_ else {}, page)

    def add_delivery(self, event: str, due_at: float) -> None:
        self._db.execute("INSERT INTO deliveries (event, due_at) VALUES (?, ?)", (event, due_at))

    def due(self, now: float, limit: int) -> list[Delivery]:
        rows = self._db.execute(
            "SELECT id, event, attempts FROM deliveries WHERE due_at <= ? ORDER BY due_at, id LIMIT ?", (now, limit)
        )
        return [Delivery(*row) for row in rows]

    def next_due_at(self, after: float) -> float | None:
        """The due time of the first delivery that is due after `after`; None without one."""
        due_at: float | None = self._db.execute(
            "SELECT min(due_at) FROM deliveries WHERE due_at > ?", (after,)
        ).fetchone()[0]
        return due_at

    def postpone(self, delivery: int, due_at: float) -> None:
        self._db.execute("UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE id = ?", (due_at, delivery))

    def remove(self, delivery: int) -> None:
        self._db.execute("DELETE FROM deliveries WHERE id = ?", (delivery,))

    def pending(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    def pending_of(self, event: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM deliveries WHERE event = ?", (event,)).fetchone()[0])

    def forget(self, before: float) -> None:
        """Delete delivered events older than `before`."""
        self._db.execute("DELETE FROM events WHERE created < ? AND id NOT IN (SELECT event FROM deliveries)", (before,))
