"""Cursor pagination over a table, newest first; cursors are ids (https://docs.stripe.com/api/pagination)."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """Selects a page of a list."""

    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None


class UnknownCursor(Exception):
    """`starting_after` or `ending_before` is not the id of a row."""


def page_of(
    database: sqlite3.Connection, table: str, column: str, where: Mapping[str, str], page: Page
) -> tuple[list[str], bool]:
    """The values of `column` for rows where every expression equals its value, and whether there are more.

    Table, column and expressions must be constants of the program; only values are user input. Raises UnknownCursor.
    """
    backwards = page.ending_before is not None
    cursor = page.ending_before or page.starting_after
    conditions = ["TRUE", *(f"{expression} = ?" for expression in where)]
    values: list[str | int] = [*where.values()]
    if cursor is not None:
        conditions.append(f"position {'>' if backwards else '<'} ?")
        values.append(_position(database, table, cursor))
    order = "ASC" if backwards else "DESC"
    query = f"SELECT {column} FROM {table} WHERE {' AND '.join(conditions)} ORDER BY position {order} LIMIT ?"  # noqa: S608
    rows = database.execute(query, (*values, page.limit + 1)).fetchall()
    found = [row[0] for row in rows[: page.limit]]
    return (found[::-1] if backwards else found), len(rows) > page.limit


def _position(database: sqlite3.Connection, table: str, id_: str) -> int:
    row = database.execute(f"SELECT position FROM {table} WHERE id = ?", (id_,)).fetchone()  # noqa: S608
    if row is None:
        raise UnknownCursor(id_)
    return int(row[0])
