"""The order service's ports in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.chassis.plain.errors import FieldViolation, InvalidArgument, Unavailable
from services.order.domain.history import Commit, History, fold
from services.order.domain.orders import Line, Order, PaymentState, RequestedLine, Status
from services.order.ports import (
    Before,
    HeldForOtherLines,
    HoldEnded,
    OrderClosed,
    OrderFilter,
    OrderList,
    OrdersPage,
    OutcomeUnknown,
    OutOfStock,
    Page,
    Position,
    Shown,
    VersionTaken,
)
from tests.unit.order.examples import LINES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = {line.product_id: line.price for line in LINES}


class FakeCommits:
    """ports.Commits."""

    def __init__(self) -> None:
        self.histories: dict[UUID, list[Commit]] = {}
        self.closed: set[UUID] = set()
        self.broken: set[UUID] = set()
        """Orders whose history cannot be read."""
        self.invisible: set[UUID] = set()
        """Orders whose history is stored, and not yet by a majority of the servers."""
        self.failures: list[Exception] = []
        """What the next commits fail with; an OutcomeUnknown is stored all the same."""
        self.before_append: Callable[[Commit], None] = lambda _: None

    async def load(self, order_id: UUID) -> History:
        if order_id in self.broken:
            raise KeyError("version")
        return [] if order_id in self.invisible else list(self.histories.get(order_id, ()))

    async def order_ids(self) -> AsyncIterator[str]:
        for order_id in list(self.histories):
            yield str(order_id)

    async def append(self, commit: Commit) -> None:
        self.before_append(commit)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and not isinstance(failure, OutcomeUnknown):
            raise failure
        if commit.order_id in self.closed:
            raise OrderClosed
        self.store(commit)
        if failure is not None:
            raise failure

    def store(self, commit: Commit) -> None:
        """Append without failures."""
        history = self.histories.setdefault(commit.order_id, [])
        if commit.version != len(history) + 1:
            raise VersionTaken
        history.append(commit)

    async def close(self, order_id: UUID) -> bool:
        if order_id in self.histories:
            return False
        self.closed.add(order_id)
        return True


class FakeReadSide:
    """ports.ReadSide and ports.ReadSideRepair. A document has the order, and may have a field that it should not."""

    def __init__(self) -> None:
        self.documents_by_id: dict[str, dict[str, object]] = {}
        self.on_write: Callable[[], None] = lambda: None

    async def project(self, order: Order) -> None:
        shown = self.documents_by_id.get(str(order.id))
        if shown is None or _order(shown).version < order.version:
            self.documents_by_id[str(order.id)] = {"order": order}

    async def page(self, user_id: UUID, status: Status | None, after: Position | None, limit: int) -> Page:
        orders = [_order(shown) for shown in reversed(self.documents_by_id.values())]
        listed = [order for order in orders if order.user_id == user_id and status in (None, order.status)]
        start = after.shelf if after else 0
        page = listed[start : start + limit]
        return Page(page, Position(start + limit) if len(listed) > start + limit else None)

    async def all_orders(self, wanted: OrderFilter, before: Before | None, limit: int) -> OrdersPage:
        """ports.AllOrders.page, but for the bounds of time."""
        listed = [
            order
            for order in sorted(map(_order, self.documents_by_id.values()), key=_newest_last, reverse=True)
            if order.status in wanted.statuses and (before is None or before.comes_after(order))
        ]
        page = listed[:limit]
        return OrdersPage(page, Before(page[-1].created_at, page[-1].id) if len(listed) > limit else None)

    async def pending_since(self, before: datetime) -> Sequence[UUID]:
        return await self.pending_between(NOW - timedelta(days=999), before)

    async def pending_between(self, after: datetime, before: datetime) -> Sequence[UUID]:
        orders = map(_order, self.documents_by_id.values())
        return [one.id for one in orders if one.status is Status.PENDING and after <= one.created_at < before]

    async def documents(self) -> AsyncIterator[Shown]:
        for order_id, document in list(self.documents_by_id.items()):
            yield Shown(order_id, document)

    async def is_shown(self, order_id: str) -> bool:
        return order_id in self.documents_by_id

    async def shown(self, order_id: str) -> Shown | None:
        document = self.documents_by_id.get(order_id)
        return Shown(order_id, document) if document is not None else None

    async def wrong_fields(self, shown: Shown, order: Order) -> tuple[str, ...]:
        wrong = {name for name in shown.document if name != "order"}
        if shown.document["order"] != order:
            wrong.add("order")
        return tuple(sorted(wrong))

    async def replace(self, shown: Shown, order: Order) -> None:
        self.on_write()
        if self.documents_by_id.get(shown.order_id) == shown.document:
            self.documents_by_id[shown.order_id] = {"order": order}

    async def remove(self, shown: Shown) -> None:
        self.documents_by_id.pop(shown.order_id, None)


def _order(document: dict[str, object]) -> Order:
    order = document["order"]
    assert isinstance(order, Order)
    return order


def _newest_last(order: Order) -> tuple[datetime, UUID]:
    return order.created_at, order.id


class FakeAllOrders:
    """ports.AllOrders, and what was asked of it."""

    def __init__(self, read_side: FakeReadSide) -> None:
        self._read_side = read_side
        self.asked: list[OrderFilter] = []

    async def page(self, wanted: OrderFilter, before: Before | None, limit: int) -> OrdersPage:
        self.asked.append(wanted)
        return await self._read_side.all_orders(wanted, before, limit)


class FakeMissingOrders:
    """ports.MissingOrders."""

    def __init__(self) -> None:
        self.placed: dict[str, datetime] = {}

    def add(self, order_id: str, placed_at: datetime) -> None:
        self.placed.setdefault(order_id, placed_at)

    def oldest_first(self) -> Iterator[str]:
        return iter(sorted(self.placed, key=lambda order_id: self.placed[order_id]))


@contextmanager
def new_missing() -> Iterator[FakeMissingOrders]:
    """ports.NewMissingOrders."""
    yield FakeMissingOrders()


class FakePageTokens:
    """ports.PageTokens: a token names its list."""

    def seal(self, end: Position, of: OrderList) -> str:
        return f"{end.shelf}|{of}"

    def open(self, token: str, of: OrderList) -> Position | None:
        if not token:
            return None
        shelf, _, its_list = token.partition("|")
        if its_list != str(of):
            raise InvalidArgument([FieldViolation("pageToken", "is of another list")])
        return Position(int(shelf))


class FakeAllOrdersTokens:
    """ports.AllOrdersTokens: a token names its reader and filter."""

    def seal(self, end: Before, reader_id: UUID, wanted: OrderFilter) -> str:
        return f"{end.placed_at.isoformat()}|{end.order_id}|{reader_id}|{_text(wanted)}"

    def open(self, token: str, reader_id: UUID, wanted: OrderFilter) -> Before | None:
        if not token:
            return None
        placed_at, order_id, its_list = token.split("|", 2)
        if its_list != f"{reader_id}|{_text(wanted)}":
            raise InvalidArgument([FieldViolation("pageToken", "is of another list")])
        return Before(datetime.fromisoformat(placed_at), UUID(order_id))


def _text(wanted: OrderFilter) -> str:
    return f"{sorted(wanted.statuses)} {wanted.placed_from} {wanted.placed_before}"


class FakeInventory:
    """ports.Inventory by inventory's rules."""

    def __init__(self) -> None:
        self.held: dict[UUID, list[tuple[str, int]]] = {}
        self.released: set[UUID] = set()
        self.stock = 100
        self.away = False
        self.after_hold: Callable[[UUID], None] = lambda _: None

    async def hold(self, order_id: UUID, user_id: UUID, lines: Iterable[RequestedLine]) -> Sequence[Line]:
        wanted = [(line.product_id, line.quantity) for line in lines]
        if order_id in self.released:
            raise HoldEnded
        if sum(quantity for _, quantity in wanted) > self.stock:
            raise OutOfStock
        if self.held.setdefault(order_id, wanted) != wanted:
            raise HeldForOtherLines
        self.after_hold(order_id)
        return [Line(product_id, quantity, PRICES[product_id]) for product_id, quantity in wanted]

    async def release(self, order_id: UUID) -> None:
        if self.away:
            raise Unavailable
        self.released.add(order_id)

    async def with_reservation(self, order_ids: Sequence[UUID]) -> Set[UUID]:
        if self.away:
            raise Unavailable
        return (self.held.keys() | self.released) & set(order_ids)


class FakePayments:
    """ports.Payments: nobody pays for other orders than these."""

    def __init__(self) -> None:
        self.states: dict[UUID, PaymentState] = {}
        self.away = False
        self.before_answer: Callable[[UUID], None] = lambda _: None

    async def state_of(self, order_id: UUID) -> PaymentState:
        if self.away:
            raise Unavailable
        self.before_answer(order_id)
        return self.states.get(order_id, PaymentState.NONE)

    async def was_paid(self, order_id: UUID) -> bool:
        return await self.state_of(order_id) is PaymentState.PAID


class FakeNews:
    """ports.OrderNews and ports.News: every wait ends once `changed` is set."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.watchers = 0

    @contextmanager
    def of(self, order_id: UUID) -> Iterator[FakeNews]:
        self.watchers += 1
        try:
            yield self
        finally:
            self.watchers -= 1

    async def of_more_than(self, version: int) -> None:
        await self.changed.wait()
        self.changed.clear()


def older(history: History, age: timedelta) -> list[Commit]:
    """The same history, made so long before now."""
    return [replace(commit, at=NOW - age) for commit in history]


def shown_as(history: History, **wrong: object) -> dict[str, object]:
    """The document of an order, with fields that it should not have."""
    return {"order": fold(history), **wrong}
