"""The list of all orders, newest first, from the read side in MongoDB (ports.AllOrders).

Each status has its orders in slices of time (slices.py). A page goes through those of each wanted status from the
newest down, reads one slice at a time and merges the statuses, so it costs the same at the beginning and at the end of
the list, and however many orders have other statuses.

A slice may be empty: its orders have moved, and it is not pruned yet. After so many queries a page ends early.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import datetime

from pymongo import DESCENDING

from services.chassis.data.mongo import Document, Mongo, unavailable_when_away
from services.chassis.plain.side_by_side import side_by_side
from services.order.adapters.documents import order_from_document
from services.order.adapters.slices import Slices, begins, is_before, is_slice
from services.order.domain.orders import Order, Status
from services.order.ports import Before, OrderFilter, OrdersPage

_MOST_QUERIES_A_PAGE = 200


@dataclass(frozen=True)
class _End:
    """The last element of a stream that ran out of queries: all orders placed at this instant or later came before."""

    at: datetime


_Element = Order | _End


@dataclass
class _Stream:
    """The orders of one status, newest first."""

    slices: Slices
    mongo: Mongo
    status: Status
    wanted: OrderFilter
    before: Before | None
    queries: int
    """How many it has left."""
    reached: datetime | None = field(default=None, init=False)
    """All orders that were placed at this instant or later have been yielded."""

    async def orders(self) -> AsyncGenerator[_Element, None]:
        """The orders, and an `_End` where the queries are used up."""
        async for slice_ in self._down(str(self.status)):
            if slice_ is None or not self._may_query():
                if self.reached is not None:
                    yield _End(self.reached)
                return
            for order in await self._in(slice_):
                yield order
            self.reached = begins(slice_)

    async def _down(self, node: str) -> AsyncGenerator[str | None, None]:
        """The slices under a node, newest first; None where the queries are used up."""
        if not self._may_query():
            yield None
            return
        for child in await self.slices.under(node):
            if self._is_later(child):
                continue
            if self.wanted.placed_from is not None and is_before(child, self.wanted.placed_from):
                return
            if is_slice(child):
                yield child
                continue
            async for slice_ in self._down(child):
                yield slice_
                if slice_ is None:
                    return
            self.reached = begins(child)

    def _may_query(self) -> bool:
        self.queries -= 1
        return self.queries >= 0

    async def _in(self, slice_: str) -> Sequence[Order]:
        newest_first = [("createdAt", DESCENDING), ("_id", DESCENDING)]
        with unavailable_when_away():
            documents = await self.mongo.collection("orders").find(self._query(slice_), sort=newest_first).to_list(None)
        orders = [order for order in map(order_from_document, documents) if self._is_wanted(order)]
        if not documents:
            self.slices.left(slice_)
        return orders

    def _query(self, slice_: str) -> Document:
        """MongoDB reads the wanted part of the slice alone; FerretDB reads all of it."""
        bounds = {}
        if self.before is not None:
            bounds["$lte"] = self.before.placed_at
        if self.wanted.placed_from is not None:
            bounds["$gte"] = self.wanted.placed_from
        return {"slice": slice_, "createdAt": bounds} if bounds else {"slice": slice_}

    def _is_later(self, node: str) -> bool:
        """Whether all its orders come before the page."""
        if self.before is None:
            return False
        if self.before.order_id is None:
            return begins(node) >= self.before.placed_at
        return begins(node) > self.before.placed_at

    def _is_wanted(self, order: Order) -> bool:
        # The release before does not know slices: an order that it has moved is still in the one of its old status.
        return order.status is self.status and (self.before is None or self.before.comes_after(order))


@dataclass(frozen=True)
class MongoAllOrders:
    """Pages of the list of all orders. Raises Unavailable while MongoDB is away."""

    mongo: Mongo
    slices: Slices

    async def page(self, wanted: OrderFilter, before: Before | None, limit: int) -> OrdersPage:
        """See ports.AllOrders."""
        if before is None and wanted.placed_before is not None:
            before = Before(wanted.placed_before)
        # To each its own, so that a page moves on in every status.
        queries = _MOST_QUERIES_A_PAGE // len(wanted.statuses)
        async with AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(
                    aclosing(_Stream(self.slices, self.mongo, status, wanted, before, queries).orders())
                )
                for status in sorted(wanted.statuses)
            ]
            return await _merge(streams, limit)


@dataclass(frozen=True)
class _Head:
    """The next element of a stream."""

    element: _Element
    stream: AsyncGenerator[_Element, None]

    @property
    def place(self) -> tuple[datetime, str]:
        """Newer is larger. An end comes after the orders of its instant."""
        if isinstance(self.element, _End):
            return self.element.at, ""
        return self.element.created_at, str(self.element.id)


async def _merge(streams: Sequence[AsyncGenerator[_Element, None]], limit: int) -> OrdersPage:
    orders: list[Order] = []
    heads = [head for head in await side_by_side(_head_of, streams) if head is not None]
    while heads:
        newest = max(heads, key=lambda head: head.place)
        if isinstance(newest.element, _End):
            return OrdersPage(orders, Before(newest.element.at))
        if len(orders) == limit:
            return OrdersPage(orders, Before(orders[-1].created_at, orders[-1].id))
        orders.append(newest.element)
        heads.remove(newest)
        following = await _head_of(newest.stream)
        if following is not None:
            heads.append(following)
    return OrdersPage(orders, None)


async def _head_of(stream: AsyncGenerator[_Element, None]) -> _Head | None:
    element = await anext(stream, None)
    return _Head(element, stream) if element is not None else None
