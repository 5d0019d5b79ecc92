"""A catalog of before currencies had decimals of their own is kept, and can be read and sold from."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import asyncpg

from services.chassis.data.migrations import migrate_in_background
from services.chassis.data.postgres import Postgres
from services.inventory.adapters.orders import GrpcOrders
from services.inventory.domain.reservations import Line
from tests.integration.inventory.conftest import MIGRATIONS
from tests.integration.inventory.lab import FakeOrder, Inventory

CURRENCIES = "0020.inventory.currencies.sql"
OLDER = {"bell": ("89.00", "USD"), "tea": ("980.00", "JPY"), "pearl": ("1.25", "KWD"), "odd": ("29.99", "JPY")}


async def test_a_catalog_of_before_is_kept(
    postgres_url: str, tmp_path: Path, order: tuple[FakeOrder, GrpcOrders]
) -> None:
    before = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, before, ignore=shutil.ignore_patterns(CURRENCIES))
    await migrate_in_background(postgres_url, before)
    connection = await asyncpg.connect(postgres_url)
    for product, (price, currency) in OLDER.items():
        await connection.execute(
            "INSERT INTO products (id, name, price, currency, on_hand) VALUES ($1, 'Older', $2, $3, 10)",
            product,
            Decimal(price),
            currency,
        )
    await connection.close()

    postgres = Postgres(postgres_url, "inventory-test", MIGRATIONS)
    await postgres.start()
    inventory = Inventory(postgres, *order)
    shown = {id_: (await inventory.product(id_)).price.text for id_ in OLDER}
    # What had no such fraction could not be paid: it is priced at the next amount that there is.
    assert shown == {"bell": "89.00", "tea": "980", "pearl": "1.250", "odd": "30"}
    for product in ("tea", "pearl"):
        reservation = await inventory.reserve(uuid4(), Line(product, 2, Decimal(shown[product])))
        assert reservation.currency == OLDER[product][1]
    await postgres.stop()
