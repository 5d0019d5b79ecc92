"""`argosy reconcile`: what the services' background reconciliation compares, compared now and as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated
from uuid import UUID

import grpc
import typer
from google.protobuf.descriptor import ServiceDescriptor

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from argosy.payment.v1.payment_lookup_pb2_grpc import PaymentLookupServiceStub
from cli import audit, output
from cli.databases import OrderDocuments, database, documents
from cli.environment import NoSystem, in_a_service, settings_of
from services.chassis import clock, policy
from services.chassis.client import ServiceChannel
from services.chassis.comparison import Comparison, Finding, examine, examine_all
from services.chassis.errors import Unavailable
from services.chassis.postgres_work import PostgresWork
from services.chassis.service_tokens import ServiceTokenSigner, read_private_key
from services.chassis.settings import CommonSettings
from services.inventory.adapters.orders import ORDER_LOOKUP
from services.inventory.adapters.orders import GrpcOrders as InventoryOrders
from services.inventory.adapters.unit_of_work import PostgresInventoryUnit
from services.inventory.entrypoints.workers import comparisons as of_inventory
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from services.notification.adapters.orders import GrpcOrders as NotificationOrders
from services.notification.adapters.unit_of_work import PostgresNotificationUnit
from services.notification.entrypoints.workers import comparisons as of_notification
from services.notification.settings import NotificationSettings
from services.order.adapters.payments import PAYMENT_LOOKUP, GrpcPayments
from services.order.entrypoints.workers import comparisons as of_order
from services.order.settings import OrderSettings
from services.payment.__main__ import PROVIDERS
from services.payment.adapters.orders import GrpcOrders as PaymentOrders
from services.payment.adapters.unit_of_work import PostgresPaymentWork
from services.payment.entrypoints.mapping import KEPT_ANSWERS
from services.payment.entrypoints.workers import comparisons as of_payment
from services.payment.ports import PaymentProvider, ProviderAway, Providers
from services.payment.settings import PaymentSettings
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler as EndOrderHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

_COLUMNS = ("kind", "subject", "ours", "theirs", "repair", "result")
_BATCH = 100


def reconcile(
    order: Annotated[UUID | None, typer.Option("--order", help="Compare what belongs to this order alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", help="Compare what this service keeps, such as the one whose pod this is."),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Compare payments, ledger, Stripe, stock, orders, lists and mails, and repair what is safe to repair.

    Nothing is charged. The services do the same in the background, a little every minute. What has just changed is
    not compared.
    Exit code 1: something is left, for a person or for a run without --dry-run.

    For example: argosy reconcile --dry-run
    """
    unknown = sorted(set(of or ()) - set(_OPENED))
    if unknown:
        output.refuse(f"--of takes {', '.join(_OPENED)}, not {', '.join(unknown)}")
    if in_a_service() and not of:
        output.refuse(f"say whose pod this is: --of {' | '.join(_OPENED)}")
    if not dry_run:
        audit.begin()
    try:
        findings = asyncio.run(_findings(of or _OPENED, order, mend=not dry_run))
    except ProviderAway as error:
        raise NoSystem(f"payments cannot be compared: {error}") from error
    output.show((_row(one, dry_run=dry_run) for one in findings), _COLUMNS, as_json=as_json, empty="Nothing differs.")
    if any(not one.mended for one in findings):
        raise typer.Exit(1)


async def _findings(services: Iterable[str], order_id: UUID | None, *, mend: bool) -> list[Finding]:
    findings = []
    for service in services:
        async with _OPENED[service]() as comparisons:
            for comparison in comparisons:
                findings += [one async for one in _examined(comparison, order_id, mend=mend)]
    return findings


async def _examined(comparison: Comparison, order_id: UUID | None, *, mend: bool) -> AsyncIterator[Finding]:
    if order_id is not None:
        for finding in await examine(comparison, await comparison.of_order(order_id), mend=mend):
            yield finding
        return
    async for finding in examine_all(comparison, limit=_BATCH, mend=mend):
        yield finding


