"""Orders that the read side lacks, in a temporary file of SQLite (ports.MissingOrders)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from services.chassis.plain import clock


class TemporaryMissingOrders:
    """Sorts on disk (TMPDIR) once there are more than a few pages. Raises sqlite3.Error when the disk is full."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE missing (placed_at TEXT, order_id TEXT PRIMARY KEY)")

    def add(self, order_id: str, placed_at: datetime) -> None:
        """See ports.MissingOrders."""
        row = (clock.to_text(placed_at), order_id)
        self._connection.execute("INSERT OR IGNORE INTO missing VALUES (?, ?)", row)

    def oldest_first(self) -> Iterator[str]:
        """See ports.MissingOrders."""
        for (order_id,) in self._connection.execute("SELECT order_id FROM missing ORDER BY placed_at, order_id"):
            yield order_id


@contextmanager
def temporary_missing_orders() -> Iterator[TemporaryMissingOrders]:
    """An empty collection; SQLite deletes its file at the end of the block."""
    with closing(sqlite3.connect("")) as connection:
        yield TemporaryMissingOrders(connection)
