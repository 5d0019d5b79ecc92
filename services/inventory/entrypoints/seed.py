"""Adds missing products from a file to the catalog: `python -m services.inventory.entrypoints.seed FILE`."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from services.chassis.data.postgres import Postgres
from services.chassis.plain import logs
from services.chassis.process.settings import load
from services.inventory.adapters.products import PostgresProducts
from services.inventory.domain.products import NewProduct, price_of
from services.inventory.settings import InventorySettings

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class CatalogEntry(BaseModel):
    """One product in the file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    name: str = Field(min_length=1, max_length=200)
    description: str = Field(default="", max_length=2000)
    price: str = Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,3})?$")
    currency: str = Field(default="USD", pattern=r"^[A-Za-z]{3}$")
    stock: int = Field(ge=0)

    def product(self) -> NewProduct:
        """The product of this entry. Raises PriceRefused if it cannot be charged."""
        price = price_of(Decimal(self.price), self.currency.upper())
        return NewProduct(self.id, self.name, self.description, price, on_hand=self.stock)


def read_catalog(file: Path) -> list[NewProduct]:
    """The products in a JSON file. Raises ValueError that names the invalid entry, or PriceRefused."""
    entries = TypeAdapter(list[CatalogEntry]).validate_json(file.read_bytes())
    return [entry.product() for entry in entries]


async def seed(database_url: SecretStr, file: Path) -> None:
    """Migrate the schema, then add the file's missing products. Existing ones and their stock stay as they are."""
    products = read_catalog(file)
    postgres = Postgres(database_url, "inventory-seed", MIGRATIONS, size=1)
    await postgres.start()
    try:
        async with postgres.transaction("inventory.seed") as connection:
            await PostgresProducts(connection).add_missing(products)
    finally:
        await postgres.stop()


if __name__ == "__main__":
    logs.configure("inventory-seed", "info")
    asyncio.run(seed(load(InventorySettings).database_url, Path(sys.argv[1])))
