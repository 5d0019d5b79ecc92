"""One transaction on the notification database (ports.NotificationUnit)."""

from __future__ import annotations

from typing import NoReturn

from services.chassis.data.postgres import Connection
from services.chassis.data.postgres_work import Outgoing, PostgresUnit
from services.notification.adapters.messages import PostgresMessages
from services.notification.adapters.recipients import (
    PostgresOrderSummaries,
    PostgresPreferences,
    PostgresRecipients,
)

CONSUMER = "notification-service-group"
"""The consumer group whose processed events the inbox records."""


class PostgresNotificationUnit(PostgresUnit[NoReturn]):
    """The repositories on one connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, CONSUMER, _publishes_nothing)
        self.recipients = PostgresRecipients(connection)
        self.preferences = PostgresPreferences(connection)
        self.orders = PostgresOrderSummaries(connection)
        self.messages = PostgresMessages(connection)


def _publishes_nothing(fact: NoReturn) -> Outgoing:
    raise TypeError(f"notification publishes nothing, so not {fact!r}")
