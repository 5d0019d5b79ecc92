"""Messages against a real PostgreSQL and a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import grpc
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from google.protobuf.message import Message
from prometheus_client import REGISTRY

import services.notification
from argosy.event.v1.order_events_pb2 import OrderCreated, OrderLine, OrderStatusUpdated
from argosy.event.v1.payment_events_pb2 import PaymentRefunded, PaymentRefundFailed
from argosy.event.v1.user_events_pb2 import (
    EmailChangeRequested,
    EmailVerificationRequested,
    PasswordResetRequested,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from argosy.user.v1.mail_token_pb2_grpc import MailTokenServiceStub
from services.chassis.bus.events import Event, kind_of
from services.chassis.data.housekeeping import Housekeeping
from services.chassis.data.postgres import Postgres
from services.chassis.data.postgres_work import PostgresWork
from services.notification.adapters.letters import Letters
from services.notification.adapters.mail_tokens import MailToken, MailTokens
from services.notification.adapters.smtp import SmtpMailer
from services.notification.adapters.unit_of_work import PostgresNotificationUnit
from services.notification.domain.messages import MAX_ATTEMPTS
from services.notification.domain.messages import Message as ShownMessage
from services.notification.domain.preferences import InvalidPreferences, Preference
from services.notification.entrypoints.consumers import Consumers
from services.notification.entrypoints.workers import chores
from services.notification.ports import MailNotAsked, MailNotSent, MailNotWanted
from services.notification.settings import NotificationSettings
from services.notification.use_cases import send_messages
from services.notification.use_cases.change_preferences import ChangePreferences, ChangePreferencesHandler
from services.notification.use_cases.count_messages import CountMessagesHandler
from services.notification.use_cases.forget_recipient import ForgetRecipientHandler
from services.notification.use_cases.get_preferences import GetPreferences, GetPreferencesHandler
from services.notification.use_cases.list_notifications import ListNotifications, ListNotificationsHandler
from services.notification.use_cases.list_parked import ListParked, ListParkedHandler
from services.notification.use_cases.record_order import RecordOrderHandler
from services.notification.use_cases.record_recipient import RecordRecipientHandler
from services.notification.use_cases.retry_parked import RetryParked, RetryParkedHandler
from services.notification.use_cases.send_messages import SendMessagesHandler
from services.notification.use_cases.write_message import WriteMessageHandler

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


class Mint:
    """Makes tokens as the user service does, or does not."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fails: Exception | None = None

    async def mint(self, request_id: UUID) -> MailToken:
        if self.fails is not None:
            raise self.fails
        self.made.append(f"{len(self.made)}-secret-of-{request_id}")
        return MailToken(self.made[-1], "ada.now@example.com", "Ada Now")


