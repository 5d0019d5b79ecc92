"""What is wrong with the read side's documents, and how they are put right, while others write them.

Whoever repairs reads the document first and the order's history after it: a history only runs ahead of what is shown.
What is written is guarded by the version that was seen. On MongoDB the guard is atomic; on FerretDB it is not, so a
repair is over only when document and history, read again, agree: what was overwritten in that moment is seen then,
since a commit is stored before it is shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from motor.motor_asyncio import AsyncIOMotorCollection

from services.chassis.crash_points import reach
from services.chassis.mongo import Document, Mongo, unavailable_when_away
from services.order.domain import Order
from services.order.read_side import SHELF_HOLDS, ReadSide, shelf_number, shown_of

_BATCH = 500
_REMEMBERED = 10_000


class ReadSideRepair:
    """Compares documents with orders and replaces them. Every call raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo, read_side: ReadSide) -> None:
        self._mongo = mongo
        self._read_side = read_side
        self._counts: dict[str, int] = {}

    async def documents(self) -> AsyncIterator[Document]:
        """Everything that is shown, in no particular order."""
        with unavailable_when_away():
            async for document in self._orders.find({}, batch_size=_BATCH):
                yield document

    async def is_shown(self, order_id: str) -> bool:
        """Whether there is a document of the order."""
        with unavailable_when_away():
            return await self._orders.find_one({"_id": order_id}, {"_id": 1}) is not None

    async def shown(self, order_id: str) -> Document | None:
        """What is shown of an order."""
        with unavailable_when_away():
            return await self._orders.find_one({"_id": order_id})

    async def wrong_fields(self, shown: Document, order: Order) -> tuple[str, ...]:
        """The fields that do not say what the order's history does; none when all is well."""
        right = shown_of(order)
        names = (right.keys() | shown.keys()) - {"shelf"}
        wrong = {name for name in names if shown.get(name) != right.get(name)}
        if not await self._is_listed(shown, order):
            wrong.add("shelf")
        return tuple(sorted(wrong))

    async def replace(self, shown: Document, order: Order) -> None:
        """Show the order as it is in place of what was seen; nothing happens when others have changed it since."""
        right = shown_of(order)
        number = shelf_number(shown.get("shelf"), order.user_id)
        with unavailable_when_away():
            if number is None:
                right["shelf"] = await self._read_side.next_shelf(order.user_id)
            else:
                await self._count_at_least(order.user_id, number * SHELF_HOLDS + 1)
            reach("rebuild.counted")
            changes = {"$set": {name: value for name, value in right.items() if name != "_id"}}
            extra = shown.keys() - right.keys() - {"shelf"}
            if extra:
                changes["$unset"] = dict.fromkeys(extra, "")
            await self._orders.update_one({"_id": order.id, "version": shown.get("version")}, changes)

    async def remove(self, shown: Document) -> None:
        """Show no more what no history tells of."""
        with unavailable_when_away():
            await self._orders.delete_one({"_id": shown["_id"], "version": shown.get("version")})

    async def _is_listed(self, shown: Document, order: Order) -> bool:
        """Whether it stands on a shelf that its customer's list goes through."""
        number = shelf_number(shown.get("shelf"), order.user_id)
        if number is None:
            return False
        if self._counts.get(order.user_id, 0) <= number * SHELF_HOLDS:  # it only grows
            if len(self._counts) >= _REMEMBERED:
                self._counts.clear()
            self._counts[order.user_id] = await self._count(order.user_id)
        # A list begins one shelf above where the count is (read_side.py says why).
        return self._counts[order.user_id] > max(0, number - 1) * SHELF_HOLDS

    async def _count(self, user_id: str) -> int:
        with unavailable_when_away():
            counted = await self._shelves.find_one({"_id": user_id})
        return int(counted["orders"]) if counted else 0

    async def _count_at_least(self, user_id: str, orders: int) -> None:
        if await self._count(user_id) < orders:
            await self._shelves.update_one({"_id": user_id}, {"$max": {"orders": orders}}, upsert=True)

    @property
    def _orders(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("orders")

    @property
    def _shelves(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("shelves")
