"""Copies of rows, in the services' databases on PostgreSQL, and how large their tables are."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from rich.progress import Progress

from load.growth.copies import Copies
from local import credentials
from local.credentials import FERRETDB
from local.stack import Stack

TABLES: Mapping[str, Sequence[str]] = {
    "user": ("users", "user_profiles"),
    "payment": ("payments", "payment_attempts", "ledger_entries", "processed_webhook_events", "inbox"),
    "inventory": ("reservations", "reservation_items", "stock_moves", "inbox"),
    "notification": ("recipients", "orders", "messages", "inbox"),
}
"""Database → its tables that grow with customers and orders, and keep their rows for longer than a day."""
_OUTER_IDS = ("email", "event_id", "idempotency_key", "provider_reference", "stripe_id", "stripe_payment_intent_id")
"""Columns of text that are unique, and are no ids of ours."""
_OF_CUSTOMERS = ("user_id", "customer_id")
_OF_ORDERS = {"order_id", "payment_id", "event_id"}

COPY_OF = """
CREATE FUNCTION pg_temp.copy_of(id uuid, copy bigint, earlier_ms bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN copy = 0 THEN id
        WHEN substr(plain, 13, 1) = '7' THEN (
            lpad(to_hex(('x' || substr(plain, 1, 12))::bit(48)::bigint - earlier_ms), 12, '0')
            || '7' || substr(digest, 1, 3) || 'a' || substr(digest, 4, 15)
        )::uuid
        ELSE (substr(digest, 1, 12) || '5' || substr(digest, 13, 3) || 'a' || substr(digest, 16, 15))::uuid
    END FROM (SELECT replace(id::text, '-', '') AS plain, md5(id::text || copy) AS digest) AS texts
$$
"""
"""As `copies.copy_of`. Ids of version 7 stay ordered by time."""
_COLUMNS = """
SELECT c.relname AS of, a.attname AS name, format_type(a.atttypid, NULL) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname = ANY ($1::text[])
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
ORDER BY c.relname, a.attnum
"""
_SIZES = """
SELECT relname AS of, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND NOT relnamespace::regnamespace::text IN ('pg_catalog', 'information_schema')
"""


@contextlib.asynccontextmanager
async def _connected(stack: Stack, database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the superuser."""
    password = credentials.read(stack.secrets).postgres_password("postgres")
    connection = await asyncpg.connect(f"postgresql://postgres:{password}@{stack.address('postgres')}/{database}")
    try:
        yield connection
    finally:
        await connection.close()


async def transaction(stack: Stack, database: str) -> int:
    """The number of a new transaction: what is written later has a higher one."""
    async with _connected(stack, database) as connection:
        return int(await connection.fetchval("SELECT pg_current_xact_id()::text::bigint"))


async def sizes(stack: Stack) -> Mapping[str, int]:
    """Bytes of each table with its indexes."""
    found: dict[str, int] = {}
    for database in (*TABLES, FERRETDB):
        async with _connected(stack, database) as connection:
            for row in await connection.fetch(_SIZES):
                name = row["of"].rpartition("_")[0] if database == FERRETDB else row["of"]
                found[f"{database} {name}"] = row["bytes"]
    return found


async def fill(stack: Stack, name: str, since: int, copies: Copies, progress: Progress) -> None:
    """Copy the rows that were written since a transaction."""
    async with _connected(stack, name) as connection:
        await _fill(connection, name, since, copies, progress)
        await connection.execute("VACUUM ANALYZE")


async def _fill(connection: asyncpg.Connection, name: str, since: int, copies: Copies, progress: Progress) -> None:
    await connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
    await connection.execute(COPY_OF)
    columns: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(_COLUMNS, TABLES[name]):
        columns.setdefault(row["of"], {})[row["name"]] = row["type"]
    statements = [_copying(table, types, since) for table, types in columns.items()]
    await connection.execute("".join(statement.original for statement in statements))
    task = progress.add_task(name, total=copies.all)
    for numbers in copies.chunks():
        customers = [copies.customer(copy) for copy in numbers]
        earlier = [copies.earlier(copy) // timedelta(milliseconds=1) for copy in numbers]
        for statement in statements:
            await connection.execute(statement.copies, numbers, customers, earlier)
        progress.advance(task, len(numbers))


@dataclass(frozen=True)
class _Copying:
    """How the rows of a table are copied."""

    original: str
    """Keeps the originals."""
    copies: str
    """$1 their numbers, $2 their customers' (0: the first one), $3 how many milliseconds earlier they are."""


def _copying(table: str, types: Mapping[str, str], since: int) -> _Copying:
    names = ", ".join(f'"{name}"' for name in types)
    values = ", ".join(_copied(table, name, type_) for name, type_ in types.items())
    # What a customer has once is copied with the customer.
    once = "" if _OF_ORDERS & set(types) else " WHERE c.customer > 0"
    return _Copying(
        f'CREATE TEMP TABLE "original_{table}" AS SELECT * FROM "{table}" WHERE xmin::text::bigint >= {since};',  # noqa: S608
        f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "original_{table}" o '  # noqa: S608
        f"CROSS JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS c (copy, customer, earlier){once}",
    )


def _copied(table: str, name: str, type_: str) -> str:
    """The value of a column in a copy."""
    column = f'o."{name}"'
    if type_ == "uuid":
        of = "c.customer" if name in _OF_CUSTOMERS or (table, name) == ("users", "id") else "c.copy"
        return f"pg_temp.copy_of({column}, {of}, c.earlier)"
    if type_ == "timestamp with time zone":
        return f"{column} - c.earlier * interval '1 millisecond'"
    if name in _OUTER_IDS:
        return f"c.copy || '.' || {column}"
    return column
