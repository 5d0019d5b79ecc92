"""The ports of the use cases, in the domain's terms. `adapters/` implements each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.chassis.plain import unit_of_work
from services.inventory.domain.bounds import Held
from services.inventory.domain.facts import Fact
from services.inventory.domain.products import NewProduct, Product, ProductChange
from services.inventory.domain.reservations import (
    KnownOrder,
    OrderState,
    PricedLine,
    ReleaseReason,
    Reservation,
    Standing,
    Status,
)
from services.inventory.domain.stock import ComparedStock, Effect, Level, LockedStock, MoveKind, StockMove


class Products(Protocol):
    """The catalog."""

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Product]:
        """The products of these ids that exist."""

    async def page(self, after: str, limit: int) -> list[Product]:
        """Up to `limit` products whose ids follow this one, by id."""

    async def add(self, new: NewProduct) -> Product | None:
        """Adds a product. None: its id exists already."""

    async def add_missing(self, new: Sequence[NewProduct]) -> None:
        """Adds products; those whose id exists stay as they are."""

    async def lock_currency(self, product_id: str) -> str | None:
        """A product's currency, locked until the unit of work ends. None: there is no such product."""

    async def change(self, change: ProductChange) -> Product | None:
        """Writes the present fields of the change. None: there is no such product.

        Concurrent changes of different fields both stay; of the same field the later one stays.
        """


class Stock(Protocol):
    """The numbers of products, and their stock moves."""

    async def apply(
        self,
        kind: MoveKind,
        order_id: UUID,
        effect: Effect,
        lines: Sequence[PricedLine],
        *,
        only_at_these_prices: bool = False,
    ) -> list[Level] | None:
        """Changes the stock of all lines' products for an order, or of none, and records the moves.

        None: a product has too little, or its price has changed although `only_at_these_prices`. The unit of work must
        then be rolled back.
        """

    async def lock(self, product_id: str) -> LockedStock | None:
        """The product's numbers, locked. None: there is no such product."""

    async def adjust(
        self, product_id: str, locked: LockedStock, delta: int, moved_by: UUID, reason: str | None
    ) -> tuple[StockMove, Level]:
        """Adds `delta` to the locked stock and records who did it."""

    async def moves(self, product_id: str, *, before: int | None, limit: int) -> list[StockMove]:
        """Up to `limit` moves of a product with ids below `before`, newest first."""

    async def compared(self, product_ids: Sequence[str]) -> list[ComparedStock]:
        """The numbers of these products, their last moves and their holds, all of one instant."""

    async def reconcile(self, locked: ComparedStock) -> None:
        """Sets a locked product's numbers to what its moves and reservations come to, and records that as a move."""


class Reservations(Protocol):
    """Reservations of orders."""

    async def claim(
        self,
        order_id: UUID,
        status: Status,
        hold: timedelta,
        reason: ReleaseReason | None = None,
        customer_id: UUID | None = None,
    ) -> bool:
        """Creates the order's reservation, without lines. False: it has one.

        Waits for the end of a concurrent unit of work that creates it. Locks the customer, if one is named, until the
        unit of work ends.
        """

    async def held_by(self, customer_id: UUID, but: UUID) -> Held:
        """What a customer's other orders than `but` hold.

        `claim` has locked the customer: of concurrent orders each sees those before it.
        """

    async def add_lines(self, order_id: UUID, lines: Sequence[PricedLine]) -> datetime:
        """Stores the lines of a new reservation. Returns the end of its hold."""

    async def lock(self, order_id: UUID) -> Reservation:
        """The order's reservation, locked until the unit of work ends. Raises NoReservation."""

    async def extend(self, order_id: UUID, hold: timedelta) -> datetime:
        """Extends the hold to this long from now. Returns its end."""

    async def move(self, order_id: UUID, status: Status, reason: ReleaseReason | None = None) -> None:
        """Stores the reservation's status."""

    async def note_shipped(self, order_id: UUID) -> None:
        """Records that the order is shipped: it cannot be cancelled, so its reservation releases nothing."""

    async def expired(self, limit: int) -> list[UUID]:
        """Up to `limit` orders whose unused holds have ended, oldest end first."""

    async def extend_expired(self, order_ids: Sequence[UUID], hold: timedelta) -> int:
        """Extends those of these orders' holds that have ended to this long from now. Returns their number."""

    async def lock_expired(self, order_id: UUID) -> bool:
        """Locks the order's hold. False: it has not ended, or another unit of work has it locked."""

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` orders with a reservation whose ids follow this one, by id."""

    async def standing(self, order_ids: Sequence[UUID], settled: timedelta) -> list[Standing]:
        """Those of these orders' reservations that have not changed for this long."""

    async def statuses(self, order_ids: Sequence[UUID]) -> Mapping[UUID, Status]:
        """The status of each order's reservation; orders without one are left out."""

    async def products(self, order_id: UUID) -> list[str]:
        """The products of the order's reservation."""


class InventoryUnit(unit_of_work.UnitOfWork[Fact], Protocol):
    """One transaction on the catalog, the stock and the reservations."""

    @property
    def products(self) -> Products:
        """The catalog."""

    @property
    def stock(self) -> Stock:
        """The numbers of the products."""

    @property
    def reservations(self) -> Reservations:
        """Reservations of orders."""


Work = unit_of_work.UnitsOfWork[InventoryUnit]
"""Opens units of work."""


class Orders(Protocol):
    """The order service."""

    async def resolve(self, order_ids: Sequence[UUID]) -> Mapping[UUID, OrderState]:
        """The state of each order; an order without a known state is absent.

        Raises Unavailable: the order service does not answer.
        """

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        """Those of at most 100 orders that exist. Changes nothing, unlike `resolve`. Raises as `resolve`."""
