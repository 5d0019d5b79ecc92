"""Notification's ports in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

from services.notification.domain.messages import (
    DueMessage,
    Kind,
    KnownOrder,
    Message,
    NewMessage,
    OrderMail,
    OrderSummary,
    ParkedMessage,
    Status,
)
from services.notification.domain.preferences import Preference
from tests.unit.chassis.fakes import FakeUnit

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Row:
    """One stored message."""

    new: NewMessage
    status: Status = Status.PENDING
    error: str = ""
    attempts: int = 0
    pause: timedelta = timedelta()
    """How long from now it is due."""
    id: UUID = field(default_factory=uuid4)
    created_at: datetime = NOW


class FakeRecipients:
    """ports.Recipients."""

    def __init__(self) -> None:
        self.addresses: dict[UUID, tuple[str, str]] = {}
        self.forgotten: set[UUID] = set()
        self.messages: FakeMessages

    async def keep(self, user_id: UUID, email: str, name: str) -> None:
        if user_id not in self.forgotten:
            self.addresses[user_id] = email, name

    async def forget(self, user_id: UUID) -> Sequence[str]:
        self.forgotten.add(user_id)
        self.addresses.pop(user_id, None)
        waiting = [row for row in self.messages.rows if row.new.user_id == user_id and row.status is Status.PENDING]
        for row in waiting:
            row.status = Status.DROPPED
        return [row.new.kind for row in waiting]


class FakePreferences:
    """ports.Preferences."""

    def __init__(self) -> None:
        self.stated: dict[UUID, dict[str, bool]] = {}

    async def of(self, user_id: UUID) -> Mapping[str, bool]:
        return self.stated.get(user_id, {})

    async def keep(self, user_id: UUID, stated: Sequence[Preference]) -> None:
        self.stated.setdefault(user_id, {}).update({one.kind: one.email for one in stated})


class FakeOrderSummaries:
    """ports.OrderSummaries."""

    def __init__(self) -> None:
        self.kept: dict[UUID, OrderSummary] = {}

    async def keep(self, order_id: UUID, order: OrderSummary) -> None:
        self.kept.setdefault(order_id, order)

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        return [one for one in sorted(self.kept) if after is None or one > after][:limit]


class FakeMessages:
    """ports.Messages."""

    def __init__(self, recipients: FakeRecipients, preferences: FakePreferences, orders: FakeOrderSummaries) -> None:
        self.rows: list[Row] = []
        self._recipients, self._preferences, self._orders = recipients, preferences, orders
        recipients.messages = self

    async def add(self, message: NewMessage) -> bool:
        if any(row.new.event_id == message.event_id for row in self.rows):
            return False
        wanted = message.kind.is_required or self._preferences.stated.get(message.user_id, {}).get(message.kind, True)
        dropped = message.user_id in self._recipients.forgotten or not wanted
        self.rows.append(Row(message, Status.DROPPED if dropped else Status.PENDING))
        return dropped

    async def take_due(self, limit: int, lease: timedelta) -> Sequence[DueMessage]:
        due = [
            row
            for row in self.rows
            if row.status is Status.PENDING and not row.pause and row.new.user_id in self._recipients.addresses
        ][:limit]
        for row in due:
            row.attempts, row.pause = row.attempts + 1, lease
        return [self._due(row) for row in due]

    async def mark_sent(self, message_id: UUID) -> None:
        self._row(message_id).status = Status.SENT

    async def drop(self, message_id: UUID, reason: str) -> None:
        row = self._row(message_id)
        row.status, row.error = Status.DROPPED, reason

    async def hand_back(self, message_id: UUID, pause: timedelta) -> None:
        row = self._row(message_id)
        row.attempts, row.pause = row.attempts - 1, pause

    async def put_off(self, message_id: UUID, pause: timedelta | None, error: str) -> None:
        row = self._row(message_id)
        row.error = error
        if pause is None:
            row.status = Status.PARKED
        else:
            row.pause = pause

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Message]:
        shown = [row for row in self.rows if row.new.user_id == user_id and row.status is not Status.DROPPED][::-1]
        start = 0 if before is None else 1 + next(i for i, row in enumerate(shown) if row.id == before)
        return [
            Message(row.id, row.new.kind, "email", row.new.kind.subject, row.new.order_id, row.status, NOW, None)
            for row in shown[start : start + limit]
        ]

    async def oldest_parked(self, after: UUID, limit: int) -> Sequence[ParkedMessage]:
        return [
            ParkedMessage(row.id, row.new.user_id, row.new.kind, row.new.order_id, row.attempts, row.error, NOW)
            for row in sorted(self.rows, key=lambda row: row.id)
            if row.status is Status.PARKED and row.id > after
        ][:limit]

    async def retry_parked(self, ids: Sequence[UUID] | None) -> Sequence[UUID]:
        found = [row for row in self.rows if row.status is Status.PARKED and (ids is None or row.id in ids)]
        for row in found:
            row.status, row.attempts, row.pause = Status.PENDING, 0, timedelta()
        return [row.id for row in found]

    async def counts(self) -> Mapping[str, int]:
        return {status: sum(row.status == status for row in self.rows) for status in (Status.PENDING, Status.PARKED)}

    async def of_orders(self, order_ids: Sequence[UUID]) -> Sequence[OrderMail]:
        return [
            OrderMail(
                row.new.order_id,
                row.new.kind,
                row.status,
                row.created_at,
                row.created_at if row.status is Status.SENT else None,
                row.new.user_id in self._recipients.addresses,
            )
            for row in self.rows
            if row.new.order_id in order_ids and row.new.order_id is not None
        ]

    async def make_due(self, order_id: UUID, before: datetime) -> None:
        for row in self.rows:
            if row.new.order_id == order_id and row.status is Status.PENDING and row.created_at < before:
                row.pause = timedelta()

    def _row(self, message_id: UUID) -> Row:
        return next(row for row in self.rows if row.id == message_id)

    def _due(self, row: Row) -> DueMessage:
        new = row.new
        email, name = self._recipients.addresses[new.user_id]
        order = self._orders.kept.get(new.order_id) if new.order_id else None
        return DueMessage(
            row.id,
            new.kind,
            new.kind.subject,
            new.order_id,
            new.data,
            order,
            new.mail_request_id,
            row.attempts,
            email,
            name,
        )


class FakeNotification(FakeUnit):
    """ports.NotificationUnit."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients, self.preferences = FakeRecipients(), FakePreferences()
        self.orders = FakeOrderSummaries()
        self.messages = FakeMessages(self.recipients, self.preferences, self.orders)


class FakeOrders:
    """ports.Orders."""

    def __init__(self) -> None:
        self.known: dict[UUID, KnownOrder] = {}

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        return {one: self.known[one] for one in order_ids if one in self.known}


@dataclass(frozen=True)
class FakeToken:
    """ports.Token."""

    token: str = "secret"
    email: str = "ada@example.com"
    name: str = "Ada"


class FakeTokens:
    """ports.Tokens: raises `error` where there is one."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def mint(self, request_id: UUID) -> FakeToken:
        if self.error is not None:
            raise self.error
        return FakeToken()


class FakeLetters:
    """ports.Letters: the kind as the subject, the token as the text."""

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        mail = EmailMessage()
        mail["To"], mail["Subject"] = message.email, message.type
        mail.set_content(token or "")
        return mail


class FakeMailer:
    """ports.Mailer: raises `error` where there is one."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.is_left_alone = False
        self.sent: list[EmailMessage] = []

    async def send(self, mail: EmailMessage) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(mail)


def message(user_id: UUID, kind: Kind = Kind.ORDER_SHIPPED, order_id: UUID | None = None) -> NewMessage:
    """A message of an event of its own."""
    return replace(NewMessage(uuid4(), user_id, kind), order_id=order_id)
