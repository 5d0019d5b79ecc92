"""Runs the inventory service: `python -m services.inventory`. With `migrate` it only brings the schema up to date."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from argosy.inventory.v1 import product_pb2, reservation_pb2
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.app import App
from services.chassis.consumer import Consumer
from services.chassis.errors import Catalogue
from services.chassis.housekeeping import Housekeeping
from services.chassis.migrations import migrate
from services.chassis.postgres import Postgres
from services.chassis.postgres_outbox import PostgresOutbox
from services.chassis.producer import Producer
from services.chassis.reading import BEGINNING
from services.chassis.reconciliation import Reconciliation
from services.chassis.relay import Relay
from services.chassis.settings import load
from services.inventory.chores import chores
from services.inventory.comparisons import comparisons
from services.inventory.consumers import GROUP, handlers
from services.inventory.faults import FAULTS
from services.inventory.low_stock import LowStock
from services.inventory.orders import ORDER_LOOKUP, Orders
from services.inventory.rpc import ProductRpc, ReservationRpc
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.adjust_stock import AdjustStock, ShowStockMoves
from services.inventory.use_cases.browse_catalog import BrowseCatalog
from services.inventory.use_cases.commit_reservation import CommitReservation
from services.inventory.use_cases.expire_holds import ExpireHolds
from services.inventory.use_cases.keep_catalog import KeepCatalog
from services.inventory.use_cases.release_reservation import ReleaseReservation
from services.inventory.use_cases.reserve_stock import ReserveStock
from services.inventory.use_cases.sell_confirmed import SellConfirmed

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: InventorySettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("inventory", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    low_stock = LowStock(settings.low_stock_threshold)
    orders = Orders(app.client(OrderLookupServiceStub, ORDER_LOOKUP, settings.order_target))
    hold = timedelta(seconds=settings.hold_seconds)
    reserve = ReserveStock(postgres, hold, low_stock)
    commit, release = CommitReservation(low_stock), ReleaseReservation()
    keep, adjust = KeepCatalog(postgres), AdjustStock(postgres, low_stock)
    product_rpc = ProductRpc(
        BrowseCatalog(postgres), keep, adjust, ShowStockMoves(postgres), settings.idempotency_secret
    )
    products, reservations = product_pb2.DESCRIPTOR, reservation_pb2.DESCRIPTOR
    app.serve(products.services_by_name["ProductService"], product_rpc)
    app.serve(reservations.services_by_name["ReservationService"], ReservationRpc(postgres, reserve, commit, release))
    heard = handlers(postgres, SellConfirmed(postgres, commit), release)
    Consumer(settings.brokers, GROUP, heard, producer, since=BEGINNING).run_in(app)
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    app.background("expiry", ExpireHolds(postgres, orders, release, hold, settings.expire_every_seconds).run)
    app.background("reconciliation", Reconciliation(postgres, settings, *comparisons(postgres, orders, settings)).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(FAULTS))


if __name__ == "__main__":
    configured = load(InventorySettings)
    if sys.argv[1:] == ["migrate"]:
        migrate(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
