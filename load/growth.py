"""Fills a running stack with copies of real purchases: `python -m load.growth --orders 1000000`.

A customer buys through the edge. What this leaves in all stores is copied, with ids of its own and at earlier times,
spread over ninety days, each copy for a customer of its own; the last tenth is of the first one. So rows and documents
are those that the services write. Stripe knows nothing of the copies, and no mail was sent for them.

Nothing else may use the stack meanwhile, and nothing should later but measurements: reconciliation finds the copies.
"""

import argparse
import asyncio
import hashlib
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import BulkWriteError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from load.purchase_cost import Buyer
from load.report import show
from local import credentials
from local.stack import Stack
from local.topology import parts
from services.order.adapters import slices
from services.order.adapters.read_side import SHELF_HOLDS
from services.order.domain.orders import Status

PURCHASES = 20
"""Of the first customer, and of each copy of them."""
_PAGE = f"/orders?pageSize={PURCHASES}"
_PAGES = 50
"""How often a page is read to measure it."""
_SPREAD = timedelta(days=90)
_AT_A_TIME = 250
"""Copies that are written together."""
_TABLES: Mapping[str, Sequence[str]] = {
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
_DUPLICATE = 11000
_UUID_LENGTH = 36
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

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
"""As `copy_of` below. Ids of version 7 stay ordered by time."""
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


@dataclass(frozen=True)
class Copies:
    """Which copies are made: of customers with all that they have, then of orders of the first one."""

    customers: int
    of_one: int

    @property
    def all(self) -> int:
        """How many there are; they are numbered from 1."""
        return self.customers + self.of_one

    def customer(self, copy: int) -> int:
        """Whose copy it is: 0 is the first customer."""
        return copy if copy <= self.customers else 0

    def earlier(self, copy: int) -> timedelta:
        """How long before the originals it happened. Those of one customer follow each other from the last back."""
        number, of = (copy, self.customers) if copy <= self.customers else (copy - self.customers, self.of_one)
        return timedelta(milliseconds=_SPREAD / timedelta(milliseconds=1) * number // of)

    def position(self, copy: int, order: int) -> int:
        """The number of an order among those of its customer, the oldest first."""
        if 0 < copy <= self.customers:
            return order
        return (self.all - copy if copy else self.of_one) * PURCHASES + order


def main() -> int:
    """Fill the stack, and print what an order costs each store."""
    parser = argparse.ArgumentParser(prog="python -m load.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument(
        "--of-one", type=float, default=0.1, help="the share of the orders that are the first customer's"
    )
    options = parser.parse_args()
    copies = options.orders // PURCHASES
    of_one = int(copies * options.of_one)
    try:
        asyncio.run(_fill(Stack.from_environment(), Copies(copies - of_one, of_one)))
    except (httpx.HTTPError, OSError) as error:
        print(
            f"the stack does not answer as expected ({error!r}): `make up` first, see load/README.md", file=sys.stderr
        )
        return 1
    return 0


async def _fill(stack: Stack, copies: Copies) -> None:
    since = {name: await _transaction(stack, name) for name in _TABLES}
    async with Buyer(stack) as buyer:
        await buyer.buy(PURCHASES, 4)
        orders = (await buyer.get(_PAGE))["orders"]
        before, alone = await _sizes(stack), await _page_milliseconds(buyer)
        await _copy(stack, since, [one["id"] for one in reversed(orders)], copies)
        after, grown = await _sizes(stack), await _page_milliseconds(buyer)
    show(_table({of: (after[of] - before.get(of, 0)) / (copies.all * PURCHASES) for of in after}, copies))
    Console().print(
        f"a page of a customer with {PURCHASES} orders: {alone:.1f} ms; "
        f"with {copies.of_one * PURCHASES} more: {grown:.1f} ms"
    )


async def _page_milliseconds(buyer: Buyer) -> float:
    """How long the first page of the customer's orders takes, the median."""
    took = []
    for _ in range(_PAGES):
        began = time.perf_counter()
        await buyer.get(_PAGE)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def _copy(stack: Stack, since: Mapping[str, int], orders: Sequence[str], copies: Copies) -> None:
    with Progress() as progress:
        async with asyncio.TaskGroup() as tasks:
            for name in _TABLES:
                tasks.create_task(_fill_database(stack, name, since[name], copies, progress))
            tasks.create_task(_fill_orders(stack, orders, copies, progress))


async def _connect(stack: Stack, database: str) -> asyncpg.Connection:
    password = credentials.read(stack.secrets).postgres_password("postgres")
    return await asyncpg.connect(f"postgresql://postgres:{password}@{stack.address('postgres')}/{database}")


async def _transaction(stack: Stack, database: str) -> int:
    connection = await _connect(stack, database)
    try:
        return int(await connection.fetchval("SELECT pg_current_xact_id()::text::bigint"))
    finally:
        await connection.close()


async def _sizes(stack: Stack) -> Mapping[str, int]:
    """Bytes of each table with its indexes."""
    sizes: dict[str, int] = {}
    for database in (*_TABLES, "ferretdb"):
        connection = await _connect(stack, database)
        for row in await connection.fetch(_SIZES):
            sizes[f"{database} {row['of'].rpartition('_')[0] if database == 'ferretdb' else row['of']}"] = row["bytes"]
        await connection.close()
    return sizes


async def _fill_database(stack: Stack, name: str, since: int, copies: Copies, progress: Progress) -> None:
    """Copy the rows that were written since a transaction."""
    connection = await _connect(stack, name)
    await connection.execute("SET session_replication_role = replica")  # no triggers, no foreign keys
    await connection.execute(COPY_OF)
    columns: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(_COLUMNS, _TABLES[name]):
        columns.setdefault(row["of"], {})[row["name"]] = row["type"]
    statements = [_copying(table, types, since) for table, types in columns.items()]
    await connection.execute("".join(statement.original for statement in statements))
    task = progress.add_task(name, total=copies.all)
    for numbers in _chunks(copies):
        customers = [copies.customer(copy) for copy in numbers]
        earlier = [copies.earlier(copy) // timedelta(milliseconds=1) for copy in numbers]
        for statement in statements:
            await connection.execute(statement.copies, numbers, customers, earlier)
        progress.advance(task, len(numbers))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


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


async def _fill_orders(stack: Stack, ids: Sequence[str], copies: Copies, progress: Progress) -> None:
    """Copy the documents of these orders, the oldest first."""
    (part,) = (part for part in parts(stack, credentials.read(stack.secrets)) if part.name == "order")
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(part.environment["MONGO_URL"], tz_aware=True)
    database = client.get_default_database()
    commits = await database.commits.find({"orderId": {"$in": list(ids)}}).to_list(None)
    found = await database.orders.find({"_id": {"$in": list(ids)}}).to_list(None)
    orders = sorted(found, key=lambda one: ids.index(one["_id"]))
    task = progress.add_task("order", total=copies.all)
    listed: set[str] = set()
    for numbers in _chunks(copies):
        copied = [_order(copies, copy, number, one) for copy in numbers for number, one in enumerate(orders)]
        nodes = {node for one in copied for node in slices.path(one["slice"])} - listed
        listed |= nodes
        counts = [_shelves(copies, copy, orders[0]["userId"]) for copy in numbers if copies.customer(copy)]
        await asyncio.gather(
            database.commits.insert_many([_document(copies, copy, one) for copy in numbers for one in commits]),
            database.orders.insert_many(copied),
            _insert_new(database.slices, [slices.document_of(node) for node in sorted(nodes)]),
            _insert_new(database.shelves, counts),
        )
        progress.advance(task, len(numbers))
    for number, one in enumerate(orders):
        shelf = f"{one['userId']}/{copies.position(0, number) // SHELF_HOLDS}"
        await database.orders.update_one({"_id": one["_id"]}, {"$set": {"shelf": shelf}})
    await database.shelves.update_one({"_id": orders[0]["userId"]}, {"$inc": {"orders": copies.of_one * PURCHASES}})
    client.close()


def _order(copies: Copies, copy: int, number: int, original: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an order of the read side; `number` is that of the original."""
    document = _document(copies, copy, original)
    shelf = f"{document['userId']}/{copies.position(copy, number) // SHELF_HOLDS}"
    return {**document, "shelf": shelf, "slice": slices.slice_of(Status(document["status"]), document["createdAt"])}


def _shelves(copies: Copies, copy: int, customer: str) -> dict[str, Any]:
    return {"_id": copy_of(customer, copy, copies.earlier(copy)), "orders": PURCHASES}


def _document(copies: Copies, copy: int, original: Mapping[str, Any]) -> dict[str, Any]:
    customer, earlier = copies.customer(copy), copies.earlier(copy)
    copied: dict[str, Any] = _value(original, lambda found: copy_of(found, copy, earlier), earlier)
    of = original.get("userId") or original["events"][0]["userId"]
    for one in (copied, *copied.get("events", ())):
        if "userId" in one:
            one["userId"] = copy_of(of, customer, earlier)
    return copied


def _value(value: Any, ids: Callable[[str], str], earlier: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _value(one, ids, earlier) for name, one in value.items()}
    if isinstance(value, list):
        return [_value(one, ids, earlier) for one in value]
    if isinstance(value, str):
        return _UUID.sub(lambda found: ids(found[0]), value) if len(value) >= _UUID_LENGTH else value
    return value - earlier if isinstance(value, datetime) else value


@lru_cache(maxsize=1000)
def copy_of(id_: str, copy: int, earlier: timedelta) -> str:
    """The id of a copy; copy 0 is the original. Ids of version 7 stay ordered by time."""
    if not copy:
        return id_
    plain, digest = id_.replace("-", ""), hashlib.md5(f"{id_}{copy}".encode(), usedforsecurity=False).hexdigest()
    if plain[12] == "7":
        at = int(plain[:12], 16) - earlier // timedelta(milliseconds=1)
        return str(UUID(f"{at:012x}7{digest[:3]}a{digest[3:18]}"))
    return str(UUID(f"{digest[:12]}5{digest[12:15]}a{digest[15:30]}"))


async def _insert_new(collection: AsyncIOMotorCollection[Any], documents: Sequence[dict[str, Any]]) -> None:
    """Insert those that are not there yet."""
    try:
        if documents:
            await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != _DUPLICATE for one in error.details["writeErrors"]):
            raise


def _chunks(copies: Copies) -> Iterator[range]:
    for first in range(1, copies.all + 1, _AT_A_TIME):
        yield range(first, min(first + _AT_A_TIME, copies.all + 1))


def _table(bytes_an_order: Mapping[str, float], copies: Copies) -> Table:
    table = Table(title=f"What an order leaves, bytes with indexes: {copies.all * PURCHASES} orders")
    table.add_column("database and table")
    table.add_column("bytes", justify="right")
    for of, bytes_ in sorted(bytes_an_order.items(), key=lambda one: -one[1]):
        if bytes_ >= 1:
            table.add_row(of, f"{bytes_:.0f}")
    table.add_row("all", f"{sum(bytes_an_order.values()):.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
