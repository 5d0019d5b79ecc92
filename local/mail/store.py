"""Stores received mails in one SQLite file."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
create table if not exists mails (id integer primary key, received_at text not null, raw blob not null);
create table if not exists recipients (
    address text not null, mail_id integer not null references mails, primary key (address, mail_id)
) without rowid;
"""


@dataclass(frozen=True)
class StoredMail:
    """A mail as received; `recipients` are those of the envelope."""

    id: int
    received_at: str
    recipients: tuple[str, ...]
    raw: bytes


class MailStore:
    """Adds and finds mails. Calls take well under a millisecond, so they are made on the event loop."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + _SCHEMA)

    def add(self, received_at: str, recipients: list[str], raw: bytes) -> None:
        """Store a mail. It is on disk when this returns, completely or not at all."""
        with self._connection:
            added = self._connection.execute("insert into mails (received_at, raw) values (?, ?)", (received_at, raw))
            self._connection.executemany(
                "insert or ignore into recipients values (?, ?)",
                [(address.lower(), added.lastrowid) for address in recipients],
            )

    def find(self, recipient: str | None, most: int, after: int | None = None) -> list[StoredMail]:
        """The latest mails, or the first `after` that id; oldest first, to one address (case-insensitive) or any."""
        rows = self._connection.execute(
            f"""
            select id, received_at, raw, (select json_group_array(address) from recipients where mail_id = id)
            from mails where (?1 is null or id in (select mail_id from recipients where address = ?1))
                and (?3 is null or id > ?3)
            order by id {"desc" if after is None else "asc"} limit ?2
            """,  # noqa: S608 - one of two words
            (recipient.lower() if recipient else None, most, after),
        ).fetchall()
        found = [StoredMail(id_, at, tuple(json.loads(to)), raw) for id_, at, raw, to in rows]
        return found[::-1] if after is None else found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
