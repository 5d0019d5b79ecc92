"""Compares the read side's documents with orders and repairs them, while others write them (ports.ReadSideRepair).

The use case reads the document first and the order's history after it: a history is never behind what is shown. Each
write is guarded by the version that was read. On MongoDB the guard is atomic; on FerretDB it is not, so a repair is
over only when document and history, read again, agree: what was overwritten in between is noticed then, since a commit
is stored before it is shown.

What this version of the service does not know is neither wrong nor removed: a newer version may have written it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from motor.motor_asyncio import AsyncIOMotorCollection

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain.crash_points import reach
from services.order.adapters.read_side import OPTIONAL, SHELF_HOLDS, MongoReadSide, document_of, shelf_number
from services.order.adapters.slices import placed_slice, slice_of
from services.order.domain.orders import Order
from services.order.ports import Shown

_BATCH = 500
_REMEMBERED = 10_000


class MongoReadSideRepair:
    """Compares documents with orders and replaces them. Every call raises Unavailable while MongoDB is away."""

    def __init__(self, mongo: Mongo, read_side: MongoReadSide) -> None:
        self._mongo = mongo
        self._read_side = read_side
        self._slices = read_side.slices
        self._counts: dict[UUID, int] = {}
        self._walked: set[str] = set()

    async def documents(self) -> AsyncIterator[Shown]:
        """See ports.ReadSideRepair."""
        with unavailable_when_away():
            async for document in self._orders.find({}, batch_size=_BATCH):
                yield _shown(document)

    async def is_shown(self, order_id: str) -> bool:
        """See ports.ReadSideRepair."""
        with unavailable_when_away():
            return await self._orders.find_one({"_id": order_id}, {"_id": 1}) is not None

    async def shown(self, order_id: str) -> Shown | None:
        """See ports.ReadSideRepair."""
        with unavailable_when_away():
            document = await self._orders.find_one({"_id": order_id})
        return _shown(document) if document is not None else None

    async def wrong_fields(self, shown: Shown, order: Order) -> tuple[str, ...]:
        """See ports.ReadSideRepair."""
        wrong = _wrong_fields(shown.document, document_of(order))
        document = shown.document
        if not await self._is_listed(document, order):
            wrong.add("shelf")
        if not await self._is_walked(order) or not await self._slices.is_listed(
            slice_of(order.status, order.created_at)
        ):
            wrong.add("slice")
        return tuple(sorted(wrong))

    async def replace(self, shown: Shown, order: Order) -> None:
        """See ports.ReadSideRepair."""
        right, document = document_of(order), shown.document
        number = shelf_number(document.get("shelf"), order.user_id)
        with unavailable_when_away():
            if number is None:
                right["shelf"] = await self._read_side.next_shelf(order.user_id)
            else:
                await self._count_at_least(order.user_id, number * SHELF_HOLDS + 1)
            reach("rebuild.counted")
            await self._orders.update_one(
                {"_id": str(order.id), "version": document.get("version")}, _repair(document, right)
            )
        await self._slices.repair(right["slice"])
        await self._slices.repair(placed_slice(order.created_at))

    async def remove(self, shown: Shown) -> None:
        """See ports.ReadSideRepair."""
        with unavailable_when_away():
            await self._orders.delete_one({"_id": shown.order_id, "version": shown.document.get("version")})

    async def _is_walked(self, order: Order) -> bool:
        """Whether walks look into the slice of its first commit. A slice of these stays, so one look is enough."""
        slice_ = placed_slice(order.created_at)
        if slice_ not in self._walked and await self._slices.is_listed(slice_):
            if len(self._walked) >= _REMEMBERED:
                self._walked.clear()
            self._walked.add(slice_)
        return slice_ in self._walked

    async def _is_listed(self, document: Mapping[str, Any], order: Order) -> bool:
        """Whether it is in a bucket that its customer's list goes through."""
        number = shelf_number(document.get("shelf"), order.user_id)
        if number is None:
            return False
        if self._counts.get(order.user_id, 0) <= number * SHELF_HOLDS:  # it only grows
            if len(self._counts) >= _REMEMBERED:
                self._counts.clear()
            self._counts[order.user_id] = await self._count(order.user_id)
        # A list begins one bucket above the count (read_side.py says why).
        return self._counts[order.user_id] > max(0, number - 1) * SHELF_HOLDS

    async def _count(self, user_id: UUID) -> int:
        with unavailable_when_away():
            counted = await self._shelves.find_one({"_id": str(user_id)})
        return int(counted["orders"]) if counted else 0

    async def _count_at_least(self, user_id: UUID, orders: int) -> None:
        if await self._count(user_id) < orders:
            await self._shelves.update_one({"_id": str(user_id)}, {"$max": {"orders": orders}}, upsert=True)

    @property
    def _orders(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("orders")

    @property
    def _shelves(self) -> AsyncIOMotorCollection[Document]:
        return self._mongo.collection("shelves")


def _shown(document: Document) -> Shown:
    return Shown(str(document["_id"]), document)


def _wrong_fields(document: Mapping[str, Any], right: Mapping[str, Any]) -> set[str]:
    """The names of the fields that do not show the order, but for the bucket."""
    wrong = {name for name, value in right.items() if not _agrees(document.get(name), value)}
    return wrong | (OPTIONAL & document.keys() - right.keys())


def _agrees(stored: Any, right: Any) -> bool:
    """Whether a stored value has all that it must have; documents in it may have more."""
    if isinstance(right, Mapping):
        return isinstance(stored, Mapping) and all(_agrees(stored.get(name), one) for name, one in right.items())
    if isinstance(right, list):
        return (
            isinstance(stored, list)
            and len(stored) == len(right)
            and all(_agrees(one, other) for one, other in zip(stored, right, strict=True))
        )
    return bool(stored == right)


def _repair(document: Mapping[str, Any], right: Mapping[str, Any]) -> Document:
    """The update that corrects the wrong fields, and the bucket where `right` has one, and leaves all others."""
    wrong = _wrong_fields(document, right)
    # Always the version: should this write cross a newer projection, the version shows that it must be projected again.
    update: Document = {"$set": {"version": right["version"]} | {name: right[name] for name in wrong & right.keys()}}
    if wrong - right.keys():
        update["$unset"] = dict.fromkeys(wrong - right.keys(), "")
    return update
