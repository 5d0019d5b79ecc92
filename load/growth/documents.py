"""Copies of documents, in the order service's MongoDB."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import BulkWriteError
from rich.progress import Progress

from load.growth.copies import PURCHASES, Copies, copy_of
from local import credentials
from local.stack import Stack
from local.topology import parts
from services.order.adapters import slices
from services.order.adapters.read_side import SHELF_HOLDS
from services.order.domain.orders import Status

_DUPLICATE = 11000
_UUID_LENGTH = 36
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def fill(stack: Stack, ids: Sequence[str], copies: Copies, progress: Progress) -> None:
    """Copy the documents of these orders, the oldest first."""
    (part,) = (part for part in parts(stack, credentials.read(stack.secrets)) if part.name == "order")
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(part.environment["MONGO_URL"], tz_aware=True)
    database = client.get_default_database()
    commits = await database.commits.find({"orderId": {"$in": list(ids)}}).to_list(None)
    found = await database.orders.find({"_id": {"$in": list(ids)}}).to_list(None)
    orders = sorted(found, key=lambda one: ids.index(one["_id"]))
    task = progress.add_task("order", total=copies.all)
    listed: set[str] = set()
    for numbers in copies.chunks():
        copied = [order(copies, copy, number, one) for copy in numbers for number, one in enumerate(orders)]
        committed = [commit(copies, copy, one) for copy in numbers for one in commits]
        nodes = {node for one in (*copied, *committed) if "slice" in one for node in slices.path(one["slice"])} - listed
        listed |= nodes
        counts = [_shelves(copies, copy, orders[0]["userId"]) for copy in numbers if copies.customer(copy)]
        await asyncio.gather(
            database.commits.insert_many(committed),
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


def order(copies: Copies, copy: int, number: int, original: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an order of the read side; `number` is that of the original."""
    copied = document(copies, copy, original)
    shelf = f"{copied['userId']}/{copies.position(copy, number) // SHELF_HOLDS}"
    return {**copied, "shelf": shelf, "slice": slices.slice_of(Status(copied["status"]), copied["createdAt"])}


def commit(copies: Copies, copy: int, original: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a commit."""
    copied = document(copies, copy, original)
    return {**copied, "slice": slices.placed_slice(copied["at"])} if "slice" in original else copied


def _shelves(copies: Copies, copy: int, customer: str) -> dict[str, Any]:
    return {"_id": copy_of(customer, copy, copies.earlier(copy)), "orders": PURCHASES}


def document(copies: Copies, copy: int, original: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a commit or an order."""
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


async def _insert_new(collection: AsyncIOMotorCollection[Any], documents: Sequence[dict[str, Any]]) -> None:
    """Insert those that are not there yet."""
    try:
        if documents:
            await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != _DUPLICATE for one in error.details["writeErrors"]):
            raise
