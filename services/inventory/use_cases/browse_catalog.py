"""Show the catalog."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.postgres import Postgres
from services.inventory import store
from services.inventory.domain import Product


class UnknownProduct(Exception):
    """The catalog has no such product."""

    def __init__(self, product_id: str) -> None:
        super().__init__(f"there is no product {product_id}")


@dataclass(frozen=True)
class BrowseCatalog:
    """Reads products, one or a page of them."""

    postgres: Postgres

    async def one(self, product_id: str) -> Product:
        """The product of this id. Raises UnknownProduct."""
        async with self.postgres.connection() as connection:
            found = await store.products(connection, [product_id])
        try:
            return found[product_id]
        except KeyError:
            raise UnknownProduct(product_id) from None

    async def page(self, after: str, size: int) -> tuple[list[Product], str | None]:
        """So many products after this id, and the id after which the next page begins; None on the last."""
        async with self.postgres.connection() as connection:
            found = await store.page_of_products(connection, after, size + 1)
        return found[:size], found[size - 1].id if len(found) > size else None
