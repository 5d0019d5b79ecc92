"""Add a product to the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.plain.unit_of_work import Repeatable
from services.inventory.domain.products import NewProduct, Product, ProductExists
from services.inventory.ports import InventoryUnit, Work


@dataclass(frozen=True)
class CreateProduct:
    """The product, and who adds it."""

    product: NewProduct
    staff_id: UUID
    request: Repeatable


@dataclass(frozen=True)
class CreateProductHandler:
    """Adds products without stock; see adjust_stock.py."""

    work: Work

    async def __call__(self, command: CreateProduct) -> Product:
        """The new product. A repeat with the same key gets the first answer.

        Raises:
            ProductExists: the id is in the catalog already.
            IdempotencyMismatch, IdempotencyInFlight: see UnitsOfWork.once.
        """

        async def add(unit: InventoryUnit) -> Product:
            made = await unit.products.add(command.product)
            if made is None:
                raise ProductExists(command.product.id)
            return made

        answered = await self.work.once(
            "inventory.add_product", f"createProduct:{command.staff_id}", command.request, add, Product
        )
        return answered.value