class Notification:
    """The service's parts on one database and one mail server."""

    def __init__(self, postgres: Postgres, mailbox: Mailbox, smtp_port: int) -> None:
        self.postgres = postgres
        self.mailbox = mailbox
        self.work = work = PostgresWork(postgres, PostgresNotificationUnit)
        self.handlers = Consumers(
            RecordRecipientHandler(work),
            ForgetRecipientHandler(work),
            RecordOrderHandler(work),
            WriteMessageHandler(work),
        ).handlers()
        self.tokens = Mint()
        letters = Letters("orders@argosy.local", "https://shop.example/")
        self.send = SendMessagesHandler(work, self.tokens, letters, SmtpMailer(f"smtp://127.0.0.1:{smtp_port}"))
        self.list_parked = ListParkedHandler(work)
        self.retry_parked = RetryParkedHandler(work)
        self.count_messages = CountMessagesHandler(work)

    async def page(self, user: UUID, before: UUID | None, size: int) -> tuple[list[ShownMessage], UUID | None]:
        return await ListNotificationsHandler(self.work)(ListNotifications(user, before, size))

    async def change_preferences(self, user: UUID, stated: Sequence[tuple[str, bool]]) -> list[Preference]:
        return await ChangePreferencesHandler(self.work)(ChangePreferences(user, stated))

    async def preferences_of(self, user: UUID) -> list[Preference]:
        return await GetPreferencesHandler(self.work)(GetPreferences(user))

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
        known = UserUpdated(user_id=str(user), email="ada@example.com", name=name, email_verified=True)
        await self.hear(known)

    async def hear_of_status(self, user: UUID, order: UUID, status: str, event_id: UUID | None = None) -> None:
        update = OrderStatusUpdated(order_id=str(order), user_id=str(user), status=status, reason="payment_failed")
        await self.hear(update, event_id)

    async def keep_house(self) -> None:
        settings = cast(NotificationSettings, SimpleNamespace(keep_messages_days=365, unaddressed_days=7))
        await Housekeeping(self.postgres, *chores(settings), batch=2).once()

    async def age(self, table: str, column: str, by: str) -> None:
        """Let all rows that have this instant have it as long ago."""
        await self.postgres.execute(
            f"UPDATE {table} SET {column} = now() - $1::text::interval WHERE {column} IS NOT NULL", by
        )

    async def count(self, table: str) -> int:
        number: int = await self.postgres.fetchval(f"SELECT count(*) FROM {table}")
        return number

    async def everything_about(self, user: UUID) -> list[object]:
        """What is known of a person."""
        known = "SELECT email, name FROM recipients WHERE user_id = $1 AND (email IS NOT NULL OR name IS NOT NULL)"
        wanted = "SELECT kind FROM preferences WHERE user_id = $1"
        return [*await self.postgres.fetch(known, user), *await self.postgres.fetch(wanted, user)]

    async def make_due(self) -> None:
        await self.postgres.execute("UPDATE messages SET next_attempt_at = now()")

    async def attempts(self) -> list[int]:
        return [row["attempts"] for row in await self.postgres.fetch("SELECT attempts FROM messages ORDER BY id")]

    async def status(self) -> list[str]:
        return [row["status"] for row in await self.postgres.fetch("SELECT status FROM messages ORDER BY id")]


def dropped(kind: str) -> float:
    """How many messages of a type were dropped so far."""
    outcome = {"type": kind, "outcome": "dropped"}
    return REGISTRY.get_sample_value("argosy_messages_total", outcome) or 0


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
async def notification(postgres_url: str) -> AsyncIterator[Notification]:
    postgres = Postgres(postgres_url, "notification-test", MIGRATIONS)
    await postgres.start()
    await postgres.execute("TRUNCATE recipients, orders, messages, preferences")
    mailbox = Mailbox()
    smtp = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox), "127.0.0.1", 0)
    async with smtp:
        yield Notification(postgres, mailbox, smtp.sockets[0].getsockname()[1])
    await postgres.stop()


async def test_a_confirmation_lists_what_was_ordered(notification: Notification) -> None:
    user, order = uuid4(), uuid4()
    await notification.hear_of_user(user)
    lines = [OrderLine(product_id="bell", quantity=2, price="29.99")]
    created = OrderCreated(order_id=str(order), user_id=str(user), total_amount="59.98", currency="USD", items=lines)
    await notification.hear(created)
    await notification.hear_of_status(user, order, "confirmed")
    assert await notification.send() == 1
    (mail,) = notification.mailbox.mails
    assert mail["To"] == "Ada Byron <ada@example.com>"
    assert mail["Subject"] == "Your order is confirmed"
    assert mail.get_content_type() == "multipart/alternative"
    text = part(mail, "plain")
    assert "Ada Byron" in text
    assert str(order) in text
    assert "2 x bell at 29.99 USD" in text
    assert "Total: 59.98 USD" in text
    html = part(mail, "html")
    assert "2 × bell" in html
    assert "59.98 USD" in html
    ((message,), rest) = await notification.page(user, None, 20)
    assert (message.type, message.status, message.order_id, rest) == ("order_confirmed", "sent", order, None)


async def test_a_cancellation_has_its_reason(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "cancelled")
    await notification.send()
    assert "Your payment was declined" in part(notification.mailbox.mails[0], "plain")


async def test_an_event_delivered_twice_is_mailed_once(notification: Notification) -> None:
    user, order, event = uuid4(), uuid4(), uuid4()
    await notification.hear_of_user(user)
    await asyncio.gather(*(notification.hear_of_status(user, order, "confirmed", event) for _ in range(5)))
    await asyncio.gather(*(notification.send() for _ in range(5)))
    assert len(notification.mailbox.mails) == 1


