"""A walk through all orders, a page at a time (ports.OrderIds).

It reads the first commits, by their slices of time (slices.py), then the documents of the lists, by the slices of each
status. So it finds orders that the lists do not have, and documents without a history. It returns most orders twice.
Each query is by equality on one field, and a page costs the same however many orders there are.

First commits of earlier releases have no slice. Their orders are found by their documents; if the document is lost,
`argosy orders rebuild` finds them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from services.chassis.data.mongo import Mongo, unavailable_when_away
from services.chassis.plain.comparison import Page
from services.order.adapters.slices import PLACED, Slices, is_slice
from services.order.domain.orders import Status

_ROOTS = (PLACED, *sorted(map(str, Status)))
_MOST_SLICES_A_PAGE = 200
"""A page of slices that have become empty ends early."""


@dataclass(frozen=True)
class MongoOrderIds:
    """A place is a slice, and the last id of it that was returned: `placed/2026-03-01T09:30:4 <id>`."""

    mongo: Mongo
    slices: Slices

    async def page(self, place: str, limit: int) -> Page:
        """See ports.OrderIds."""
        start, _, last = place.partition(" ")
        found: list[str] = []
        read = 0
        async with aclosing(self._slices_from(start)) as slices:
            async for slice_ in slices:
                if read == _MOST_SLICES_A_PAGE:
                    return Page(found, f"{slice_} ")
                read += 1
                ids = [one for one in await self._in(slice_) if slice_ != start or one > last]
                found += ids[: limit - len(found)]
                if len(found) == limit:
                    return Page(found, f"{slice_} {found[-1]}")
        return Page(found, "")

    async def _slices_from(self, start: str) -> AsyncGenerator[str, None]:
        """This slice, and all that come after it. From the first one, where it is none of ours."""
        root = start.partition("/")[0]
        first = _ROOTS.index(root) if root in _ROOTS else 0
        for one in _ROOTS[first:]:
            async with aclosing(self._down(one, start if one == root else "")) as slices:
                async for slice_ in slices:
                    yield slice_

    async def _down(self, node: str, start: str) -> AsyncGenerator[str, None]:
        """The slices under a node from this one on, oldest first."""
        for child in reversed(await self.slices.under(node)):
            if child < start[: len(child)]:
                continue
            if is_slice(child):
                yield child
                continue
            async with aclosing(self._down(child, start)) as slices:
                async for slice_ in slices:
                    yield slice_

    async def _in(self, slice_: str) -> list[str]:
        """The ids of the orders of a slice, sorted."""
        if slice_.startswith(PLACED):
            collection, field = self.mongo.collection("commits"), "orderId"
        else:
            collection, field = self.mongo.collection("orders"), "_id"
        with unavailable_when_away():
            documents = await collection.find({"slice": slice_}, {field: 1}).to_list(None)
        return sorted(str(document[field]) for document in documents)
