"""Show one product."""

from __future__ import annotations

from dataclasses import dataclass

from services.inventory.domain.products import Product, UnknownProduct
from services.inventory.ports import Work


@dataclass(frozen=True)
class GetProduct:
    """Which product."""

    product_id: str


@dataclass(frozen=True)
class GetProductHandler:
    """Reads a product."""

    work: Work

    async def __call__(self, command: GetProduct) -> Product:
        """The product. Raises UnknownProduct."""
        async with self.work.read() as unit:
            found = await unit.products.by_ids([command.product_id])
        if command.product_id not in found:
            raise UnknownProduct(command.product_id)
        return found[command.product_id]
