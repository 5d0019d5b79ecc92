"""The catalog: products, their prices, and which prices can be charged."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.chassis.plain import money
from services.chassis.plain.money import Money, NotMoney


@dataclass(frozen=True)
class Product:
    """A product of the catalog."""

    id: str
    name: str
    description: str
    price: Money
    """Price of one unit."""
    available: int
    """The quantity that can still be ordered."""


@dataclass(frozen=True)
class NewProduct:
    """A product before it is in the catalog."""

    id: str
    name: str
    description: str
    price: Money
    on_hand: int
    low_stock_threshold: int | None = None


@dataclass(frozen=True)
class ProductChange:
    """A change of a product; None leaves a field as it is."""

    id: str
    name: str | None = None
    description: str | None = None
    price: Decimal | None = None
    """In the new currency, or in the product's own if the change has none."""
    currency: str | None = None
    low_stock_threshold: int | None = None


class UnknownProduct(Exception):
    """The catalog has no such product."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is no product {product_id}")


class ProductExists(Exception):
    """The catalog has a product of this id."""

    violations = (("id", "must be an id that the catalog does not have yet"),)

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is a product {product_id} already")


class PriceRefused(Exception):
    """A price or currency that cannot be charged. `violations`: the field and what is valid."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.violations = [(field, reason)]


class CurrencyWithoutPrice(Exception):
    """A currency was changed without a price."""

    violations = (("price", "must be given together with a new currency"),)

    def __init__(self) -> None:
        super().__init__("price: must be given together with a new currency")


def price_of(amount: Decimal, currency: str) -> Money:
    """The price of a product. Raises PriceRefused if it cannot be charged."""
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
