"""One transaction on the inventory's database (ports.InventoryUnit)."""

from __future__ import annotations

from services.chassis.data.postgres import Connection
from services.chassis.data.postgres_work import PostgresUnit
from services.inventory.adapters.facts import encode
from services.inventory.adapters.products import PostgresProducts
from services.inventory.adapters.reservations import PostgresReservations
from services.inventory.adapters.stock import PostgresStock
from services.inventory.domain.facts import Fact

CONSUMER = "inventory-service-group"
"""The consumer group whose processed events the inbox records."""


class PostgresInventoryUnit(PostgresUnit[Fact]):
    """The repositories on one connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, CONSUMER, encode)
        self.products = PostgresProducts(connection)
        self.stock = PostgresStock(connection)
        self.reservations = PostgresReservations(connection)
