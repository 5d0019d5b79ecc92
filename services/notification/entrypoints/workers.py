"""Periodic work: sending, counting, comparisons, and retention (README.md)."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.chassis.data import inbox
from services.chassis.data.housekeeping import Chore
from services.chassis.data.postgres import Connection
from services.chassis.plain import clock
from services.chassis.plain.comparison import Comparison
from services.chassis.process.periodic import Periodic
from services.notification.adapters import messages, recipients
from services.notification.ports import Orders, Work
from services.notification.settings import NotificationSettings
from services.notification.use_cases import outcomes
from services.notification.use_cases.compare_mails import CompareMails
from services.notification.use_cases.count_messages import CountMessagesHandler
from services.notification.use_cases.send_messages import BATCH, SendMessagesHandler

COUNT_EVERY_SECONDS = 15.0
KEEP_FORGOTTEN = inbox.KEEP
"""Longer than any topic keeps an event: no event that names the user can arrive afterwards."""


def sender(send_messages: SendMessagesHandler, every_seconds: float) -> Periodic:
    """Sends due messages."""

    async def once() -> bool:
        return await send_messages() == BATCH

    return Periodic("sender", once, every_seconds)


def counting(count_messages: CountMessagesHandler) -> Periodic:
    """Counts unsent messages."""
    return Periodic("counting", count_messages, COUNT_EVERY_SECONDS)


def comparisons(work: Work, orders: Orders, settled: timedelta) -> tuple[Comparison, ...]:
    """What the reconciliation compares, in the background and for `argosy reconcile`."""
    return (CompareMails(work, orders, settled, clock.now),)


def chores(settings: NotificationSettings) -> tuple[Chore, ...]:
    """Retention jobs of the service's own tables, in addition to the chassis' ones."""
    keep = timedelta(days=settings.keep_messages_days)
    return (
        Chore("messages that wait for an address", _drop_unaddressed, timedelta(days=settings.unaddressed_days)),
        Chore("messages", messages.prune, keep),
        Chore("orders", recipients.prune_orders, keep),
        Chore("recipients", recipients.prune_forgotten, KEEP_FORGOTTEN),
    )


async def _drop_unaddressed(connection: Connection, before: datetime, limit: int) -> int:
    dropped = await messages.drop_unaddressed(connection, before, limit)
    for message_type in dropped:
        outcomes.count(message_type, "dropped")
    return len(dropped)