async def test_what_comes_again_does_not_undo_what_came_after_it(notification: Notification) -> None:
    moved, gone = uuid4(), uuid4()
    events: list[tuple[Message, UUID]] = [
        (UserCreated(user_id=str(moved), email="old@example.com", name="Ada"), uuid4()),
        (UserCreated(user_id=str(gone), email="gone@example.com", name="Bob", verification_id=str(uuid4())), uuid4()),
        (UserUpdated(user_id=str(moved), email="new@example.com", name="Ada"), uuid4()),
        (UserDeleted(user_id=str(gone)), uuid4()),
    ]
    for message, event_id in (*events, *events[:2]):
        await notification.hear(message, event_id)
    await notification.send()
    rows = await notification.postgres.fetch("SELECT user_id, email FROM recipients")
    assert dict(map(tuple, rows)) == {moved: "new@example.com", gone: None}
    assert not notification.mailbox.mails


async def test_a_message_waits_for_its_readers_address(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_status(user, uuid4(), "confirmed")
    assert await notification.send() == 0
    await notification.hear_of_user(user)
    assert await notification.send() == 1
    assert len(notification.mailbox.mails) == 1


async def test_mail_that_is_refused_is_tried_again_under_the_same_message_id(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    notification.mailbox.refusing = True
    assert await notification.send() == 1
    assert await notification.send() == 0, "it waits before the next attempt"
    notification.mailbox.refusing = False
    await notification.make_due()
    await notification.send()
    await notification.postgres.execute("UPDATE messages SET status = 'pending', sent_at = NULL")
    await notification.make_due()
    await notification.send()
    first, again = notification.mailbox.mails
    assert first["Message-ID"] == again["Message-ID"]


async def test_mail_that_is_always_refused_is_parked(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    notification.mailbox.refusing = True
    for _ in range(MAX_ATTEMPTS):
        await notification.make_due()
        assert await notification.send() == 1
    assert await notification.status() == ["parked"]
    await notification.make_due()
    assert await notification.send() == 0
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
    assert await notification.send() == 2
    assert await notification.status() == ["pending", "sent"]
    assert "not taken" in await notification.postgres.fetchval("SELECT error FROM messages WHERE status = 'pending'")
    notification.mailbox.silent_about = ""
    await notification.make_due()
    assert await notification.send() == 1
    assert await notification.status() == ["sent", "sent"]


async def test_a_mail_server_that_is_away_is_left_alone_and_costs_no_attempts(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    for _ in range(10):
        await notification.hear_of_status(user, uuid4(), "confirmed")
    away = SmtpMailer("smtp://127.0.0.1:1", leave_alone=3600)
    assert await replace(notification.send, mailer=away)() == 10
    await notification.make_due()
    assert await replace(notification.send, mailer=away)() == 0
    assert await notification.attempts() == [0] * 10
    await notification.send()
    assert await notification.status() == ["sent"] * 10


async def test_one_message_finds_out_whether_the_mail_server_is_back(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    for _ in range(10):
        await notification.hear_of_status(user, uuid4(), "confirmed")
    asked = 0

    async def not_now(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b"421 not now\r\n")
        writer.close()

    async with await asyncio.start_server(not_now, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked_again_at_once = SmtpMailer(f"smtp://127.0.0.1:{port}", leave_alone=0)
        for _ in range(2):
            await notification.make_due()
            assert await replace(notification.send, mailer=asked_again_at_once)() == 10
    assert asked == 11
    assert await notification.attempts() == [0] * 10


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("handle_MAIL", "530 authentication required"),
        ("handle_MAIL", "550 not your address"),
        ("handle_MAIL", "452 insufficient system storage"),
        ("handle_DATA", "421 closing down"),
    ],
)
async def test_a_server_that_takes_nothing_from_us_costs_no_message_an_attempt(
    notification: Notification, step: str, answer: str
) -> None:
    async def refuse(*_: Any) -> str:
        return answer

    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    setattr(notification.mailbox, step, refuse)
    for _ in range(4):
        await notification.make_due()
        assert await notification.send() == 1
    assert (await notification.attempts(), await notification.status()) == ([0], ["pending"])
    delattr(notification.mailbox, step)
    await notification.make_due()
    await notification.send()
    assert await notification.status() == ["sent"]


async def test_a_password_that_the_mail_server_takes_no_more_costs_no_message_an_attempt(
    notification: Notification,
) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")

    def authenticate(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    def smtp() -> SMTP:
        return SMTP(notification.mailbox, authenticator=authenticate, auth_require_tls=False)

    async with await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        mailer = SmtpMailer(f"smtp://argosy:rotated@127.0.0.1:{port}")
        assert await replace(notification.send, mailer=mailer)() == 1
    assert (await notification.attempts(), await notification.status()) == ([0], ["pending"])


async def test_a_mail_that_is_refused_is_no_failure_of_the_server(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    for _ in range(10):
        await notification.hear_of_status(user, uuid4(), "confirmed")
    notification.mailbox.refusing = True
    assert await notification.send() == 10
    notification.mailbox.refusing = False
    await notification.make_due()
    assert await notification.send() == 10
    assert await notification.status() == ["sent"] * 10


async def test_a_name_cannot_write_headers(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user, name="Ada\r\nBcc: all@example.com")
    await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.send()
    assert notification.mailbox.mails[0]["Bcc"] is None


async def test_a_deleted_person_is_not_written_to(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.hear(UserDeleted(user_id=str(user)))
    assert await notification.send() == 0
    assert notification.mailbox.mails == []


async def test_what_waits_for_somebody_who_was_deleted_is_dropped_and_counted(notification: Notification) -> None:
    user, other, before = uuid4(), uuid4(), dropped("order_confirmed")
    for each in (user, other):
        await notification.hear_of_user(each)
        await notification.hear_of_status(each, uuid4(), "confirmed")
    await notification.hear_of_status(user, uuid4(), "cancelled")
    await notification.postgres.execute("UPDATE messages SET status = 'parked' WHERE type = 'order_cancelled'")
    await notification.change_preferences(user, [("order_shipped", False)])
    for _ in range(2):
        await notification.hear(UserDeleted(user_id=str(user)))
    rows = await notification.postgres.fetch("SELECT status, error, data FROM messages WHERE user_id = $1", user)
    assert [tuple(row) for row in rows] == [("dropped", "its reader's account was deleted", "{}")] * 2
    assert dropped("order_confirmed") == before + 1
    assert await notification.everything_about(user) == []
    assert await notification.send() == 1


async def test_what_comes_late_or_again_after_a_deletion_is_dropped_and_brings_nobody_back(
    notification: Notification,
) -> None:
    user, order, event = uuid4(), uuid4(), uuid4()
    person: dict[str, Any] = {"user_id": str(user), "email": "ada@example.com", "name": "Ada Byron"}
    await notification.hear(UserCreated(**person, verification_id=str(uuid4())), event)
    await notification.hear(UserDeleted(user_id=str(user)))
    before = dropped("order_confirmed")
    await notification.hear_of_status(user, order, "confirmed")
    await notification.hear(UserCreated(**person, verification_id=str(uuid4())), event)
    await notification.hear(UserUpdated(**person, verification_id=str(uuid4())))
    await notification.change_preferences(user, [("order_shipped", False)])
    assert await notification.status() == ["dropped"] * 3
    assert dropped("order_confirmed") == before + 1
    assert await notification.everything_about(user) == []
    assert await notification.send() == 0


async def test_of_a_deletion_and_a_message_at_once_none_is_left_waiting(notification: Notification) -> None:
    for _ in range(10):
        user = uuid4()
        await notification.hear_of_user(user)
        deleted = notification.hear(UserDeleted(user_id=str(user)))
        await asyncio.gather(*(notification.hear_of_status(user, uuid4(), "confirmed") for _ in range(4)), deleted)
    assert await notification.status() == ["dropped"] * 40


async def test_pages_are_newest_first_complete_and_the_readers_own(notification: Notification) -> None:
    user, other = uuid4(), uuid4()
    orders = [uuid4() for _ in range(5)]
    for order in orders:
        await notification.hear_of_status(user, order, "confirmed")
        await notification.hear_of_status(other, uuid4(), "confirmed")
    first, last = await notification.page(user, None, 3)
    second, end = await notification.page(user, last, 3)
    assert [message.order_id for message in (*first, *second)] == orders[::-1]
    assert end is None


async def test_each_kind_about_an_order_has_its_mail(notification: Notification) -> None:
    user, order = uuid4(), uuid4()
    await notification.hear_of_user(user)
    for status in ("confirmed", "shipped", "delivered", "cancelled"):
        await notification.hear_of_status(user, order, status)
    refund = PaymentRefunded(order_id=str(order), user_id=str(user), amount="10.00", currency="USD")
    await notification.hear(refund)
    bounced = PaymentRefundFailed(order_id=str(order), user_id=str(user), amount="10.00", currency="USD")
    await notification.hear(bounced)
    await notification.send()
    mails = {str(mail["Subject"]): mail for mail in notification.mailbox.mails}
    assert set(mails) == {
        "Your order is confirmed",
        "Your order has shipped",
        "Your order has been cancelled",
        "Your refund is on its way",
        "There is a problem with your refund",
    }
    for mail in mails.values():
        for kind in ("plain", "html"):
            assert str(order) in part(mail, kind)
    assert "We refunded 10.00 USD" in part(mails["Your refund is on its way"], "plain")
    assert "your bank returned the payment" in part(mails["There is a problem with your refund"], "plain")


async def test_mails_about_accounts_carry_a_token_that_is_kept_nowhere(notification: Notification) -> None:
    user = uuid4()
    person: dict[str, Any] = {"user_id": str(user), "email": "ada@example.com", "name": "Ada"}
    events = {
        "Welcome! Please verify your email address": UserCreated(**person, verification_id=str(uuid4())),
        "Please verify your email address": UserUpdated(**person, verification_id=str(uuid4())),
        "Reset your password": PasswordResetRequested(user_id=str(user), reset_id=str(uuid4())),
        "Your email address is about to change": EmailChangeRequested(user_id=str(user), undo_id=str(uuid4())),
    }
    pages = {"Reset your password": "reset-password", "Your email address is about to change": "undo-email-change"}
    for event in events.values():
        await notification.hear(event)
    await notification.hear(EmailVerificationRequested(user_id=str(user), verification_id=str(uuid4())))
    await notification.send()
    mails, made = notification.mailbox.mails, notification.tokens.made
    assert {mail["Subject"] for mail in mails} == set(events)
    assert len(mails) == len(made) == 5
    for mail in mails:
        assert mail["To"] == "Ada Now <ada.now@example.com>"
        (token,) = [token for token in made if token in part(mail, "plain")]
        page = pages.get(mail["Subject"], "verify-email")
        for kind in ("plain", "html"):
            assert f"https://shop.example/{page}#token={token}" in part(mail, kind)
    for table in ("messages", "recipients", "inbox", "outbox"):
        rows = str([dict(row) for row in await notification.postgres.fetch(f"SELECT * FROM {table}")])
        assert not [token for token in made if token in rows]


async def test_a_change_that_is_no_new_address_is_not_mailed(notification: Notification) -> None:
    await notification.hear(UserUpdated(user_id=str(uuid4()), email="ada@example.com", name="Ada"))
    assert await notification.send() == 0


async def test_a_token_that_cannot_be_minted_is_retried(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear(PasswordResetRequested(user_id=str(user), reset_id=str(uuid4())))
    notification.tokens.fails = MailNotSent("no token: UNAVAILABLE")
    assert await notification.send() == 1
    assert (await notification.status(), notification.mailbox.mails) == (["pending"], [])
    notification.tokens.fails = None
    await notification.make_due()
    await notification.send()
    assert (await notification.status(), len(notification.mailbox.mails)) == (["sent"], 1)


async def test_a_mail_whose_token_is_void_is_never_sent_nor_shown(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear(PasswordResetRequested(user_id=str(user), reset_id=str(uuid4())))
    notification.tokens.fails = MailNotWanted("replaced")
    await notification.send()
    assert await notification.status() == ["dropped"]
    await notification.make_due()
    assert await notification.send() == 0
    assert notification.mailbox.mails == []
    assert await notification.page(user, None, 20) == ([], None)


async def test_what_is_not_wanted_is_not_sent_and_security_always_is(notification: Notification) -> None:
    user, event = uuid4(), uuid4()
    await notification.hear_of_user(user)
    changed = await notification.change_preferences(user, [("order_confirmed", True), ("order_confirmed", False)])
    assert {each.kind for each in changed if not each.email} == {"order_confirmed"}
    assert await notification.preferences_of(user) == changed
    await notification.hear_of_status(user, uuid4(), "confirmed", event)
    await notification.hear_of_status(user, uuid4(), "shipped")
    await notification.postgres.execute("INSERT INTO preferences VALUES ($1, 'password_reset', false)", user)
    await notification.hear(PasswordResetRequested(user_id=str(user), reset_id=str(uuid4())))
    await notification.send()
    assert sorted(mail["Subject"] for mail in notification.mailbox.mails) == [
        "Reset your password",
        "Your order has shipped",
    ]
    await notification.change_preferences(user, [("order_confirmed", True)])
    await notification.hear_of_status(user, uuid4(), "confirmed", event)  # again, after the change
    assert await notification.send() == 0
    await notification.hear_of_status(user, uuid4(), "confirmed")
    assert await notification.send() == 1


async def test_preferences_are_each_persons_own_and_several_changes_at_once_all_count(
    notification: Notification,
) -> None:
    user, other = uuid4(), uuid4()
    kinds = ("order_confirmed", "order_cancelled", "order_shipped", "payment_refunded", "payment_refund_failed")
    pairs = (kinds, kinds[::-1], kinds[:2], kinds[2:])
    await asyncio.gather(*(notification.change_preferences(user, [(kind, False) for kind in some]) for some in pairs))
    assert [each.kind for each in await notification.preferences_of(user) if each.email] == [
        "welcome",
        "verify_email",
        "password_reset",
        "email_change",
    ]
    assert all(each.email for each in await notification.preferences_of(other))


async def test_what_cannot_be_wanted_so_changes_nothing(notification: Notification) -> None:
    user = uuid4()
    changes = [("order_shipped", False), ("newsletter", True), ("password_reset", False)]
    with pytest.raises(InvalidPreferences) as refused:
        await notification.change_preferences(user, changes)
    assert [field for field, _ in refused.value.violations] == ["preferences[1].kind", "preferences[2].email"]
    assert not await notification.postgres.fetch("SELECT * FROM preferences")


async def test_a_name_is_not_mailed_to_an_address_that_is_not_verified(notification: Notification) -> None:
    user = uuid4()
    person: dict[str, Any] = {"user_id": str(user), "email": "ada@example.com", "name": "Pay at example com"}
    for event in (UserCreated(**person), UserUpdated(**person)):
        await notification.hear(event)
        await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.send()
    for mail in notification.mailbox.mails:
        assert mail["To"] == "ada@example.com"
        assert "Pay" not in mail.as_string()
        assert part(mail, "plain").splitlines()[0] == "Hello,"
    assert len(notification.mailbox.mails) == 2


async def test_a_name_is_text_in_html_too(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user, name="<img src=x> & Ada")
    await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.send()
    (mail,) = notification.mailbox.mails
    assert "Hello &lt;img src=x&gt; &amp; Ada," in part(mail, "html")
    assert "Hello <img src=x> & Ada," in part(mail, "plain")


async def test_parked_mail_is_looked_at_counted_and_tried_again(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    for status in ("confirmed", "shipped"):
        await notification.hear_of_status(user, uuid4(), status)
    await notification.postgres.execute("UPDATE messages SET status = 'parked', attempts = 10, error = 'SMTP 451'")
    (first, second), end = await notification.list_parked(ListParked(2))
    assert end is None
    assert (first.type, first.attempts, first.error) == ("order_confirmed", 10, "SMTP 451")
    assert await notification.list_parked(ListParked(1)) == ([first], first.id)
    assert await notification.list_parked(ListParked(1, first.id)) == ([second], None)
    await notification.count_messages()
    assert [
        REGISTRY.get_sample_value("argosy_messages_unsent", {"status": name}) for name in ("pending", "parked")
    ] == [0, 2]

    answers = await asyncio.gather(
        *(notification.retry_parked(RetryParked([second.id, uuid4()], "eve")) for _ in range(5))
    )
    assert sorted(map(list, answers)) == [[], [], [], [], [second.id]]
    assert await notification.send() == 1
    (mail,) = notification.mailbox.mails
    assert mail["Subject"] == "Your order has shipped"
    assert await notification.retry_parked(RetryParked(None, "eve")) == [first.id]
    await notification.send()
    assert (await notification.list_parked(ListParked(10)), await notification.status()) == (
        ([], None),
        ["sent", "sent"],
    )
    assert await notification.retry_parked(RetryParked(None, "eve")) == []


async def test_a_message_whose_readers_address_is_never_heard_of_is_dropped_in_the_end(
    notification: Notification,
) -> None:
    known, unknown, before = uuid4(), uuid4(), dropped("order_confirmed")
    await notification.hear_of_user(known)
    for user in (known, unknown):
        await notification.hear_of_status(user, uuid4(), "confirmed")
    await notification.age("messages", "next_attempt_at", "6 days")
    await notification.keep_house()
    assert sorted(await notification.status()) == ["pending", "pending"]
    await notification.age("messages", "next_attempt_at", "8 days")
    await notification.keep_house()
    assert sorted(await notification.status()) == ["dropped", "pending"]
    assert dropped("order_confirmed") == before + 1
    await notification.hear_of_user(unknown)
    assert await notification.send() == 1


async def test_what_is_over_its_time_is_deleted_and_what_is_needed_stays(notification: Notification) -> None:
    user, order, event = uuid4(), uuid4(), uuid4()
    await notification.hear_of_user(user)
    await notification.hear(OrderCreated(order_id=str(order), user_id=str(user), total_amount="1.00", currency="USD"))
    await notification.hear_of_status(user, order, "confirmed", event)
    await notification.send()
    gone = uuid4()
    await notification.hear(UserDeleted(user_id=str(gone)))

    async def left() -> list[int]:
        return [await notification.count(table) for table in ("messages", "orders", "recipients")]

    for table, column in (("messages", "created_at"), ("orders", "created_at"), ("recipients", "forgotten_at")):
        await notification.age(table, column, "90 days")
    await notification.keep_house()
    assert await left() == [1, 1, 2]
    # Redelivered by hand as late as a topic keeps it: its message is still there.
    await notification.hear_of_status(user, order, "confirmed", event)
    await notification.hear(OrderCreated(order_id=str(order), user_id=str(user), total_amount="1.00", currency="USD"))
    assert await left() == [1, 1, 2]
    assert await notification.send() == 0
    await notification.age("recipients", "forgotten_at", "92 days")
    for table in ("messages", "orders"):
        await notification.age(table, "created_at", "366 days")
    await notification.hear_of_status(user, uuid4(), "shipped")
    await notification.age("messages", "created_at", "366 days")
    await notification.keep_house()
    assert await left() == [1, 0, 1]
    assert await notification.status() == ["pending"]
    assert await notification.send() == 1


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (grpc.StatusCode.UNAVAILABLE, MailNotAsked),
        (grpc.StatusCode.UNAUTHENTICATED, MailNotAsked),
        (grpc.StatusCode.INTERNAL, MailNotSent),
        (grpc.StatusCode.NOT_FOUND, MailNotWanted),
    ],
)
async def test_a_token_that_is_not_made_is_the_messages_fault_only_if_it_is(
    code: grpc.StatusCode, raised: type[Exception]
) -> None:
    class User:
        async def MintMailToken(self, _request: object) -> None:
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())

    with pytest.raises(raised):
        await MailTokens(cast(MailTokenServiceStub, User())).mint(uuid4())


async def test_a_user_service_that_is_away_costs_no_message_an_attempt(notification: Notification) -> None:
    user = uuid4()
    await notification.hear_of_user(user)
    await notification.hear(PasswordResetRequested(user_id=str(user), reset_id=str(uuid4())))
    notification.tokens.fails = MailNotAsked("no token: UNAVAILABLE", timedelta(hours=1))
    assert await notification.send() == 1
    assert await notification.send() == 0, "it waits"
    assert (await notification.attempts(), await notification.status()) == ([0], ["pending"])
