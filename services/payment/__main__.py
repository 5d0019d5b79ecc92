"""Runs the payment service: `python -m services.payment`. With `migrate` it only brings the schema up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from argosy.payment.v1 import payment_lookup_pb2, payment_pb2
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
from services.chassis.process.reconciliation import Reconciliation
from services.chassis.process.resource import Resource
from services.chassis.process.settings import load
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.chassis.rpc.statuses import Catalogue
from services.payment.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.payment.adapters.store_credit.provider import StoreCreditProvider
from services.payment.adapters.stripe.client import StripeProvider
from services.payment.adapters.unit_of_work import CONSUMER, PostgresPaymentWork
from services.payment.entrypoints.consumers import handlers
from services.payment.entrypoints.errors import STATUSES
from services.payment.entrypoints.mapping import KEPT_ANSWERS
from services.payment.entrypoints.rpc import PaymentLookupRpc, PaymentRpc
from services.payment.entrypoints.webhooks import StripeWebhooks
from services.payment.entrypoints.workers import Reconciler, chores, comparisons, counting
from services.payment.ports import PaymentProvider, Providers
from services.payment.settings import PaymentSettings, ProviderName
from services.payment.use_cases import outcomes
from services.payment.use_cases.apply_notice import ApplyNoticeHandler
from services.payment.use_cases.apply_order_status import ApplyOrderStatusHandler
from services.payment.use_cases.confirm_payment import ConfirmPaymentHandler
from services.payment.use_cases.count_stranded import CountStrandedHandler
from services.payment.use_cases.create_payment import CreatePaymentHandler
from services.payment.use_cases.create_refund import CreateRefundHandler
from services.payment.use_cases.first_answers import FirstAnswers
from services.payment.use_cases.get_credit import GetCreditHandler
from services.payment.use_cases.get_payment import GetPaymentHandler
from services.payment.use_cases.grant_credit import GrantCreditHandler
from services.payment.use_cases.list_credit_entries import ListCreditEntriesHandler
from services.payment.use_cases.list_payments import ListPaymentsHandler
from services.payment.use_cases.list_refunds import ListRefundsHandler
from services.payment.use_cases.look_up_order_payment import LookUpOrderPaymentHandler
from services.payment.use_cases.reconcile import ReconcileHandler
from services.payment.use_cases.recorder import Recorder
from services.payment.use_cases.settle_payment import SettlePayment
from services.payment.use_cases.settle_refund import SettleRefund

MIGRATIONS = Path(__file__).parent / "migrations"


class Provider(PaymentProvider, Resource, Protocol):
    """A payment provider that is started and stopped with the service."""


def stripe(settings: PaymentSettings, _: Postgres) -> Provider:
    """Stripe, or a sandbox of it."""
    return StripeProvider(
        settings.stripe_api_key,
        settings.stripe_api_url,
        settings.stripe_timeout_seconds,
        settings.stripe_leave_alone_seconds,
    )


def store_credit(_: PaymentSettings, postgres: Postgres) -> Provider:
    """Customers' store credit, beside the payments."""
    return StoreCreditProvider(postgres)


PROVIDERS: Mapping[ProviderName, Callable[[PaymentSettings, Postgres], Provider]] = {
    "stripe": stripe,
    "store_credit": store_credit,
}
"""Name → how the provider's adapter is made. A payment keeps the name of its provider."""


def run(settings: PaymentSettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("payment", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    drifts = PostgresDrifts(postgres)
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    providers = Providers(
        {name: app.add(make(settings, postgres)) for name, make in PROVIDERS.items()}, settings.payment_provider
    )
    outcomes.show_payments(providers.by_name)
    work = PostgresPaymentWork(postgres, KEPT_ANSWERS)
    orders = GrpcOrders(app.client(OrderLookupServiceStub, ORDER_LOOKUP, settings.order_target))
    recorder = Recorder.of(work, settings.challenge_timeout)
    settle = SettlePayment(work, providers, recorder, settings.stripe_search_lag)
    settle_refund = SettleRefund(work, providers, recorder)
    answers, get_payment = FirstAnswers(work, providers), GetPaymentHandler(work)
    apply_notice = ApplyNoticeHandler(work, providers, settle, settle_refund, recorder)
    apply = ApplyOrderStatusHandler(work, recorder)
    consumer = Consumer(settings.brokers, CONSUMER, handlers(apply), producer, since=BEGINNING)
    payments = PaymentRpc(
        create_payment=CreatePaymentHandler(work, orders, providers, settle, answers, settings.payment_return_url),
        get_payment=get_payment,
        list_payments=ListPaymentsHandler(work),
        confirm_payment=ConfirmPaymentHandler(get_payment, settle),
        create_refund=CreateRefundHandler(work, settle_refund),
        list_refunds=ListRefundsHandler(work),
        grant_credit=GrantCreditHandler(work),
        get_credit=GetCreditHandler(work),
        list_credit_entries=ListCreditEntriesHandler(work),
        list_drifts=ListDrifts(drifts),
        dead_letters=DeadLetters(consumer.letters),
        webhooks=StripeWebhooks(apply_notice, settings.stripe_webhook_secret),
        idempotency_secret=settings.idempotency_secret,
    )
    look_up = PaymentLookupRpc(LookUpOrderPaymentHandler(work))
    app.serve(payment_pb2.DESCRIPTOR.services_by_name["PaymentService"], payments)
    app.serve(payment_lookup_pb2.DESCRIPTOR.services_by_name["PaymentLookupService"], look_up)
    consumer.run_in(app)
    reconcile = ReconcileHandler(work, settle, settle_refund)
    app.background("reconciler", Reconciler(reconcile, recorder.due, settings.reconcile_seconds).run)
    compared = comparisons(orders, apply, settle, settle_refund, settings.compare_settled)
    app.background("reconciliation", Reconciliation(drifts, settings, *compared).run)
    app.background("stranded", counting(CountStrandedHandler(work)).run)
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(STATUSES))


if __name__ == "__main__":
    configured = load(PaymentSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
