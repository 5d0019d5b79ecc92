"""What may be reserved, at which price, and what each step of a reservation does to stock.

Pure: no I/O, no clock, no protobuf. Prices are in minor units of their currency.

A product has `on_hand` (what is in the warehouse and unsold) and `held` (how much of that is promised to orders);
`available = on_hand - held` is never negative. Every change of the two is a move, which is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from services.chassis import money
from services.chassis.money import Money, NotMoney

MOST_ON_HAND = 2_000_000_000
"""What fits PostgreSQL's integer, with room for what is given back."""


class Status(StrEnum):
    """Where a reservation stands."""

    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class ReleaseReason(StrEnum):
    """Why stock was given back."""

    CANCELLED = "cancelled"
    """The order ended: nothing may be taken for it any more."""
    EXPIRED = "expired"
    """Nobody used the hold in time, and its order was never stored. Earlier versions let go of open orders' holds, too:
    one that is paid may still take the stock again."""


@dataclass(frozen=True)
class Product:
    """Something that is sold."""

    id: str
    name: str
    description: str
    price_minor: int
    currency: str
    available: int

    @property
    def price(self) -> Money:
        """What one costs."""
        return Money(self.price_minor, self.currency)


class MoveKind(StrEnum):
    """Why a product's stock changed."""

    OPENING = "opening"
    """The product came into the catalog."""
    RESERVE = "reserve"
    COMMIT = "commit"
    RELEASE = "release"
    EXPIRE = "expire"
    RECONCILE = "reconcile"
    """The product's numbers were not what its moves and reservations say, and were set to that."""
    ADJUST = "adjust"
    """Staff counted, got or wrote off some."""


@dataclass(frozen=True)
class Level:
    """A product's stock before and after a move."""

    product_id: str
    available_before: int
    available: int
    threshold: int | None
    """Below which the product is running out; None: below the service's own."""


@dataclass(frozen=True)
class Line:
    """One line that an order asks for."""

    product_id: str
    quantity: int
    expected_price: Decimal | None = None
    """The price of one that the customer was shown; None when they stated none."""


@dataclass(frozen=True)
class PricedLine:
    """One line at the catalog's price."""

    product_id: str
    quantity: int
    price_minor: int


@dataclass(frozen=True)
class Effect:
    """What a step does to a product's numbers, for each unit of the line."""

    on_hand: int
    held: int


HOLD = Effect(on_hand=0, held=1)
SELL_HELD = Effect(on_hand=-1, held=-1)
SELL_ANEW = Effect(on_hand=-1, held=0)
UNHOLD = Effect(on_hand=0, held=-1)
RETURN = Effect(on_hand=1, held=0)


class ReservationError(Exception):
    """An order's lines cannot be reserved; `violations` says which and why."""

    told: ClassVar[str]

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{self.told}: " + "; ".join(f"{field} {description}" for field, description in violations))
        self.violations = violations


class LinesRefused(ReservationError):
    """Unknown products, prices that are not the catalog's, more than one currency, a total that cannot be charged."""

    told = "the order does not fit the catalog"


class OutOfStock(ReservationError):
    """Less is available than is asked for."""

    told = "not enough stock"


class AdjustmentRefused(Exception):
    """The stock cannot become so much or so little. `violations`: the field and what is possible."""

    def __init__(self, told: str) -> None:
        super().__init__(f"delta: {told}")
        self.violations = [("delta", told)]


class ProductExists(Exception):
    """The catalog has a product of this id."""

    violations = (("id", "must be an id that the catalog does not have yet"),)

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is a product {product_id} already")


class PriceRefused(Exception):
    """Nothing can be sold at this price, or in this currency. `violations`: the field and what would be right."""

    def __init__(self, field: str, told: str) -> None:
        super().__init__(f"{field}: {told}")
        self.violations = [(field, told)]


class CurrencyWithoutPrice(Exception):
    """A price does not stay the same in another currency."""

    violations = (("price", "must be given together with a new currency"),)

    def __init__(self) -> None:
        super().__init__("price: must be given together with a new currency")


class OtherLines(Exception):
    """The order already has a reservation, for other lines."""

    def __init__(self) -> None:
        super().__init__("this order already has a reservation for other lines")


