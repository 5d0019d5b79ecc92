"""The catalog in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.data.postgres import Connection, Record
from services.chassis.plain.money import Money
from services.inventory.domain.products import NewProduct, Product, ProductChange

_SELECT = "SELECT id, name, description, price, currency, on_hand - held AS available FROM products"


class PostgresProducts:
    """The catalog on one connection (ports.Products)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def by_ids(self, ids: Sequence[str]) -> dict[str, Product]:
        """The products with these ids that exist."""
        rows = await self._connection.fetch(_SELECT + " WHERE id = ANY($1)", list(ids))
        return {row["id"]: _product(row) for row in rows}

    async def page(self, after: str, limit: int) -> list[Product]:
        """Up to `limit` products whose ids follow `after`, by id."""
        rows = await self._connection.fetch(
            _SELECT + " WHERE id > $1 ORDER BY id LIMIT $2",
            after,
            limit,
        )
        return [_product(row) for row in rows]

    async def add_missing(self, new: Sequence[NewProduct]) -> None:
        """Add products; those whose id exists stay as they are."""
        await self._connection.executemany(
            "INSERT INTO products (id, name, description, price, currency, on_hand) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (id) DO NOTHING",
            [(p.id, p.name, p.description, p.price.decimal, p.price.currency, p.on_hand) for p in new],
        )

    async def add(self, new: NewProduct) -> Product | None:
        """Add a product; None if its id exists already."""
        row = await self._connection.fetchrow(
            "INSERT INTO products (id, name, description, price, currency, on_hand, low_stock_threshold)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"
            " RETURNING id, name, description, price, currency, on_hand - held AS available",
            new.id,
            new.name,
            new.description,
            new.price.decimal,
            new.price.currency,
            new.on_hand,
            new.low_stock_threshold,
        )
        return _product(row) if row else None

    async def lock_currency(self, product_id: str) -> str | None:
        """A product's currency, locked until the transaction ends. None: there is no such product."""
        found: str | None = await self._connection.fetchval(
            "SELECT currency FROM products WHERE id = $1 FOR NO KEY UPDATE", product_id
        )
        return found

    async def change(self, change: ProductChange) -> Product | None:
        """Write the present fields of the change. None: there is no such product.

        One statement: concurrent changes of different fields both stay; of the same field the later one stays.
        """
        row = await self._connection.fetchrow(
            "UPDATE products SET name = coalesce($2, name), description = coalesce($3, description),"
            " price = coalesce($4, price), currency = coalesce($5, currency),"
            " low_stock_threshold = coalesce($6, low_stock_threshold), updated_at = now() WHERE id = $1"
            " RETURNING id, name, description, price, currency, on_hand - held AS available",
            change.id,
            change.name,
            change.description,
            change.price,
            change.currency,
            change.low_stock_threshold,
        )
        return _product(row) if row else None


def _product(row: Record) -> Product:
    return Product(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        price=Money.kept(row["price"], row["currency"]),
        available=row["available"],
    )
