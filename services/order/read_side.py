"""The read side: orders as they stand, for lists and for the sweeper. Written by the relay alone, from the commits.

It lags by milliseconds, and by more when the relay could not work; whoever decides anything reads the commits.

Lists. Each order stands on a shelf of its owner, `shelf: "<user>/<n>"`, 25 orders or so a shelf, filled in the order in
which orders are projected. A page walks shelves from the newest down and asks for one shelf at a time, by
equality: an index serves that on FerretDB, which hands down nothing else (no range, sort or limit), as well as on
MongoDB, and a page costs the same for a customer with ten orders and with a million. On one shelf orders are sorted by
time exactly; between neighbouring shelves two orders placed in the same moment may stand the other way round.

Waiting. An order that is pending says since which minute, again so that equality finds those that wait too long.

Versions. A projection never replaces a newer one. On MongoDB the guard is atomic. On FerretDB, which reads and then
writes, two updates of one order that arrive within the same milliseconds can cross, and the older state stay; the relay
therefore projects such orders once more, seconds later (`settled` in store.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.chassis import clock
from services.chassis.crash_points import reach
from services.chassis.mongo import Document, Mongo, unavailable_when_away
from services.order.documents import order_from_document, order_to_document
from services.order.domain import Order, Status

SHELF_HOLDS = 25
"""About a page: reading a shelf costs by what stands on it."""
_MOST_SHELVES_A_PAGE = 10
"""A page that looks for a rare status ends early, with a token to go on from, rather than walk for ever."""
_TRIES = 5
_A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Position:
    """Where a page of a list ended: everything after it comes later in the list."""

    shelf: int
    created_at: datetime | None
    """None: before the shelf's first order."""
    order_id: str


@dataclass(frozen=True)
class Page:
    """Some orders of one customer, newest first."""

    orders: Sequence[Order]
    end: Position | None
    """Where to go on; None: that was all."""


class Contended(Exception):
    """Others changed the same document at every try."""


