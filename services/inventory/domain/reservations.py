"""Reservations: what an order holds of the stock, was sold, or released.

These functions decide the effect of a step on the stock, and whether it is possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import ClassVar
from uuid import UUID

from services.chassis.plain import money
from services.chassis.plain.money import Money
from services.inventory.domain.products import Product
from services.inventory.domain.stock import RETURN, SELL_ANEW, SELL_HELD, UNHOLD, Effect


class Status(StrEnum):
    """The status of a reservation."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class ReleaseReason(StrEnum):
    """Why stock was released."""

    CANCELLED = "cancelled"
    """The order ended: nothing may be reserved for it any more."""
    EXPIRED = "expired"
    """The hold was not used in time, and its order was never stored. Earlier versions also released holds of open
    orders: a paid one may still reserve the stock again."""


class OrderState(Enum):
    """The order service's answer about an order whose hold has ended."""

    OPEN = "open"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    """The order was never stored, and never will be."""


@dataclass(frozen=True)
class KnownOrder:
    """An order as the order service has it."""

    status: str
    updated_at: datetime
    status_event_id: UUID | None
    """The event by which it came to its status; None: an older version of the order service does not name it."""


@dataclass(frozen=True)
class Standing:
    """Where an order's reservation stands."""

    order_id: UUID
    status: Status
    release_reason: ReleaseReason | None

    @property
    def can_be_sold(self) -> bool:
        """Whether its stock is held, or may be taken anew."""
        return self.status is Status.HELD or self.release_reason is ReleaseReason.EXPIRED


@dataclass(frozen=True)
class Line:
    """A requested line of an order."""

    product_id: str
    quantity: int
    expected_price: Decimal | None = None
    """The unit price that the customer saw; None if not given."""


@dataclass(frozen=True)
class PricedLine:
    """A line at the catalog's price."""

    product_id: str
    quantity: int
    price: Money


@dataclass(frozen=True)
class Reservation:
    """The reservation of an order."""

    order_id: UUID
    status: Status
    release_reason: ReleaseReason | None
    currency: str
    """Empty if the order never held anything."""
    expires_at: datetime
    lines: Sequence[PricedLine]


class ReservationError(Exception):
    """An order's lines cannot be reserved; `violations` has the fields and reasons."""

    summary: ClassVar[str]

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{self.summary}: " + "; ".join(f"{field} {description}" for field, description in violations))
        self.violations = violations


class LinesRefused(ReservationError):
    """Unknown products, prices other than the catalog's, several currencies, or a total that cannot be charged."""

    summary = "the order does not fit the catalog"


class OutOfStock(ReservationError):
    """Less is available than requested."""

    summary = "not enough stock"


class OtherLines(Exception):
    """The order already has a reservation, for other lines."""

    def __init__(self) -> None:
        super().__init__("this order already has a reservation for other lines")


class ReservationEnded(Exception):
    """The reservation has ended: the operation is no longer possible."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"the reservation is {status}")


class NoReservation(Exception):
    """The order has no reservation."""

    def __init__(self) -> None:
        super().__init__("this order has no reservation")


def price(lines: Sequence[Line], catalog: Mapping[str, Product]) -> list[PricedLine]:
    """Price the lines by the catalog.

    Raises:
        LinesRefused: a product is unknown, a given price differs from the catalog's, the currencies differ, or the
            total cannot be charged.
        OutOfStock: all lines together need more of a product than is available.
    """
    refused = [v for index, line in enumerate(lines) for v in _refusals(f"items[{index}]", line, catalog)]
    if refused:
        raise LinesRefused(refused)
    _one_currency(lines, catalog)
    _chargeable(lines, catalog)
    _enough(lines, catalog)
    return [PricedLine(line.product_id, line.quantity, catalog[line.product_id].price) for line in lines]


def quantities(lines: Sequence[Line] | Sequence[PricedLine]) -> dict[str, int]:
    """Total quantity of each product in the lines."""
    needed: Counter[str] = Counter()
    for line in lines:
        needed[line.product_id] += line.quantity
    return dict(needed)


def same_lines(asked: Sequence[Line], reserved: Sequence[PricedLine]) -> bool:
    """Whether a repeated request has the reserved lines."""
    return [(line.product_id, line.quantity) for line in asked] == [
        (line.product_id, line.quantity) for line in reserved
    ]


def commit(status: Status, reason: ReleaseReason | None) -> Effect | None:
    """The effect of a sale on the stock. None: sold already.

    Raises:
        ReservationEnded: the order was cancelled.
    """
    if status is Status.COMMITTED:
        return None
    if status is Status.HELD:
        return SELL_HELD
    if reason is ReleaseReason.EXPIRED:
        return SELL_ANEW
    raise ReservationEnded(status)


def release(status: Status) -> Effect | None:
    """The effect of a release on the stock. None: released already."""
    return {Status.HELD: UNHOLD, Status.COMMITTED: RETURN, Status.RELEASED: None}[status]


def _refusals(path: str, line: Line, catalog: Mapping[str, Product]) -> list[tuple[str, str]]:
    product = catalog.get(line.product_id)
    if product is None:
        return [(f"{path}.productId", "must be the id of a product in the catalog")]
    if line.expected_price in (None, product.price.decimal):
        return []
    return [(f"{path}.price", f"must be the current price, {product.price}, or be left out")]


def _one_currency(lines: Sequence[Line], catalog: Mapping[str, Product]) -> None:
    first = catalog[lines[0].product_id].price.currency
    for index, line in enumerate(lines):
        if catalog[line.product_id].price.currency != first:
            raise LinesRefused([(f"items[{index}].productId", f"must be sold in {first} like the first line")])


def _chargeable(lines: Sequence[Line], catalog: Mapping[str, Product]) -> None:
    """Reject an order that could never be paid, before anything is held."""
    total_minor = sum(line.quantity * catalog[line.product_id].price.minor for line in lines)
    total = Money(total_minor, catalog[lines[0].product_id].price.currency)
    problem = money.charge_problem(total)
    if problem is not None:
        raise LinesRefused([("items", f"must come to an amount that can be charged: {total} {problem}")])


def _enough(lines: Sequence[Line], catalog: Mapping[str, Product]) -> None:
    needed = quantities(lines)
    short = [
        (f"items[{index}].quantity", f"must be at most {catalog[line.product_id].available}: that is what is available")
        for index, line in enumerate(lines)
        if needed[line.product_id] > catalog[line.product_id].available
    ]
    if short:
        raise OutOfStock(short)
