"""Change a product."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.inventory.domain.products import (
    CurrencyWithoutPrice,
    Product,
    ProductChange,
    UnknownProduct,
    price_of,
)
from services.inventory.ports import Work


@dataclass(frozen=True)
class ChangeProduct:
    """What changes."""

    change: ProductChange


@dataclass(frozen=True)
class ChangeProductHandler:
    """Changes products. Orders keep the price at which they reserved."""

    work: Work

    async def __call__(self, command: ChangeProduct) -> Product:
        """The changed product; the last writer of a field wins.

        Raises:
            UnknownProduct: there is no such product.
            CurrencyWithoutPrice, PriceRefused: nothing was changed.
        """
        change = command.change
        if change.currency is not None and change.price is None:
            raise CurrencyWithoutPrice
        async with self.work.begin("inventory.change_product") as unit:
            if change.price is not None:
                currency = change.currency or await unit.products.lock_currency(change.id)
                change = replace(change, price=price_of(change.price, currency).decimal) if currency else change
            changed = await unit.products.change(change)
        if changed is None:
            raise UnknownProduct(change.id)
        return changed
