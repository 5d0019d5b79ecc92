"""What the use cases need of the world, in the words of the domain. `adapters/` implements each port.

The service has no unit of work: a commit is one insert, and everything else follows from the stored commits. So a use
case reads an order's history, decides, and appends one commit (use_cases/journal.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.chassis.plain import comparison
from services.chassis.plain.errors import AppError, Unavailable
from services.order.domain.history import Commit, History
from services.order.domain.orders import Line, Order, PaymentState, RequestedLine, Status

Now = Callable[[], datetime]
"""The present instant, by the clock of the store."""

Announce = Callable[[History], Awaitable[None]]
"""Called with every history that has grown: the outbox, which projects and publishes it. Never raises."""


class VersionTaken(Exception):
    """Another writer's commit is this version of the order: read the history and decide again."""


class OrderClosed(Exception):
    """The order did not exist when it was looked for, and never will: `Commits.close` took the place of its commit."""


class NotStored(Unavailable):
    """The commit is not stored and never will be."""

    default_message = "orders cannot be stored at the moment; nothing was changed, try again later"


class OutcomeUnknown(Unavailable):
    """The connection was lost while the commit was being stored, and the store cannot say whether it is stored."""

    default_message = (
        "it is not known whether this was done; check, or repeat the request with the same Idempotency-Key"
    )


class Commits(Protocol):
    """The histories of all orders. Every call raises Unavailable while the store is away."""

    async def load(self, order_id: UUID) -> History:
        """The order's commits, oldest first; none for an unknown order.

        Raises KeyError or ValueError for a commit that cannot be read.
        """

    def order_ids(self) -> AsyncIterator[str]:
        """The ids of all orders, in no particular order. Reads all commits: for an operator, not for a call."""

    async def append(self, commit: Commit) -> None:
        """Stores a commit as the next version of its order.

        Raises:
            VersionTaken: another writer was first.
            OrderClosed: it is the order's first commit, and the order is closed.
            NotStored: it is certainly not stored.
            OutcomeUnknown: it may be stored, now or later.
        """

    async def close(self, order_id: UUID) -> bool:
        """Prevents an order without commits from ever having one. False: it has one, or is about to."""


class OrderIds(Protocol):
    """The ids of all orders: of those that have a history, and of those that lists show."""

    async def page(self, place: str, limit: int) -> comparison.Page:
        """Up to `limit` ids after this place. A walk may return an order twice. Raises Unavailable."""


class ProjectionContended(Exception):
    """Others changed the same document of the read side at every try."""


@dataclass(frozen=True)
class Position:
    """Where a page of a list ended: the next page begins after it."""

    shelf: int
    """The bucket of the customer's orders (adapters/read_side.py)."""
    created_at: datetime | None = None
    """None: before the first order of the bucket."""
    order_id: UUID | None = None


@dataclass(frozen=True)
class Page:
    """Some orders of one customer, newest first."""

    orders: Sequence[Order]
    end: Position | None
    """Where the next page begins; None: this is the last page."""


class ReadSide(Protocol):
    """The orders as lists show them. Every call raises Unavailable while the store is away."""

    async def project(self, order: Order) -> None:
        """Shows this state of the order, unless a newer one is shown. Repeating it changes nothing.

        Raises ProjectionContended.
        """

    async def page(self, user_id: UUID, status: Status | None, after: Position | None, limit: int) -> Page:
        """The customer's orders, newest first, from a position on: at most `limit`.

        It may have fewer, even none, before the end of the list when a long stretch has no order with this status.
        """

    async def pending_since(self, before: datetime) -> Sequence[UUID]:
        """The orders that were placed before an instant and are shown as pending. Expensive."""

    async def pending_between(self, after: datetime, before: datetime) -> Sequence[UUID]:
        """The same for orders that were placed after another instant, give or take a minute. Cheap."""


@dataclass(frozen=True)
class Shown:
    """What the read side has stored of an order, right or wrong."""

    order_id: str
    """As it is stored: it may be no UUID."""
    document: Mapping[str, Any]
    """The adapter's own; use cases pass it back."""


class ReadSideRepair(Protocol):
    """Compares what is shown with orders, and replaces it. Every call raises Unavailable while the store is away."""

    def documents(self) -> AsyncIterator[Shown]:
        """Everything that is shown, in no particular order."""

    async def is_shown(self, order_id: str) -> bool:
        """Whether anything is shown of the order."""

    async def shown(self, order_id: str) -> Shown | None:
        """What is shown of the order."""

    async def wrong_fields(self, shown: Shown, order: Order) -> tuple[str, ...]:
        """The names of the fields that differ from the order; none: it is shown as it is."""

    async def replace(self, shown: Shown, order: Order) -> None:
        """Shows the order instead of this. Does nothing when others have changed it since."""

    async def remove(self, shown: Shown) -> None:
        """Deletes what is shown. Does nothing when others have changed it since."""


