"""An inventory on a database of the module's own, with two products, ten of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import services.inventory
from services.chassis.postgres import Postgres
from services.inventory import store
from services.inventory.store import NewProduct
from tests.integration.inventory.lab import Inventory

MIGRATIONS = Path(services.inventory.__file__).parent / "migrations"


@pytest.fixture
async def inventory(postgres_url: str) -> AsyncIterator[Inventory]:
    postgres = Postgres(postgres_url, "inventory-test", MIGRATIONS)
    await postgres.start()
    async with postgres.transaction() as connection:
        await connection.execute(
            "TRUNCATE products, stock_moves, reservations, reservation_items, outbox, inbox, idempotency_keys"
        )
        await store.add_missing_products(
            connection,
            [
                NewProduct("bell", "Bell", "", 8900, "USD", on_hand=10),
                NewProduct("chart", "Chart", "", 1250, "USD", on_hand=10),
            ],
        )
    yield Inventory(postgres)
    await postgres.stop()
