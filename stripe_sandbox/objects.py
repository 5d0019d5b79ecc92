"""Stores Stripe's objects."""

import sqlite3
from collections.abc import Mapping
from typing import TypeVar

from stripe_sandbox.paging import Page, page_of
from stripe_sandbox.resources import Resource

R = TypeVar("R", bound=Resource)

_FIELDS = {name: f"json_extract(document, '$.{name}')" for name in ("customer", "payment_intent", "charge")}
"""The fields by which lists can be filtered; each has an index over exactly this expression."""


class Objects:
    """Call its writing methods only within a transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def add(self, resource: Resource) -> None:
        self._db.execute(
            "INSERT INTO objects (id, kind, created, document) VALUES (?, ?, ?, ?)",
            (resource.id, resource.kind, resource.created, resource.model_dump_json()),
        )

    def update(self, resource: Resource) -> None:
        self._db.execute("UPDATE objects SET document = ? WHERE id = ?", (resource.model_dump_json(), resource.id))

    def find(self, type_: type[R], id_: str) -> R | None:
        row = self._db.execute("SELECT document FROM objects WHERE id = ? AND kind = ?", (id_, type_.kind)).fetchone()
        return type_.model_validate_json(row[0]) if row else None

    def get(self, type_: type[R], id_: str) -> R:
        """An object that must exist, for ids that other stored objects hold. Raises LookupError."""
        resource = self.find(type_, id_)
        if resource is None:
            raise LookupError(f"{type_.kind} {id_} is missing from the store")
        return resource

    def page_of(self, type_: type[R], page: Page, where: Mapping[str, str | None]) -> tuple[list[R], bool]:
        """A page, newest first, and whether there is more. A field whose value is None does not filter.

        Raises UnknownCursor.
        """
        narrowed = {_FIELDS[field]: value for field, value in where.items() if value is not None}
        documents, more = page_of(self._db, "objects", "document", {"kind": type_.kind} | narrowed, page)
        return [type_.model_validate_json(document) for document in documents], more

    def index_metadata(self, intent: str, metadata: Mapping[str, str]) -> None:
        """Index the intent by its metadata, which never change."""
        self._db.executemany(
            "INSERT INTO metadata (key, value, intent) VALUES (?, ?, ?)",
            [(key, value, intent) for key, value in metadata.items()],
        )

    def intents_with(self, key: str, value: str) -> list[str]:
        """The ids of intents with this metadata entry, newest first."""
        rows = self._db.execute(
            "SELECT o.id FROM metadata m JOIN objects o ON o.id = m.intent WHERE m.key = ? AND m.value = ? "
            "ORDER BY o.position DESC",
            (key, value),
        )
        return [row[0] for row in rows]

    def add_challenge(self, challenge: str, intent: str) -> None:
        self._db.execute("INSERT INTO challenges (id, intent) VALUES (?, ?)", (challenge, intent))

    def challenged_intent(self, challenge: str) -> str | None:
        """The id of the challenge's intent, whether the challenge is open or closed; None if unknown."""
        row = self._db.execute("SELECT intent FROM challenges WHERE id = ?", (challenge,)).fetchone()
        return row[0] if row else None