class MissingOrders(Protocol):
    """Orders that are not shown, on disk rather than in memory: there may be many."""

    def add(self, order_id: str, placed_at: datetime) -> None:
        """Adds an order, once."""

    def oldest_first(self) -> Iterator[str]:
        """The ids, by the time at which the orders were placed."""


NewMissingOrders = Callable[[], AbstractContextManager[MissingOrders]]
"""Makes an empty one, which is deleted at the end of the block."""


@dataclass(frozen=True)
class OrderList:
    """A list of orders: who reads it, whose orders it has, and of which status."""

    reader_id: UUID
    user_id: UUID
    status: Status | None


@dataclass(frozen=True)
class OrderFilter:
    """Which orders of the shop a list has."""

    statuses: Set[Status]
    """At least one."""
    placed_from: datetime | None = None
    """Placed at this instant or later; None: no bound."""
    placed_before: datetime | None = None


@dataclass(frozen=True)
class Before:
    """Where a page of the list of all orders ended: the next page begins after it."""

    placed_at: datetime
    order_id: UUID | None = None
    """None: orders of that instant are not on the next page."""

    def comes_after(self, order: Order) -> bool:
        """Whether the order comes after this place, newest first."""
        if self.order_id is None:
            return order.created_at < self.placed_at
        return (order.created_at, order.id) < (self.placed_at, self.order_id)


@dataclass(frozen=True)
class OrdersPage:
    """Some of all orders, newest first."""

    orders: Sequence[Order]
    end: Before | None
    """Where the next page begins; None: this is the last page."""


class AllOrders(Protocol):
    """The orders of all customers, as lists show them. Raises Unavailable while the store is away."""

    async def page(self, wanted: OrderFilter, before: Before | None, limit: int) -> OrdersPage:
        """These orders, newest first, from a place on: at most `limit`.

        It may have fewer, even none, before the end of the list when a long stretch of time has none of them.
        """


class AllOrdersTokens(Protocol):
    """Page tokens of the list of all orders that nobody can make or change, each for one reader and one filter."""

    def seal(self, end: Before, reader_id: UUID, wanted: OrderFilter) -> str:
        """The token of the page that begins after this place."""

    def open(self, token: str, reader_id: UUID, wanted: OrderFilter) -> Before | None:
        """The place in a token; None: the first page. Raises InvalidArgument for a token of another list."""


class PageTokens(Protocol):
    """Page tokens that nobody can make or change, each for one list and its reader."""

    def seal(self, end: Position, of: OrderList) -> str:
        """The token of the page that begins after this position."""

    def open(self, token: str, of: OrderList) -> Position | None:
        """The position in a token; None: the first page. Raises InvalidArgument for a token of another list."""


class OutOfStock(AppError):
    """Less is available than was asked for; the violations name the lines."""


class TooMuchHeld(AppError):
    """The customer's unpaid orders would hold more than the bounds; the message states them."""


class HeldForOtherLines(Exception):
    """The order has a reservation for other lines."""


class HoldEnded(AppError):
    """The order's reservation was released."""

    default_message = (
        "the stock that was held for this order has been given back; order anew, with a new Idempotency-Key"
    )


class Inventory(Protocol):
    """Reserves stock for orders and releases it."""

    async def hold(self, order_id: UUID, user_id: UUID, lines: Iterable[RequestedLine]) -> Sequence[Line]:
        """Reserves these lines for the order of this customer and answers them with their prices, in the same order.

        A repeat has the same answer and extends the reservation.

        Raises:
            InvalidArgument: an unknown product, a stated price that is not the catalog's, items that come to what
                cannot be charged; names the line, or `items`.
            OutOfStock: too little is available; names the line.
            TooMuchHeld: the customer's unpaid orders would hold too much.
            HeldForOtherLines: the order has a reservation for other lines.
            HoldEnded: the order's reservation was released.
            Unavailable: inventory did not answer; whether the stock is reserved is unknown.
        """

    async def release(self, order_id: UUID) -> None:
        """Releases the order's reservation; nothing can be reserved for the order any more. Raises Unavailable."""

    async def with_reservation(self, order_ids: Sequence[UUID]) -> Set[UUID]:
        """Those of these orders, at most 100, that have a reservation, whatever its status. Raises Unavailable."""


class Payments(Protocol):
    """The payments of orders."""

    async def state_of(self, order_id: UUID) -> PaymentState:
        """The state of the order's payment. Raises Unavailable: payment does not answer."""

    async def was_paid(self, order_id: UUID) -> bool:
        """Whether a payment confirmed the order, also when its money has gone back. Raises as `state_of`."""


class News(Protocol):
    """The changes of one order that its watcher has not read yet."""

    async def of_more_than(self, version: int) -> None:
        """Returns once the order is past this version, or may be."""


class OrderNews(Protocol):
    """Changes of orders, made by any replica."""

    def of(self, order_id: UUID) -> AbstractContextManager[News]:
        """The changes of one order from now on."""