class ReservationEnded(Exception):
    """The reservation is over: what is asked cannot be done to it any more."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"the reservation is {status}")


class NoReservation(Exception):
    """The order has no reservation."""

    def __init__(self) -> None:
        super().__init__("this order has no reservation")


def price(lines: Sequence[Line], catalog: Mapping[str, Product]) -> list[PricedLine]:
    """The lines at the catalog's prices.

    Raises:
        LinesRefused: a product is unknown, a stated price is not the catalog's, the currencies differ, or all together
            come to what nobody could pay.
        OutOfStock: all lines together ask for more of a product than is available.
    """
    refused = [v for index, line in enumerate(lines) for v in _refusals(f"items[{index}]", line, catalog)]
    if refused:
        raise LinesRefused(refused)
    _one_currency(lines, catalog)
    _chargeable(lines, catalog)
    _enough(lines, catalog)
    return [PricedLine(line.product_id, line.quantity, catalog[line.product_id].price_minor) for line in lines]


def price_of(amount: Decimal, currency: str) -> Money:
    """What a product is to cost. Raises PriceRefused."""
    problem = money.currency_problem(currency)
    if problem is not None:
        raise PriceRefused("currency", problem)
    try:
        price = Money.of(amount, currency)
    except NotMoney as error:
        raise PriceRefused("price", str(error)) from error
    problem = money.part_problem(price)
    if problem is not None:
        raise PriceRefused("price", problem)
    return price


def quantities(lines: Sequence[Line] | Sequence[PricedLine]) -> dict[str, int]:
    """How much of each product the lines ask for together."""
    needed: Counter[str] = Counter()
    for line in lines:
        needed[line.product_id] += line.quantity
    return dict(needed)


def same_lines(asked: Sequence[Line], reserved: Sequence[PricedLine]) -> bool:
    """Whether a repeated request asks for what is reserved already."""
    return [(line.product_id, line.quantity) for line in asked] == [
        (line.product_id, line.quantity) for line in reserved
    ]


def commit(status: Status, reason: ReleaseReason | None) -> Effect | None:
    """What selling does; None: it is sold already.

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
    """What giving back does; None: it is given back already."""
    return {Status.HELD: UNHOLD, Status.COMMITTED: RETURN, Status.RELEASED: None}[status]


def require_adjustable(on_hand: int, held: int, delta: int) -> None:
    """Whether so much may be added to the stock, or taken from it. Raises AdjustmentRefused.

    What is held stays: it is promised to orders.
    """
    if on_hand + delta < held:
        least = held - on_hand
        why = f"of {on_hand} in stock, {held} are held for orders" if held else f"{on_hand} are in stock"
        raise AdjustmentRefused(f"must be at least {least or 1}: {why}")
    if on_hand + delta > MOST_ON_HAND:
        raise AdjustmentRefused(f"must be at most {MOST_ON_HAND - on_hand}: stock ends at {MOST_ON_HAND}")


def has_run_low(level: Level, default_threshold: int) -> bool:
    """Whether this very move took the product below its threshold: once a crossing, not once an order."""
    threshold = default_threshold if level.threshold is None else level.threshold
    return level.available < threshold <= level.available_before


def _refusals(path: str, line: Line, catalog: Mapping[str, Product]) -> list[tuple[str, str]]:
    product = catalog.get(line.product_id)
    if product is None:
        return [(f"{path}.productId", "must be the id of a product in the catalog")]
    if line.expected_price in (None, product.price.decimal):
        return []
    return [(f"{path}.price", f"must be the current price, {product.price}, or be left out")]


def _one_currency(lines: Sequence[Line], catalog: Mapping[str, Product]) -> None:
    first = catalog[lines[0].product_id].currency
    for index, line in enumerate(lines):
        if catalog[line.product_id].currency != first:
            raise LinesRefused([(f"items[{index}].productId", f"must be sold in {first} like the first line")])


def _chargeable(lines: Sequence[Line], catalog: Mapping[str, Product]) -> None:
    """Before anything is held: an order that could never be paid is none."""
    total_minor = sum(line.quantity * catalog[line.product_id].price_minor for line in lines)
    total = Money(total_minor, catalog[lines[0].product_id].currency)
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
