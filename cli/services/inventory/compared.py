"""What `argosy reconcile` compares of the inventory service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from cli.channel import channel_to
from cli.databases import database
from cli.environment import settings_of
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.plain.comparison import Comparison
from services.inventory.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.inventory.adapters.unit_of_work import PostgresInventoryUnit
from services.inventory.entrypoints.workers import comparisons as of_inventory
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler


@asynccontextmanager
async def opened() -> AsyncIterator[Sequence[Comparison]]:
    """The comparisons, for as long as their stores are open."""
    settings = settings_of("inventory", InventorySettings)
    async with (
        database("inventory", settings.database_url) as postgres,
        channel_to("inventory", settings, ORDER_LOOKUP, settings.order_target) as channel,
    ):
        work, publish_low = PostgresWork(postgres, PostgresInventoryUnit), PublishLowStock(settings.low_stock_threshold)
        commit, release = CommitReservationHandler(work, publish_low), ReleaseReservationHandler(work)
        apply = ApplyOrderStatusHandler(work, commit, release)
        yield of_inventory(work, GrpcOrders(OrderLookupServiceStub(channel)), apply, settings.compare_settled)
