"""Runs the inventory service: `python -m services.inventory`. With `migrate` it only updates the schema."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from argosy.inventory.v1 import product_pb2, reservation_pb2
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.app import App
from services.chassis.bus.consumer import Consumer
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.bus.relay import Relay
from services.chassis.data.housekeeping import Housekeeping
from services.chassis.data.migrations import migrate_or_exit
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_drifts import PostgresDrifts
from services.chassis.data.postgres_outbox import PostgresOutbox
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.process.reconciliation import Reconciliation
from services.chassis.process.settings import load
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.chassis.rpc.statuses import Catalogue
from services.inventory.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.inventory.adapters.unit_of_work import CONSUMER, PostgresInventoryUnit
from services.inventory.domain.bounds import Bounds
from services.inventory.entrypoints.consumers import handlers
from services.inventory.entrypoints.errors import STATUSES
from services.inventory.entrypoints.mapping import KEPT_ANSWERS
from services.inventory.entrypoints.rpc import ProductRpc, ReservationRpc
from services.inventory.entrypoints.workers import chores, comparisons, expiry
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.adjust_stock import AdjustStockHandler
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.change_product import ChangeProductHandler
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.create_product import CreateProductHandler
from services.inventory.use_cases.expire_holds import ExpireHoldsHandler
from services.inventory.use_cases.get_product import GetProductHandler
from services.inventory.use_cases.list_products import ListProductsHandler
from services.inventory.use_cases.list_stock_moves import ListStockMovesHandler
from services.inventory.use_cases.look_up_reservations import LookUpReservationsHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from services.inventory.use_cases.reserve_stock import ReserveStockHandler

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: InventorySettings) -> None:
    """Wire the service and serve until SIGTERM or SIGINT."""
    app = App("inventory", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    drifts = PostgresDrifts(postgres)
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    work = PostgresWork(postgres, PostgresInventoryUnit, KEPT_ANSWERS)
    orders = GrpcOrders(app.client(OrderLookupServiceStub, ORDER_LOOKUP, settings.order_target))
    hold, publish_low = timedelta(seconds=settings.hold_seconds), PublishLowStock(settings.low_stock_threshold)
    commit, release = CommitReservationHandler(work, publish_low), ReleaseReservationHandler(work)
    apply = ApplyOrderStatusHandler(work, commit, release)
    consumer = Consumer(settings.brokers, CONSUMER, handlers(apply), producer, since=BEGINNING)
    products = ProductRpc(
        get_product=GetProductHandler(work),
        list_products=ListProductsHandler(work),
        create_product=CreateProductHandler(work),
        change_product=ChangeProductHandler(work),
        adjust_stock=AdjustStockHandler(work, publish_low),
        list_stock_moves=ListStockMovesHandler(work),
        list_drifts=ListDrifts(drifts),
        dead_letters=DeadLetters(consumer.letters),
        idempotency_secret=settings.idempotency_secret,
    )
    bounds = Bounds(settings.unpaid_orders_per_customer, settings.held_pieces_per_customer)
    reserve, look_up = ReserveStockHandler(work, hold, publish_low, bounds), LookUpReservationsHandler(work)
    reservations = ReservationRpc(reserve, commit, release, look_up)
    app.serve(product_pb2.DESCRIPTOR.services_by_name["ProductService"], products)
    app.serve(reservation_pb2.DESCRIPTOR.services_by_name["ReservationService"], reservations)
    consumer.run_in(app)
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    expire = ExpireHoldsHandler(work, orders, release, hold)
    app.background("expiry", expiry(expire, settings.expire_every_seconds).run)
    compared = comparisons(work, orders, apply, settings.compare_settled)
    app.background("reconciliation", Reconciliation(drifts, settings, *compared).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(STATUSES))


if __name__ == "__main__":
    configured = load(InventorySettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
