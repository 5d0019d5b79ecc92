"""Runs the payment service: `python -m services.payment`. With `migrate` it only brings the schema up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from services.chassis.app import App
from services.chassis.consumer import Consumer
from services.chassis.housekeeping import Housekeeping
from services.chassis.migrations import migrate_or_exit
from services.chassis.postgres import Postgres
from services.chassis.postgres_drifts import PostgresDrifts
from services.chassis.postgres_outbox import PostgresOutbox
from services.chassis.producer import Producer
from services.chassis.reading import BEGINNING
from services.chassis.reconciliation import Reconciliation
from services.chassis.relay import Relay
from services.chassis.settings import load
from services.chassis.statuses import Catalogue
from services.payment import use_cases as does
from services.payment.chores import chores
from services.payment.comparisons import comparisons
from services.payment.consumers import GROUP, handlers
from services.payment.faults import FAULTS
from services.payment.first_answers import FirstAnswers
from services.payment.orders import ORDER_LOOKUP, Orders
from services.payment.reconciler import Reconciler
from services.payment.recorder import Recorder
from services.payment.rpc import PAYMENT_LOOKUP, PAYMENTS, PaymentLookupRpc, PaymentRpc
from services.payment.settings import PaymentSettings
from services.payment.stranded import CountStranded
from services.payment.stripe_gateway import StripeGateway

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: PaymentSettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("payment", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    gateway = app.add(
        StripeGateway(
            settings.stripe_api_key,
            settings.stripe_api_url,
            settings.stripe_timeout_seconds,
            settings.stripe_leave_alone_seconds,
        )
    )
    orders = Orders(app.client(OrderLookupServiceStub, ORDER_LOOKUP, settings.order_target))
    recorder = Recorder(postgres, settings.challenge_timeout)
    settle = does.SettlePayment(postgres, gateway, recorder, settings.stripe_search_lag)
    refund = does.SettleRefund(postgres, gateway, recorder)
    answers, show = FirstAnswers(postgres, gateway), does.ShowPayments(postgres)
    create = does.CreatePayment(postgres, orders, gateway, settle, answers, settings.payment_return_url)
    webhook = does.HandleWebhook(postgres, gateway, settle, refund, recorder, settings.stripe_webhook_secret)
    confirm, give_back = does.ConfirmPayment(show, settle), does.CreateRefund(postgres, refund)
    app.serve(PAYMENTS, PaymentRpc(create, show, confirm, give_back, webhook, settings.idempotency_secret))
    app.serve(PAYMENT_LOOKUP, PaymentLookupRpc(does.LookUpOrderPayment(postgres)))
    Consumer(settings.brokers, GROUP, handlers(postgres, recorder), producer, since=BEGINNING).run_in(app)
    reconciler = Reconciler(postgres, settle, refund, recorder.work, settings.reconcile_seconds)
    app.background("reconciler", reconciler.run)
    compared = comparisons(postgres, orders, settle, refund, settings.compare_settled)
    app.background("reconciliation", Reconciliation(PostgresDrifts(postgres), settings, *compared).run)
    app.background("stranded", CountStranded(postgres).run)
    app.background("relay", Relay(PostgresOutbox(postgres, app.name).lease, producer).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(FAULTS))


if __name__ == "__main__":
    configured = load(PaymentSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
