"""Messages against a real PostgreSQL and a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP
from google.protobuf.message import Message

import services.notification
from argosy.event.v1.order_events_pb2 import OrderCreated, OrderLine, OrderStatusUpdated
from argosy.event.v1.user_events_pb2 import UserCreated, UserDeleted
from services.chassis.events import Event, kind_of
from services.chassis.postgres import Postgres
from services.notification.consumers import handlers
from services.notification.domain import MAX_ATTEMPTS
from services.notification.mailer import SmtpMailer
from services.notification.use_cases import send_messages
from services.notification.use_cases.list_notifications import ListNotifications
from services.notification.use_cases.send_messages import SendMessages
from services.notification.use_cases.tell_about_order import TellAboutOrder

MIGRATIONS = Path(services.notification.__file__).parent / "migrations"


class Mailbox:
    """Takes mails as an SMTP server's handler, or refuses them."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusing = False
        self.silent_about = ""
        """What a mail is about that is never answered."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.silent_about and self.silent_about.encode() in envelope.content:
            await asyncio.Event().wait()
        if self.refusing:
            return "451 come back later"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


class Notification:
    """The service's parts on one database and one mail server."""

    def __init__(self, postgres: Postgres, mailbox: Mailbox, smtp_port: int) -> None:
        self.postgres = postgres
        self.mailbox = mailbox
        self.handlers = handlers(postgres, TellAboutOrder(postgres))
        self.mailer = SmtpMailer(f"smtp://127.0.0.1:{smtp_port}", "orders@argosy.local")
        self.sending = SendMessages(postgres, self.mailer, every_seconds=1)
        self.list = ListNotifications(postgres)

    async def hear(self, message: Message, event_id: UUID | None = None) -> None:
        kind = kind_of(message)
        event = Event(
            id=event_id or uuid4(),
            type=kind.type,
            time=datetime.now(UTC),
            source="/argosy/test",
            subject="",
            key="",
            sequence=None,
            message=message,
            traceparent="",
            topic=kind.topic,
            partition=0,
            offset=0,
        )
        await self.handlers[kind.type](event)

    async def hear_of_user(self, user: UUID, name: str = "Ada Byron") -> None:
        await self.hear(UserCreated(user_id=str(user), email="ada@example.com", name=name))

    async def hear_of_status(self, user: UUID, order: UUID, status: str, event_id: UUID | None = None) -> None:
        update = OrderStatusUpdated(order_id=str(order), user_id=str(user), status=status, reason="payment_failed")
        await self.hear(update, event_id)

    async def make_due(self) -> None:
        await self.postgres.execute("UPDATE messages SET next_attempt_at = now()")

    async def status(self) -> list[str]:
        return [row["status"] for row in await self.postgres.fetch("SELECT status FROM messages ORDER BY id")]


@pytest.fixture
async def notification(postgres_url: str) -> AsyncIterator[Notification]:
    postgres = Postgres(postgres_url, "notification-test", MIGRATIONS)
    await postgres.start()
    await postgres.execute("TRUNCATE recipients, orders, messages")
    mailbox = Mailbox()
    smtp = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    async with smtp:
        yield Notification(postgres, mailbox, smtp.sockets[0].getsockname()[1])
    await postgres.stop()


async def test_a_confirmation_says_what_was_ordered(notification: Notification) -> None:
    user, order = uuid4(), uuid4()
    await notification.hear_of_user(user)
    lines = [OrderLine(product_id="bell", quantity=2, price="29.99")]
    created = OrderCreated(order_id=str(order), user_id=str(user), total_amount="59.98", currency="USD", items=lines)
    await notification.hear(created)
    await notification.hear_of_status(user, order, "confirmed")
    assert await notification.sending.once() == 1
    (mail,) = notification.mailbox.mails
    assert mail["To"] == "Ada Byron <ada@example.com>"
    assert mail["Subject"] == "Your order is confirmed"
    text = mail.get_content()
    assert "Ada Byron" in text
    assert str(order) in text
    assert "2 x bell at 29.99 USD" in text
    assert "Total: 59.98 USD" in text
    ((message,), rest) = await notification.list(user, None, 20)
    assert (message.type, message.status, message.order_id, rest) == ("order_confirmed", "sent", order, None)