@asynccontextmanager
async def _payment() -> AsyncIterator[Sequence[Comparison]]:
    settings = settings_of("payment", PaymentSettings)
    async with (
        database("payment", settings.database_url) as postgres,
        _channel("payment", settings, ORDER_LOOKUP, settings.order_target) as channel,
        AsyncExitStack() as started,
    ):
        by_name: dict[str, PaymentProvider] = {}
        for name, make in PROVIDERS.items():
            by_name[name] = provider = make(settings)
            await provider.start()
            started.push_async_callback(provider.stop)
        work, providers = PostgresPaymentWork(postgres, KEPT_ANSWERS), Providers(by_name, settings.payment_provider)
        recorder = Recorder.of(work, settings.challenge_timeout)
        settle = SettlePayment(work, providers, recorder, settings.stripe_search_lag)
        settle_refund = SettleRefund(work, providers, recorder)
        orders = PaymentOrders(OrderLookupServiceStub(channel))
        yield of_payment(orders, EndOrderHandler(work, recorder), settle, settle_refund, settings.compare_settled)


@asynccontextmanager
async def _inventory() -> AsyncIterator[Sequence[Comparison]]:
    settings = settings_of("inventory", InventorySettings)
    async with (
        database("inventory", settings.database_url) as postgres,
        _channel("inventory", settings, ORDER_LOOKUP, settings.order_target) as channel,
    ):
        work, publish_low = PostgresWork(postgres, PostgresInventoryUnit), PublishLowStock(settings.low_stock_threshold)
        commit, release = CommitReservationHandler(work, publish_low), ReleaseReservationHandler(work)
        apply = ApplyOrderStatusHandler(work, commit, release)
        yield of_inventory(work, InventoryOrders(OrderLookupServiceStub(channel)), apply, settings.compare_settled)


@asynccontextmanager
async def _order() -> AsyncIterator[Sequence[Comparison]]:
    settings = settings_of("order", OrderSettings)
    async with (
        documents(OrderDocuments(mongo_url=settings.mongo_url)) as mongo,
        _channel("order", settings, PAYMENT_LOOKUP, settings.payment_target) as channel,
    ):
        payments = GrpcPayments(PaymentLookupServiceStub(channel))
        yield of_order(mongo, payments, settings.compare_settled, clock.now)


@asynccontextmanager
async def _notification() -> AsyncIterator[Sequence[Comparison]]:
    settings = settings_of("notification", NotificationSettings)
    async with (
        database("notification", settings.database_url) as postgres,
        _channel("notification", settings, ORDER_LOOKUP, settings.order_target) as channel,
    ):
        orders = NotificationOrders(OrderLookupServiceStub(channel))
        work = PostgresWork(postgres, PostgresNotificationUnit)
        yield of_notification(work, orders, settings.compare_settled)


@asynccontextmanager
async def _channel(
    service: str, settings: CommonSettings, called: ServiceDescriptor, target: str
) -> AsyncIterator[ServiceChannel]:
    """Another service, asked in the name of the service whose settings these are. Raises NoSystem while it is away."""
    signer = ServiceTokenSigner(service, read_private_key(settings.service_key_file))
    contract = policy.read(called)
    channel = ServiceChannel(target, contract, signer)
    await channel.start()
    try:
        yield channel
    except (grpc.aio.AioRpcError, Unavailable) as error:
        if isinstance(error, Unavailable) and not isinstance(error.__cause__, grpc.aio.AioRpcError):
            raise
        raise NoSystem(f"the {contract.owner} service does not answer: is it up? (`make status`)") from error
    finally:
        await channel.stop()


def _row(finding: Finding, *, dry_run: bool) -> output.Row:
    drift = finding.drift
    would = "would be repaired" if dry_run and drift.repair else "left"
    return {
        "kind": drift.kind,
        "subject": drift.subject,
        "ours": drift.ours,
        "theirs": drift.theirs,
        "repair": drift.repair,
        "result": "repaired" if finding.mended else would,
    }


_OPENED: Mapping[str, Callable[[], AbstractAsyncContextManager[Sequence[Comparison]]]] = {
    "payment": _payment,
    "inventory": _inventory,
    "order": _order,
    "notification": _notification,
}
"""The services that compare, each with what opens its stores."""
