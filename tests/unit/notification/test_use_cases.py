"""Notification's use cases with its ports in memory. The adapters are held by tests/integration/notification."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.chassis.plain.money import Money
from services.notification.domain.messages import MAX_ATTEMPTS, Kind, OrderLine, OrderSummary, Status
from services.notification.domain.preferences import InvalidPreferences
from services.notification.ports import MailNotAsked, MailNotSent, MailNotWanted
from services.notification.use_cases import send_messages
from services.notification.use_cases.change_preferences import ChangePreferences, ChangePreferencesHandler
from services.notification.use_cases.count_messages import CountMessagesHandler
from services.notification.use_cases.forget_recipient import ForgetRecipient, ForgetRecipientHandler
from services.notification.use_cases.get_preferences import GetPreferences, GetPreferencesHandler
from services.notification.use_cases.list_notifications import ListNotifications, ListNotificationsHandler
from services.notification.use_cases.list_parked import ListParked, ListParkedHandler
from services.notification.use_cases.record_order import RecordOrder, RecordOrderHandler
from services.notification.use_cases.record_recipient import RecordRecipient, RecordRecipientHandler
from services.notification.use_cases.retry_parked import RetryParked, RetryParkedHandler
from services.notification.use_cases.send_messages import SendMessagesHandler
from services.notification.use_cases.write_message import WriteMessage, WriteMessageHandler
from tests.unit.chassis.fakes import FakeWork
from tests.unit.notification.fakes import FakeLetters, FakeMailer, FakeNotification, FakeTokens, message


class Post:
    """All use cases on one service in memory."""

    def __init__(self) -> None:
        self.unit = FakeNotification()
        self.tokens, self.mailer = FakeTokens(), FakeMailer()
        work = FakeWork(self.unit)
        self.record = RecordRecipientHandler(work)
        self.forget = ForgetRecipientHandler(work)
        self.record_order = RecordOrderHandler(work)
        self.write = WriteMessageHandler(work)
        self.send = SendMessagesHandler(work, self.tokens, FakeLetters(), self.mailer)
        self.count = CountMessagesHandler(work)
        self.change = ChangePreferencesHandler(work)
        self.preferences = GetPreferencesHandler(work)
        self.list = ListNotificationsHandler(work)
        self.parked = ListParkedHandler(work)
        self.retry = RetryParkedHandler(work)

    async def reader(self, verification_id: UUID | None = None, kind: Kind = Kind.WELCOME) -> UUID:
        user_id = uuid4()
        await self.record(RecordRecipient(uuid4(), user_id, "ada@example.com", "Ada", kind, verification_id))
        return user_id

    def statuses(self) -> list[Status]:
        return [row.status for row in self.unit.messages.rows]


@pytest.fixture
def post() -> Post:
    return Post()


async def test_a_message_is_written_once_an_event_and_sent(post: Post) -> None:
    new = message(await post.reader())
    for _ in range(2):
        await post.write(WriteMessage(new))
    assert await post.send() == 1
    assert [mail["Subject"] for mail in post.mailer.sent] == ["order_shipped"]
    assert post.statuses() == [Status.SENT]


async def test_a_new_address_is_asked_to_be_verified_with_a_token(post: Post) -> None:
    await post.reader(verification_id=uuid4())
    await post.send()
    (mail,) = post.mailer.sent
    assert (mail["Subject"], mail.get_content().strip()) == ("welcome", "secret")


async def test_an_event_of_an_account_is_applied_once(post: Post) -> None:
    command = RecordRecipient(uuid4(), uuid4(), "ada@example.com", "Ada", Kind.VERIFY_EMAIL, uuid4())
    for _ in range(2):
        await post.record(command)
    assert len(post.unit.messages.rows) == 1


async def test_somebody_who_is_gone_gets_nothing_more(post: Post) -> None:
    user_id = await post.reader()
    await post.write(WriteMessage(message(user_id)))
    gone = ForgetRecipient(uuid4(), user_id)
    for _ in range(2):
        await post.forget(gone)
    await post.write(WriteMessage(message(user_id)))
    await post.record(RecordRecipient(uuid4(), user_id, "ada@example.com", "Ada", Kind.WELCOME, uuid4()))
    assert await post.send() == 0
    assert set(post.statuses()) == {Status.DROPPED}


async def test_an_order_is_recorded_once(post: Post) -> None:
    order = OrderSummary([OrderLine("bell", 1, Money(8900, "USD"))], Money(8900, "USD"))
    command = RecordOrder(uuid4(), order)
    for _ in range(2):
        await post.record_order(command)
    assert post.unit.orders.kept == {command.order_id: order}


@pytest.mark.parametrize(
    ("error", "status", "attempts"),
    [
        (MailNotWanted("too old"), Status.DROPPED, 1),
        (MailNotAsked("away", timedelta(seconds=9)), Status.PENDING, 0),
        (MailNotSent("451"), Status.PENDING, 1),
    ],
)
async def test_an_attempt_that_fails(post: Post, error: Exception, status: Status, attempts: int) -> None:
    await post.reader(verification_id=uuid4())
    post.tokens.error = error
    assert await post.send() == 1
    (row,) = post.unit.messages.rows
    assert (row.status, row.attempts) == (status, attempts)


async def test_a_mail_server_that_hangs_costs_an_attempt(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await post.write(WriteMessage(message(await post.reader())))
    post.mailer.error = TimeoutError()
    await post.send()
    (row,) = post.unit.messages.rows
    assert row.error == f"not taken within {send_messages.SEND_SECONDS:.0f} s"


async def test_the_last_attempt_parks_and_an_operator_retries(post: Post) -> None:
    await post.write(WriteMessage(message(await post.reader())))
    post.mailer.error = MailNotSent("451")
    post.unit.messages.rows[0].attempts = MAX_ATTEMPTS - 1
    await post.send()
    (parked,), _ = await post.parked(ListParked(10))
    assert (parked.error, parked.attempts) == ("451", MAX_ATTEMPTS)
    await post.count()
    assert REGISTRY.get_sample_value("argosy_messages_unsent", {"status": "parked"}) == 1
    assert await post.retry(RetryParked([uuid4()], "eve")) == []
    assert await post.retry(RetryParked(None, "eve")) == [parked.id]
    post.mailer.error = None
    assert await post.send() == 1


async def test_a_mail_server_that_is_away_is_left_alone(post: Post) -> None:
    await post.write(WriteMessage(message(await post.reader())))
    post.mailer.is_left_alone = True
    assert await post.send() == 0


async def test_an_unforeseen_error_is_raised_after_the_others_are_sent(post: Post) -> None:
    for _ in range(2):
        await post.write(WriteMessage(message(await post.reader())))
    post.mailer.error = RuntimeError("a defect")
    with pytest.raises(RuntimeError):
        await post.send()


async def test_preferences_decide_what_is_written(post: Post) -> None:
    user_id = await post.reader()
    changed = await post.change(ChangePreferences(user_id, [("order_shipped", False)]))
    assert await post.preferences(GetPreferences(user_id)) == changed
    await post.write(WriteMessage(message(user_id)))
    assert post.statuses() == [Status.DROPPED]
    with pytest.raises(InvalidPreferences):
        await post.change(ChangePreferences(user_id, [("welcome", False)]))


async def test_messages_come_in_pages_newest_first(post: Post) -> None:
    user_id = await post.reader()
    for _ in range(3):
        await post.write(WriteMessage(message(user_id)))
    first, before = await post.list(ListNotifications(user_id, None, 2))
    rest, end = await post.list(ListNotifications(user_id, before, 2))
    assert ([one.id for one in first + rest], end) == ([row.id for row in post.unit.messages.rows][::-1], None)