async def test_a_cancellation_says_why(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "cancelled")
    await notification.sending.once()
    assert "payment did not go through" in notification.mailbox.mails[0].get_content()


async def test_an_event_heard_twice_is_told_once(notification: Notification) -> None:
    user, order, event = uuid4(), uuid4(), uuid4()
    await notification.hear_of_user(user)
    await asyncio.gather(*(notification.hear_of_status(user, order, "confirmed", event) for _ in range(5)))
    await asyncio.gather(*(notification.sending.once() for _ in range(5)))
    assert len(notification.mailbox.mails) == 1


async def test_a_message_waits_for_its_readers_address(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_status(user, uuid4(), "confirmed")
    assert await notification.sending.once() == 0
    await notification.hear_of_user(user)
    assert await notification.sending.once() == 1
    assert len(notification.mailbox.mails) == 1


async def test_mail_that_is_refused_is_tried_again_under_the_same_message_id(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    notification.mailbox.refusing = True
    assert await notification.sending.once() == 1
    assert await notification.sending.once() == 0, "it waits before the next attempt"
    notification.mailbox.refusing = False
    await notification.make_due()
    await notification.sending.once()
    await notification.postgres.execute("UPDATE messages SET status = 'pending', sent_at = NULL")
    await notification.make_due()
    await notification.sending.once()
    first, again = notification.mailbox.mails
    assert first["Message-ID"] == again["Message-ID"]


async def test_mail_that_is_always_refused_is_parked(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    notification.mailbox.refusing = True
    for _ in range(MAX_ATTEMPTS):
        await notification.make_due()
        assert await notification.sending.once() == 1
    assert await notification.status() == ["failed"]
    await notification.make_due()
    assert await notification.sending.once() == 0
    error = await notification.postgres.fetchval("SELECT error FROM messages")
    assert "451" in error
    assert "ada@example.com" not in error


async def test_mail_that_is_not_answered_is_put_off_and_keeps_no_other_back(
    notification: Notification, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_messages, "SEND_SECONDS", 2.0)
    user, unlucky, lucky = uuid4(), uuid4(), uuid4()
    await notification.hear_of_user(user)
    for order in (unlucky, lucky):
        await notification.hear_of_status(user, order, "confirmed")
    notification.mailbox.silent_about = str(unlucky)
    assert await notification.sending.once() == 2
    assert await notification.status() == ["pending", "sent"]
    assert "not taken" in await notification.postgres.fetchval("SELECT error FROM messages WHERE status = 'pending'")
    notification.mailbox.silent_about = ""
    await notification.make_due()
    assert await notification.sending.once() == 1
    assert await notification.status() == ["sent", "sent"]


async def test_a_name_cannot_write_headers(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user, name="Ada\r\nBcc: all@example.com")
    await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.sending.once()
    assert notification.mailbox.mails[0]["Bcc"] is None


async def test_a_deleted_person_is_not_written_to(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.hear(UserDeleted(user_id=str(user)))
    assert await notification.sending.once() == 0
    assert notification.mailbox.mails == []


async def test_pages_are_newest_first_complete_and_the_readers_own(notification: Notification) -> None:
    user, other = uuid4(), uuid4()
    orders = [uuid4() for _ in range(5)]
    for order in orders:
        await notification.hear_of_status(user, order, "confirmed")
        await notification.hear_of_status(other, uuid4(), "confirmed")
    first, last = await notification.list(user, None, 3)
    second, end = await notification.list(user, last, 3)
    assert [message.order_id for message in (*first, *second)] == orders[::-1]
    assert end is None