class ReadSide:
    """Projects orders, lists them, and finds those that wait. Every call raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def ensure_indexes(self) -> None:
        """Make what the queries below need; repeating it changes nothing."""
        await self._orders.create_index([("shelf", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)])
        await self._orders.create_index([("status", ASCENDING), ("createdAt", ASCENDING)])
        await self._orders.create_index([("pendingSince", ASCENDING)])

    async def add(self, order: Order) -> None:
        """Show an order that was just placed. For one that may be shown already, `project` is cheaper and tidier."""
        with unavailable_when_away():
            await self._insert(order)

    async def project(self, order: Order) -> None:
        """Let the read side show this state of the order, or a newer one. Repeating it changes nothing."""
        with unavailable_when_away():
            for _ in range(_TRIES):
                if await self._raise(order) or await self._is_shown(order) or await self._insert(order):
                    return
        raise Contended(f"order {order.id} changes too fast to be projected")

    async def page(self, user_id: str, status: Status | None, after: Position | None, limit: int) -> Page:
        """The customer's orders, newest first, from a position on: at most `limit`, fewer before the end of the list.

        Fewer, even none, with an `end` that is not None happens when a long stretch holds no order of that status.
        """
        position = after or Position(await self._top_shelf(user_id), None, "")
        found: list[tuple[int, Order]] = []
        lowest = max(0, position.shelf - _MOST_SHELVES_A_PAGE + 1)
        for shelf in range(position.shelf, lowest - 1, -1):
            orders = await self._on_shelf(user_id, shelf)
            found += [
                (shelf, order)
                for order in orders
                if status in (None, order.status) and (shelf < position.shelf or _comes_after(order, position))
            ]
            if len(found) > limit:
                shelf, last = found[limit - 1]
                return Page([order for _, order in found[:limit]], Position(shelf, last.created_at, last.id))
        end = Position(lowest - 1, None, "") if lowest > 0 else None
        return Page([order for _, order in found], end)

    async def pending_since(self, before: datetime) -> list[str]:
        """The ids of all orders that were placed before an instant and seem to be pending still.

        FerretDB reads every pending order for it, and MongoDB only those that are asked for.
        """
        return await self._ids({"status": str(Status.PENDING), "createdAt": {"$lt": before}})

    async def pending_between(self, after: datetime, before: datetime) -> list[str]:
        """The same of those that were placed after another instant, a minute or so more: cheap on both."""
        minutes = int((before - after) / _A_MINUTE) + 1
        found: list[str] = []
        for minute in range(minutes + 1):
            placed = {"pendingSince": _minute(before - minute * _A_MINUTE), "createdAt": {"$lt": before}}
            found += await self._ids(placed)
        return found

    async def _ids(self, query: Document) -> list[str]:
        with unavailable_when_away():
            return [document["_id"] for document in await self._orders.find(query, {"_id": 1}).to_list(None)]

    async def _is_shown(self, order: Order) -> bool:
        shown = await self._orders.find_one({"_id": order.id}, {"version": 1})
        return shown is not None and shown["version"] >= order.version

    async def _insert(self, order: Order) -> bool:
        shelf = await self._next_shelf(order.user_id)
        reach("order.read_side.counted")
        document = shown_of(order) | {"shelf": _shelf(order.user_id, shelf)}
        try:
            await self._orders.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def _raise(self, order: Order) -> bool:
        if order.version == 1:
            return False  # nothing is older
        changes = {"status": str(order.status), "updatedAt": order.updated_at, "version": order.version}
        guard = {"_id": order.id, "version": {"$lt": order.version}}
        # An order that has moved is not pending, and never will be again.
        update = {"$set": changes, "$unset": {"pendingSince": ""}}
        return (await self._orders.update_one(guard, update)).matched_count > 0

    async def next_shelf(self, user_id: str) -> str:
        """Where the customer's next order is to stand."""
        return _shelf(user_id, await self._next_shelf(user_id))

    async def _next_shelf(self, user_id: str) -> int:
        """The shelf for the customer's next order.

        Two updates may count as one on FerretDB: a shelf then holds a few more, which matters to nobody.
        """
        for _ in range(_TRIES):
            try:
                counted = await self._shelves.find_one_and_update(
                    {"_id": user_id}, {"$inc": {"orders": 1}}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # another projection counted the customer's first order in the same moment
            return int(counted["orders"] - 1) // SHELF_HOLDS
        raise Contended(f"the shelves of user {user_id} change too fast")

    async def _top_shelf(self, user_id: str) -> int:
        with unavailable_when_away():
            counted = await self._shelves.find_one({"_id": user_id})
        # One more, since the count may have fallen behind for a moment (see above) just where a shelf begins.
        return int(counted["orders"] - 1) // SHELF_HOLDS + 1 if counted else 0

    async def _on_shelf(self, user_id: str, shelf: int) -> list[Order]:
        # Not by status as well: FerretDB would read that index whole, with every order of that status in it.
        query = {"shelf": _shelf(user_id, shelf)}
        newest_first = [("createdAt", DESCENDING), ("_id", DESCENDING)]
        with unavailable_when_away():
            documents = await self._orders.find(query, sort=newest_first).to_list(None)
        return [order_from_document(document) for document in documents]

    @property
    def _orders(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("orders")

    @property
    def _shelves(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("shelves")


def shown_of(order: Order) -> Document:
    """What the read side holds of an order, but for the shelf that it stands on."""
    waiting = {"pendingSince": _minute(order.created_at)} if order.status is Status.PENDING else {}
    return order_to_document(order) | waiting


def _shelf(user_id: str, number: int) -> str:
    return f"{user_id}/{number}"


def shelf_number(shelf: object, user_id: str) -> int | None:
    """Which of the customer's shelves this is; None for what is none of theirs."""
    owner, _, number = shelf.rpartition("/") if isinstance(shelf, str) else ("", "", "")
    return int(number) if owner == user_id and number.isdecimal() else None


def _minute(instant: datetime) -> str:
    """The minute that an instant lies in: `2026-03-01T09:30`."""
    return clock.to_text(instant)[:16]


def _comes_after(order: Order, position: Position) -> bool:
    if position.created_at is None:
        return True
    return (order.created_at, order.id) < (position.created_at, position.order_id)
