"""What `argosy reconcile` compares of the notification service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from cli.channel import channel_to
from cli.databases import database
from cli.environment import settings_of
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.plain.comparison import Comparison
from services.notification.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.notification.adapters.unit_of_work import PostgresNotificationUnit
from services.notification.entrypoints.workers import comparisons as of_notification
from services.notification.settings import NotificationSettings


@asynccontextmanager
async def opened() -> AsyncIterator[Sequence[Comparison]]:
    """The comparisons, for as long as their stores are open."""
    settings = settings_of("notification", NotificationSettings)
    async with (
        database("notification", settings.database_url) as postgres,
        channel_to("notification", settings, ORDER_LOOKUP, settings.order_target) as channel,
    ):
        orders = GrpcOrders(OrderLookupServiceStub(channel))
        work = PostgresWork(postgres, PostgresNotificationUnit)
        yield of_notification(work, orders, settings.compare_settled)
