"""Runs the notification service: `python -m services.notification`. With `migrate` it only updates the schema."""

from __future__ import annotations

import sys
from pathlib import Path

from argosy.notification.v1 import notification_pb2
from argosy.user.v1.mail_token_pb2_grpc import MailTokenServiceStub
from services.chassis.app import App
from services.chassis.consumer import Consumer
from services.chassis.housekeeping import Housekeeping
from services.chassis.migrations import migrate
from services.chassis.postgres import Postgres
from services.chassis.producer import Producer
from services.chassis.reading import BEGINNING
from services.chassis.settings import load
from services.chassis.statuses import Catalogue
from services.notification.chores import chores
from services.notification.consumers import GROUP, handlers
from services.notification.faults import FAULTS
from services.notification.letters import Letters
from services.notification.mail_tokens import MAIL_TOKENS, MailTokens
from services.notification.mailer import SmtpMailer
from services.notification.rpc import NotificationRpc
from services.notification.settings import NotificationSettings
from services.notification.use_cases.count_messages import CountMessages
from services.notification.use_cases.keep_preferences import KeepPreferences
from services.notification.use_cases.list_notifications import ListNotifications
from services.notification.use_cases.send_messages import SendMessages

MIGRATIONS = Path(__file__).parent / "migrations"


def run(settings: NotificationSettings) -> None:
    """Wire the service and serve until a signal."""
    app = App("notification", settings)
    postgres = app.add(Postgres(settings.database_url, app.name, MIGRATIONS if settings.migrate_at_start else None))
    producer = app.add(Producer(settings.brokers, app.name), required=False)
    tokens = MailTokens(app.client(MailTokenServiceStub, MAIL_TOKENS, settings.user_target))
    letters = Letters(settings.mail_from, settings.web_app_url)
    mailer = SmtpMailer(settings.smtp_url.get_secret_value(), settings.smtp_leave_alone_seconds)
    service = notification_pb2.DESCRIPTOR.services_by_name["NotificationService"]
    app.serve(service, NotificationRpc(ListNotifications(postgres), KeepPreferences(postgres)))
    Consumer(settings.brokers, GROUP, handlers(postgres), producer, since=BEGINNING).run_in(app)
    app.background("sender", SendMessages(postgres, tokens, letters, mailer, settings.send_every_seconds).run)
    app.background("counting", CountMessages(postgres).run)
    app.background("housekeeping", Housekeeping(postgres, *chores(settings)).run)
    app.run(Catalogue(FAULTS))


if __name__ == "__main__":
    configured = load(NotificationSettings)
    if sys.argv[1:] == ["migrate"]:
        migrate(configured.database_url.get_secret_value(), MIGRATIONS)
    else:
        run(configured)
