"""`argosy reconcile`: what the services' background reconciliation compares, compared now and as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import grpc
import typer

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from cli import audit, output
from cli.databases import OrderDocuments, database, documents
from cli.environment import NoSystem, in_a_service, settings_of
from services.chassis import policy
from services.chassis.client import ServiceChannel
from services.chassis.comparison import Comparison, Drift, Finding, examine, examine_all
from services.chassis.errors import Unavailable
from services.chassis.postgres_work import PostgresWork
from services.chassis.service_tokens import ServiceTokenSigner, read_private_key
from services.chassis.settings import CommonSettings
from services.inventory.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.inventory.adapters.unit_of_work import PostgresInventoryUnit
from services.inventory.entrypoints.workers import comparisons as of_inventory
from services.inventory.settings import InventorySettings
from services.inventory.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.inventory.use_cases.commit_reservation import CommitReservationHandler
from services.inventory.use_cases.publish_low_stock import PublishLowStock
from services.inventory.use_cases.release_reservation import ReleaseReservationHandler
from services.order.read_side import ReadSide
from services.order.read_side_repair import ReadSideRepair
from services.order.store import CommitStore
from services.order.use_cases.rebuild_read_side import Difference, Found, RebuildReadSide
from services.payment.comparisons import comparisons as of_payment
from services.payment.orders import Orders as PaymentOrders
from services.payment.recorder import Recorder
from services.payment.settings import PaymentSettings
from services.payment.stripe_gateway import ProviderAway, StripeGateway
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

SERVICES: Sequence[str] = ("payment", "inventory", "order")
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
    """Compare payments, ledger, Stripe, stock and orders, and repair what can be repaired safely. Nothing is charged.

    The services do the same by themselves, a little every minute. What has just changed is not compared.
    Exit code 1: something is left, for a person or for a run without --dry-run.

    For example: argosy reconcile --dry-run
    """
    unknown = sorted(set(of or ()) - set(SERVICES))
    if unknown:
        output.refuse(f"--of takes {', '.join(SERVICES)}, not {', '.join(unknown)}")
    if in_a_service() and not of:
        output.refuse(f"say whose pod this is: --of {' | '.join(SERVICES)}")
    if not dry_run:
        audit.begin()
    try:
        findings = asyncio.run(_findings(of or SERVICES, order, mend=not dry_run))
    except ProviderAway as error:
        raise NoSystem(f"Stripe cannot be compared: {error}") from error
    output.show((_row(one, dry_run=dry_run) for one in findings), _COLUMNS, as_json=as_json, empty="Nothing differs.")
    if any(not one.mended for one in findings):
        raise typer.Exit(1)


async def _findings(services: Sequence[str], order_id: UUID | None, *, mend: bool) -> list[Finding]:
    findings = []
    for service, opened in (("payment", _payment), ("inventory", _inventory)):
        if service in services:
            async with opened() as comparisons:
                for comparison in comparisons:
                    findings += [one async for one in _examined(comparison, order_id, mend=mend)]
    if "order" in services:
        findings += [one async for one in _read_side(order_id, mend=mend)]
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
    gateway = StripeGateway(settings.stripe_api_key, settings.stripe_api_url, settings.stripe_timeout_seconds)
    async with (
        database("payment", settings.database_url) as postgres,
        _order_lookup("payment", settings, settings.order_target) as stub,
    ):
        recorder = Recorder(postgres, settings.challenge_timeout)
        settle = SettlePayment(postgres, gateway, recorder, settings.stripe_search_lag)
        refund = SettleRefund(postgres, gateway, recorder)
        await gateway.start()
        try:
            yield of_payment(postgres, PaymentOrders(stub), settle, refund, settings.compare_settled)
        finally:
            await gateway.stop()


@asynccontextmanager
async def _inventory() -> AsyncIterator[Sequence[Comparison]]:
    settings = settings_of("inventory", InventorySettings)
    async with (
        database("inventory", settings.database_url) as postgres,
        _order_lookup("inventory", settings, settings.order_target) as stub,
    ):
        work, publish_low = PostgresWork(postgres, PostgresInventoryUnit), PublishLowStock(settings.low_stock_threshold)
        commit, release = CommitReservationHandler(work, publish_low), ReleaseReservationHandler(work)
        apply = ApplyOrderStatusHandler(work, commit, release)
        yield of_inventory(work, GrpcOrders(stub), apply, settings.compare_settled)


@asynccontextmanager
async def _order_lookup(service: str, settings: CommonSettings, target: str) -> AsyncIterator[OrderLookupServiceStub]:
    """The order service, asked in the name of the service whose settings these are."""
    signer = ServiceTokenSigner(service, read_private_key(settings.service_key_file))
    channel = ServiceChannel(target, policy.read(ORDER_LOOKUP), signer)
    await channel.start()
    try:
        yield OrderLookupServiceStub(channel)
    except Unavailable as error:
        if isinstance(error.__cause__, grpc.aio.AioRpcError):
            raise NoSystem("the order service does not answer: is it up? (`make status`)") from error
        raise
    finally:
        await channel.stop()


async def _read_side(order_id: UUID | None, *, mend: bool) -> AsyncIterator[Finding]:
    async with documents(settings_of("order", OrderDocuments)) as mongo:
        store, read_side = CommitStore(mongo), ReadSide(mongo)
        rebuilding = RebuildReadSide(store, read_side, ReadSideRepair(mongo, read_side))
        if order_id is not None:
            for difference in await rebuilding.of_order(str(order_id), mend=mend):
                yield _of_read_side(difference, mend=mend)
            return
        async for difference in rebuilding.differences(mend=mend, compared=lambda _: None):
            yield _of_read_side(difference, mend=mend)


def _of_read_side(difference: Difference, *, mend: bool) -> Finding:
    readable = difference.found is not Found.UNREADABLE
    ours = f"the list has it as {difference.found} {' '.join(difference.fields)}".rstrip()
    repair = "the list is made to say what the history says" if readable else None
    return Finding(
        Drift("read_side_differs", difference.order_id, ours, "the order's history", repair), mend and readable
    )


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
