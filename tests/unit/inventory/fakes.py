"""Inventory's ports in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.chassis.plain.errors import Unavailable
from services.chassis.plain.money import Money
from services.inventory.domain.bounds import Held
from services.inventory.domain.products import NewProduct, Product, ProductChange
from services.inventory.domain.reservations import (
    KnownOrder,
    NoReservation,
    OrderState,
    PricedLine,
    ReleaseReason,
    Reservation,
    Standing,
    Status,
    quantities,
)
from services.inventory.domain.stock import ComparedStock, Effect, Level, LockedStock, MoveKind, StockMove
from tests.unit.chassis.fakes import FakeUnit

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class _Row:
    product: NewProduct
    on_hand: int
    held: int = 0

    def shown(self) -> Product:
        new = self.product
        return Product(new.id, new.name, new.description, new.price, self.on_hand - self.held)


class FakeProducts:
    """ports.Products."""

    def __init__(self, *new: NewProduct) -> None:
        self.rows = {product.id: _Row(product, product.on_hand) for product in new}

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Product]:
        return {id_: self.rows[id_].shown() for id_ in ids if id_ in self.rows}

    async def page(self, after: str, limit: int) -> list[Product]:
        return [self.rows[id_].shown() for id_ in sorted(self.rows) if id_ > after][:limit]

    async def add(self, new: NewProduct) -> Product | None:
        if new.id in self.rows:
            return None
        self.rows[new.id] = _Row(new, new.on_hand)
        return self.rows[new.id].shown()

    async def add_missing(self, new: Sequence[NewProduct]) -> None:
        for product in new:
            await self.add(product)

    async def lock_currency(self, product_id: str) -> str | None:
        row = self.rows.get(product_id)
        return row.product.price.currency if row else None

    async def change(self, change: ProductChange) -> Product | None:
        row = self.rows.get(change.id)
        if row is None:
            return None
        currency = change.currency or row.product.price.currency
        present = {name: value for name in ("name", "description") if (value := getattr(change, name)) is not None}
        if change.price is not None:
            present["price"] = Money.of(change.price, currency)
        row.product = replace(row.product, **present)
        return row.shown()


class FakeStock:
    """ports.Stock."""

    def __init__(self, products: FakeProducts) -> None:
        self._rows = products.rows
        self.recorded: list[StockMove] = []
        self.promised: dict[str, int] = {}
        """What reservations hold, where it is not what the moves come to."""
        self.price_changes = 0
        """How many of the next attempts find another price."""

    async def apply(
        self,
        kind: MoveKind,
        order_id: UUID,
        effect: Effect,
        lines: Sequence[PricedLine],
        *,
        only_at_these_prices: bool = False,
    ) -> list[Level] | None:
        if only_at_these_prices and self.price_changes:
            return None
        wanted = quantities(lines)
        for product_id, quantity in wanted.items():
            row = self._rows[product_id]
            if row.on_hand + effect.on_hand * quantity < row.held + effect.held * quantity:
                return None
        return [self._move(kind, order_id, product_id, effect, quantity) for product_id, quantity in wanted.items()]

    async def lock(self, product_id: str) -> LockedStock | None:
        row = self._rows.get(product_id)
        return LockedStock(row.on_hand, row.held, row.product.low_stock_threshold) if row else None

    async def adjust(
        self, product_id: str, locked: LockedStock, delta: int, moved_by: UUID, reason: str | None
    ) -> tuple[StockMove, Level]:
        level = self._move(MoveKind.ADJUST, None, product_id, Effect(delta, 0), 1, moved_by, reason)
        return self.recorded[-1], level

    async def moves(self, product_id: str, *, before: int | None, limit: int) -> list[StockMove]:
        found = [m for m in self.recorded if m.product_id == product_id and (before is None or m.id < before)]
        return found[::-1][:limit]

    async def compared(self, product_ids: Sequence[str]) -> list[ComparedStock]:
        return [self._compared(one) for one in product_ids if one in self._rows]

    async def reconcile(self, locked: ComparedStock) -> None:
        row = self._rows[locked.product_id]
        row.on_hand, row.held = locked.moved_on_hand, locked.promised
        self._move(MoveKind.RECONCILE, None, locked.product_id, Effect(0, 0), 1)

    def _compared(self, product_id: str) -> ComparedStock:
        row = self._rows[product_id]
        moves = [move for move in self.recorded if move.product_id == product_id]
        on_hand, held = (moves[-1].on_hand, moves[-1].held) if moves else (row.product.on_hand, 0)
        promised = self.promised.get(product_id, held)
        return ComparedStock(product_id, row.on_hand, row.held, on_hand, held, promised)

    def _move(
        self,
        kind: MoveKind,
        order_id: UUID | None,
        product_id: str,
        effect: Effect,
        quantity: int,
        moved_by: UUID | None = None,
        reason: str | None = None,
    ) -> Level:
        row = self._rows[product_id]
        before = row.on_hand - row.held
        on_hand, held = effect.on_hand * quantity, effect.held * quantity
        row.on_hand, row.held = row.on_hand + on_hand, row.held + held
        move = StockMove(
            len(self.recorded) + 1,
            product_id,
            kind,
            on_hand,
            held,
            row.on_hand,
            row.held,
            order_id,
            moved_by,
            reason,
            NOW,
        )
        self.recorded.append(move)
        return Level(product_id, before, row.on_hand - row.held, row.product.low_stock_threshold)


class FakeReservations:
    """ports.Reservations."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Reservation] = {}
        self.shipped: set[UUID] = set()
        self.ended: set[UUID] = set()
        """Orders whose holds' time is over."""
        self.broken: set[UUID] = set()
        """Orders whose holds cannot be locked without an error."""
        self.young: set[UUID] = set()
        """Orders whose reservations have just changed."""

        self.customers: dict[UUID, UUID | None] = {}

    async def claim(
        self,
        order_id: UUID,
        status: Status,
        hold: timedelta,
        reason: ReleaseReason | None = None,
        customer_id: UUID | None = None,
    ) -> bool:
        if order_id in self.rows:
            return False
        self.customers[order_id] = customer_id
        self.rows[order_id] = Reservation(order_id, status, reason, "", NOW + hold, ())
        return True

    async def held_by(self, customer_id: UUID, but: UUID) -> Held:
        held = [
            row
            for order_id, row in self.rows.items()
            if order_id != but and self.customers[order_id] == customer_id and row.status is Status.HELD
        ]
        return Held(len(held), sum(line.quantity for row in held for line in row.lines))

    async def add_lines(self, order_id: UUID, lines: Sequence[PricedLine]) -> datetime:
        currency = lines[0].price.currency
        self.rows[order_id] = replace(self.rows[order_id], lines=tuple(lines), currency=currency)
        return self.rows[order_id].expires_at

    async def lock(self, order_id: UUID) -> Reservation:
        if order_id not in self.rows:
            raise NoReservation
        return self.rows[order_id]

    async def extend(self, order_id: UUID, hold: timedelta) -> datetime:
        self.rows[order_id] = replace(self.rows[order_id], expires_at=NOW + hold)
        return NOW + hold

    async def move(self, order_id: UUID, status: Status, reason: ReleaseReason | None = None) -> None:
        self.rows[order_id] = replace(self.rows[order_id], status=status, release_reason=reason)

    async def note_shipped(self, order_id: UUID) -> None:
        self.shipped.add(order_id)

    async def expired(self, limit: int) -> list[UUID]:
        return [one for one in self.rows if one in self.ended and self.rows[one].status is Status.HELD][:limit]

    async def extend_expired(self, order_ids: Sequence[UUID], hold: timedelta) -> int:
        extended = self.ended & set(order_ids)
        self.ended -= extended
        return len(extended)

    async def lock_expired(self, order_id: UUID) -> bool:
        if order_id in self.broken:
            raise RuntimeError("broken")
        return order_id in self.ended

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        return [one for one in sorted(self.rows) if after is None or one > after][:limit]

    async def standing(self, order_ids: Sequence[UUID], settled: timedelta) -> list[Standing]:
        found = [self.rows[one] for one in order_ids if one in self.rows and one not in self.young]
        return [Standing(one.order_id, one.status, one.release_reason) for one in found]

    async def statuses(self, order_ids: Sequence[UUID]) -> Mapping[UUID, Status]:
        return {one: self.rows[one].status for one in order_ids if one in self.rows}

    async def products(self, order_id: UUID) -> list[str]:
        return sorted({line.product_id for line in self.rows[order_id].lines})


class FakeInventory(FakeUnit):
    """ports.InventoryUnit."""

    def __init__(self, *new: NewProduct) -> None:
        super().__init__()
        self.products = FakeProducts(*new)
        self.stock = FakeStock(self.products)
        self.reservations = FakeReservations()


class FakeOrders:
    """ports.Orders: answers what it is set to; nothing is answered about other orders."""

    def __init__(self) -> None:
        self.states: dict[UUID, OrderState] = {}
        self.known: dict[UUID, KnownOrder] = {}
        self.away = False

    async def resolve(self, order_ids: Sequence[UUID]) -> Mapping[UUID, OrderState]:
        if self.away:
            raise Unavailable
        return {one: self.states[one] for one in order_ids if one in self.states}

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        if self.away:
            raise Unavailable
        return {one: self.known[one] for one in order_ids if one in self.known}
