"""Put products into the catalog, and change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from argosy.inventory.v1.product_pb2 import Product as ProductMessage
from services.chassis import idempotency
from services.chassis.postgres import Connection, Postgres
from services.inventory import store
from services.inventory.domain import CurrencyWithoutPrice, Product, ProductExists, price_of
from services.inventory.messages import product_message
from services.inventory.store import NewProduct, ProductChange
from services.inventory.use_cases.browse_catalog import UnknownProduct


@dataclass(frozen=True)
class CreateProductCommand:
    """What a member of the staff wants to sell."""

    product: NewProduct
    staff_id: UUID
    idempotency_key: str | None
    fingerprint: bytes


@dataclass(frozen=True)
class KeepCatalog:
    """Adds and changes products. Stock is somebody else's business: adjust_stock.py."""

    postgres: Postgres

    async def create(self, command: CreateProductCommand) -> ProductMessage:
        """The new product. A repeat with the same key gets the first answer.

        Raises:
            ProductExists: there is one of this id.
            IdempotencyMismatch, IdempotencyInFlight: as they say.
        """

        async def add(connection: Connection) -> ProductMessage:
            made = await store.add_product(connection, command.product)
            if made is None:
                raise ProductExists(command.product.id)
            return product_message(made)

        scope = f"createProduct:{command.staff_id}"
        outcome = await idempotency.once(
            self.postgres,
            scope,
            command.idempotency_key,
            command.fingerprint,
            add,
            ProductMessage,
            "inventory.add_product",
        )
        return outcome.message

    async def change(self, change: ProductChange) -> Product:
        """The product as it is afterwards; the last writer of a field wins.

        What orders hold or have bought keeps the price that it was reserved at.

        Raises:
            UnknownProduct: there is none of this id.
            CurrencyWithoutPrice, PriceRefused: nothing was changed.
        """
        if change.currency is not None and change.price is None:
            raise CurrencyWithoutPrice
        async with self.postgres.transaction("inventory.change_product") as connection:
            if change.price is not None:
                currency = change.currency or await store.lock_currency(connection, change.id)
                change = replace(change, price=price_of(change.price, currency).decimal) if currency else change
            changed = await store.change_product(connection, change)
        if changed is None:
            raise UnknownProduct(change.id)
        return changed
