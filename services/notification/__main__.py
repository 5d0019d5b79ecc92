"""Runs the notification service: `python -m services.notification`. With `migrate` it only updates the schema."""

from __future__ import annotations

import sys
from pathlib import Path

from argosy.notification.v1 import notification_pb2
from argosy.order.v1.order_lookup_pb2_grpc import OrderLookupServiceStub
from argosy.user.v1.mail_token_pb2_grpc import MailTokenServiceStub
from services.chassis.app import App
from services.chassis.bus.consumer import Consumer
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.data.housekeeping import Housekeeping
from services.chassis.data.migrations import migrate_or_exit
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_drifts import PostgresDrifts
from services.chassis.data.postgres_work import PostgresWork
from services.chassis.process.reconciliation import Reconciliation
from services.chassis.process.settings import load
from services.chassis.rpc.dead_letters import DeadLetters
from services.chassis.rpc.drifts import ListDrifts
from services.chassis.rpc.statuses import Catalogue
from services.notification.adapters.letters import Letters
from services.notification.adapters.mail_tokens import MAIL_TOKENS, MailTokens
from services.notification.adapters.orders import ORDER_LOOKUP, GrpcOrders
from services.notification.adapters.smtp import SmtpMailer
from services.notification.adapters.unit_of_work import CONSUMER, PostgresNotificationUnit
from services.notification.entrypoints.consumers import Consumers
from services.notification.entrypoints.errors import STATUSES
from services.notification.entrypoints.rpc import NotificationRpc
from services.notification.entrypoints.workers import chores, comparisons, counting, sender
from services.notification.settings import NotificationSettings
from services.notification.use_cases.change_preferences import ChangePreferencesHandler
from services.notification.use_cases.count_messages import CountMessagesHandler
from services.notification.use_cases.forget_recipient import ForgetRecipientHandler
from services.notification.use_cases.get_preferences import GetPreferencesHandler
from services.notification.use_cases.list_notifications import ListNotificationsHandler
from services.notification.use_cases.list_parked import ListParkedHandler
from services.notification.use_cases.record_order import RecordOrderHandler
from services.notification.use_cases.record_recipient import RecordRecipientHandler
from services.notification.use_cases.retry_parked import RetryParkedHandler
from services.notification.use_cases.send_messages import SendMessagesHandler
from services.notification.use_cases.write_message import WriteMessageHandler

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: NotificationSettings) -> None:
    """Wire the service and serve until SIGTERM or SIGINT."""
    app = App("notification", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    drifts = PostgresDrifts(postgres)
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    work = PostgresWork(postgres, PostgresNotificationUnit)
    tokens = MailTokens(app.client(MailTokenServiceStub, MAIL_TOKENS, settings.user_target))
    letters = Letters(settings.mail_from, settings.web_app_url)
    mailer = SmtpMailer(settings.smtp_url.get_secret_value(), settings.smtp_leave_alone_seconds)
    service = notification_pb2.DESCRIPTOR.services_by_name["NotificationService"]
    consumers = Consumers(
        RecordRecipientHandler(work),
        ForgetRecipientHandler(work),
        RecordOrderHandler(work),
        WriteMessageHandler(work),
    )
    consumer = Consumer(settings.brokers, CONSUMER, consumers.handlers(), producer, since=BEGINNING)
    rpc = NotificationRpc(
        list_notifications=ListNotificationsHandler(work),
        get_preferences=GetPreferencesHandler(work),
        change_preferences=ChangePreferencesHandler(work),
        list_parked=ListParkedHandler(work),
        retry_parked=RetryParkedHandler(work),
        list_drifts=ListDrifts(drifts),
        dead_letters=DeadLetters(consumer.letters),
    )
    app.serve(service, rpc)
    consumer.run_in(app)
    send = SendMessagesHandler(work, tokens, letters, mailer)
    app.background("sender", sender(send, settings.send_every_seconds).run)
    app.background("counting", counting(CountMessagesHandler(work)).run)
    orders = GrpcOrders(app.client(OrderLookupServiceStub, ORDER_LOOKUP, settings.order_target))
    compared = comparisons(work, orders, settings.compare_settled)
    app.background("reconciliation", Reconciliation(drifts, settings, *compared).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(STATUSES))


if __name__ == "__main__":
    configured = load(NotificationSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate_or_exit(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
