"""What `argosy reconcile` compares of the order service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from argosy.inventory.v1.reservation_pb2_grpc import ReservationServiceStub
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from cli.channel import channel_to
from cli.databases import OrderDocuments, documents
from cli.environment import settings_of
from services.chassis.plain import clock
from services.chassis.plain.comparison import Comparison
from services.order.adapters.inventory import RESERVATIONS, GrpcInventory
from services.order.adapters.payments import PAYMENT_LOOKUP, GrpcPayments
from services.order.entrypoints.workers import comparisons as of_order
from services.order.settings import OrderSettings


@asynccontextmanager
async def opened() -> AsyncIterator[Sequence[Comparison]]:
    """The comparisons, for as long as their stores are open."""
    settings = settings_of("order", OrderSettings)
    async with (
        documents(OrderDocuments(mongo_url=settings.mongo_url)) as mongo,
        channel_to("order", settings, PAYMENT_LOOKUP, settings.payment_target) as to_payment,
        channel_to("order", settings, RESERVATIONS, settings.inventory_target) as to_inventory,
    ):
        payments = GrpcPayments(PaymentLookupServiceStub(to_payment))
        inventory = GrpcInventory(ReservationServiceStub(to_inventory))
        yield of_order(mongo, payments, inventory, settings.compare_settled, clock.now)
