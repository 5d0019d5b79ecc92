"""The read side in MongoDB: orders for lists and for the sweeper. The relay alone writes it, from the commits.

It is milliseconds behind the commits, and more when the relay could not work; every decision reads the commits.

Lists. Each order is in a bucket of its owner's orders, `shelf: "<user>/<n>"`, of about 25, filled in the order in which
orders are projected. A page goes through buckets from the newest down and queries one bucket at a time, by equality:
an index serves that on FerretDB, which uses indexes for nothing else (no range, sort or limit), as well as on MongoDB,
and a page costs the same for a customer with ten orders and with a million. Within one bucket orders are sorted by time
exactly; of two orders placed at the same instant in neighbouring buckets either may come first.

The list of all orders. Each order is in a slice by its status and the time at which it was placed (slices.py); the list
is in all_orders.py.

Waiting. A pending order has the minute since which it is pending, so that equality finds those that wait too long.

Versions. A projection never replaces a newer one. On MongoDB the guard is atomic. On FerretDB, which reads and then
writes, two updates of one order that arrive within the same milliseconds can cross, and the older state stays; the
relay therefore projects such orders once more, seconds later (`settled` in commits.py).

Fields. A projection sets the fields of `document_of` and leaves all others: a newer version of this service may have
written them. A field that is added to `document_of` needs no change here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain import clock
from services.chassis.plain.crash_points import reach
from services.order.adapters.documents import order_from_document, order_to_document
from services.order.adapters.slices import Slices, slice_of
from services.order.domain.orders import Order, Status, can_follow
from services.order.ports import Now, Page, Position, ProjectionContended

SHELF_HOLDS = 25
"""Orders of a bucket, about a page: reading a bucket costs by their number."""
_MOST_SHELVES_A_PAGE = 10
"""A page of a rare status ends early, with a token for the next one, rather than read for ever."""
_TRIES = 5
_A_MINUTE = timedelta(minutes=1)
_FIXED = frozenset({"_id", "userId", "items", "totalAmount", "currency", "shippingAddress", "createdAt"})
"""Fields that no commit after the first one changes: the projection of a later commit does not write them again."""
OPTIONAL = frozenset({"pendingSince"})
"""Fields that an order is shown without when it has no value for them."""


class MongoReadSide:
    """Projects and lists orders, and finds pending ones (ports.ReadSide). Raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo, now: Now = clock.now) -> None:
        self._mongo = mongo
        self.slices = Slices(mongo, now)

    async def ensure_indexes(self) -> None:
        """Makes the indexes of the queries below and of all_orders.py; repeating it changes nothing."""
        await self.slices.ensure_indexes()
        await self._orders.create_index([("slice", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)])
        await self._orders.create_index([("shelf", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)])
        await self._orders.create_index([("status", ASCENDING), ("createdAt", ASCENDING)])
        await self._orders.create_index([("pendingSince", ASCENDING)])

    async def add(self, order: Order) -> None:
        """Shows an order that was just placed. For one that may be shown already, `project` is cheaper."""
        with unavailable_when_away():
            await self._insert(order)
        await self._list(order)

    async def project(self, order: Order) -> None:
        """See ports.ReadSide."""
        with unavailable_when_away():
            for _ in range(_TRIES):
                if await self._raise(order) or await self._is_shown(order) or await self._insert(order):
                    break
            else:
                raise ProjectionContended(f"order {order.id} changes too fast to be projected")
        await self._list(order)

    async def page(self, user_id: UUID, status: Status | None, after: Position | None, limit: int) -> Page:
        """See ports.ReadSide."""
        position = after or Position(await self._top_shelf(user_id))
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
        end = Position(lowest - 1) if lowest > 0 else None
        return Page([order for _, order in found], end)

    async def pending_since(self, before: datetime) -> list[UUID]:
        """See ports.ReadSide. FerretDB reads every pending order for it, and MongoDB only those that it answers."""
        return await self._ids({"status": str(Status.PENDING), "createdAt": {"$lt": before}})

    async def pending_between(self, after: datetime, before: datetime) -> list[UUID]:
        """See ports.ReadSide."""
        minutes = int((before - after) / _A_MINUTE) + 1
        found: list[UUID] = []
        for minute in range(minutes + 1):
            placed = {"pendingSince": _minute(before - minute * _A_MINUTE), "createdAt": {"$lt": before}}
            found += await self._ids(placed)
        return found

    async def _list(self, order: Order) -> None:
        """Makes the list of all orders, and walks through all commits, look where the order is. Also for one that is
        shown already: whoever showed it may have died before this."""
        await self.slices.ensure_placed(order.created_at)
        await self.slices.ensure(slice_of(order.status, order.created_at))
        for status in Status:
            if can_follow(order.status, status):
                self.slices.left(slice_of(status, order.created_at))

    async def _ids(self, query: Document) -> list[UUID]:
        with unavailable_when_away():
            documents = await self._orders.find(query, {"_id": 1}).to_list(None)
        return [UUID(document["_id"]) for document in documents]

    async def _is_shown(self, order: Order) -> bool:
        shown = await self._orders.find_one({"_id": str(order.id)}, {"version": 1})
        return shown is not None and shown["version"] >= order.version

    async def _insert(self, order: Order) -> bool:
        shelf = await self._next_shelf(order.user_id)
        reach("order.read_side.counted")
        document = document_of(order) | {"shelf": _shelf(order.user_id, shelf)}
        try:
            await self._orders.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def _raise(self, order: Order) -> bool:
        if order.version == 1:
            return False  # nothing is older
        fields = document_of(order)
        changes = {name: value for name, value in fields.items() if name not in _FIXED}
        guard = {"_id": str(order.id), "version": {"$lt": order.version}}
        # An order that has moved is not pending and never becomes so again.
        update = {"$set": changes, "$unset": dict.fromkeys(OPTIONAL - fields.keys(), "")}
        return (await self._orders.update_one(guard, update)).matched_count > 0

    async def next_shelf(self, user_id: UUID) -> str:
        """The bucket of the customer's next order."""
        return _shelf(user_id, await self._next_shelf(user_id))

    async def _next_shelf(self, user_id: UUID) -> int:
        """The number of the bucket of the customer's next order.

        Two updates may count as one on FerretDB: a bucket then has a few orders more, which does no harm.
        """
        for _ in range(_TRIES):
            try:
                counted = await self._shelves.find_one_and_update(
                    {"_id": str(user_id)}, {"$inc": {"orders": 1}}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                continue  # another projection counted the customer's first order in the same moment
            return int(counted["orders"] - 1) // SHELF_HOLDS
        raise ProjectionContended(f"the shelves of user {user_id} change too fast")

    async def _top_shelf(self, user_id: UUID) -> int:
        with unavailable_when_away():
            counted = await self._shelves.find_one({"_id": str(user_id)})
        # One more, since the count may be behind for a moment (see above) just where a bucket begins.
        return int(counted["orders"] - 1) // SHELF_HOLDS + 1 if counted else 0

    async def _on_shelf(self, user_id: UUID, shelf: int) -> list[Order]:
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


def document_of(order: Order) -> Document:
    """The document of an order, without its bucket."""
    waiting = {"pendingSince": _minute(order.created_at)} if order.status is Status.PENDING else {}
    return order_to_document(order) | {"slice": slice_of(order.status, order.created_at)} | waiting


def _shelf(user_id: UUID, number: int) -> str:
    return f"{user_id}/{number}"


def shelf_number(shelf: object, user_id: UUID) -> int | None:
    """The number of one of the customer's buckets; None: it is not one of theirs."""
    owner, _, number = shelf.rpartition("/") if isinstance(shelf, str) else ("", "", "")
    return int(number) if owner == str(user_id) and number.isdecimal() else None


def _minute(instant: datetime) -> str:
    """The minute of an instant: `2026-03-01T09:30`."""
    return clock.to_text(instant)[:16]


def _comes_after(order: Order, position: Position) -> bool:
    if position.created_at is None or position.order_id is None:
        return True
    return (order.created_at, order.id) < (position.created_at, position.order_id)
