"""What `argosy reconcile` compares of the payment service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from cli.channel import channel_to
from cli.databases import database
from cli.environment import NoSystem, settings_of
from services.chassis.plain.comparison import Comparison
from services.payment.__main__ import PROVIDERS
from services.payment.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.payment.adapters.unit_of_work import PostgresPaymentWork
from services.payment.entrypoints.mapping import KEPT_ANSWERS
from services.payment.entrypoints.workers import comparisons as of_payment
from services.payment.ports import PaymentProvider, ProviderAway, Providers
from services.payment.settings import PaymentSettings
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund


@asynccontextmanager
async def opened() -> AsyncIterator[Sequence[Comparison]]:
    """The comparisons, for as long as their stores are open. Raises NoSystem while a provider does not answer."""
    try:
        async with _comparisons(settings_of("payment", PaymentSettings)) as found:
            yield found
    except ProviderAway as error:
        raise NoSystem(f"payments cannot be compared: {error}") from error


@asynccontextmanager
async def _comparisons(settings: PaymentSettings) -> AsyncIterator[Sequence[Comparison]]:
    async with (
        database("payment", settings.database_url) as postgres,
        channel_to("payment", settings, ORDER_LOOKUP, settings.order_target) as channel,
        AsyncExitStack() as started,
    ):
        by_name: dict[str, PaymentProvider] = {}
        for name, make in PROVIDERS.items():
            by_name[name] = provider = make(settings, postgres)
            await provider.start()
            started.push_async_callback(provider.stop)
        work, providers = PostgresPaymentWork(postgres, KEPT_ANSWERS), Providers(by_name, settings.payment_provider)
        recorder = Recorder.of(work, settings.challenge_timeout)
        settle = SettlePayment(work, providers, recorder, settings.stripe_search_lag)
        settle_refund = SettleRefund(work, providers, recorder)
        orders = GrpcOrders(OrderLookupServiceStub(channel))
        yield of_payment(
            orders, ApplyOrderStatusHandler(work, recorder), settle, settle_refund, settings.compare_settled
        )
