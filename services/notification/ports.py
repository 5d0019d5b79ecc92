"""What the use cases need of the world, in the words of the domain. `adapters/` implements each port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import NoReturn, Protocol
from uuid import UUID

from services.chassis import unit_of_work
from services.notification.domain.messages import (
    DueMessage,
    KnownOrder,
    Message,
    NewMessage,
    OrderMail,
    OrderSummary,
    ParkedMessage,
)
from services.notification.domain.preferences import Preference

SOON = timedelta(seconds=1)
"""When a message that was not tried is taken again, where nothing else says so."""


class Recipients(Protocol):
    """Where people are written to."""

    async def keep(self, user_id: UUID, email: str, name: str) -> None:
        """Records a person's address and name. Of somebody who was forgotten nothing is recorded again."""

    async def forget(self, user_id: UUID) -> Sequence[str]:
        """Deletes a person's address and preferences, and drops what waits for them; answers the types of that.

        That they were forgotten is remembered: later messages to them are dropped as well.
        """


class Preferences(Protocol):
    """What people want by mail."""

    async def of(self, user_id: UUID) -> Mapping[str, bool]:
        """A person's stated preferences, by the kind's name."""

    async def keep(self, user_id: UUID, stated: Sequence[Preference]) -> None:
        """Records preferences; nothing of somebody who was forgotten."""


class OrderSummaries(Protocol):
    """What messages list of orders."""

    async def keep(self, order_id: UUID, order: OrderSummary) -> None:
        """Records what was ordered, once."""

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` orders whose ids follow this one, by id."""


class Messages(Protocol):
    """Messages to people."""

    async def add(self, message: NewMessage) -> bool:
        """Writes a message, once an event; whether it was written now and is dropped at once.

        It is dropped when its reader does not want its kind, or was forgotten.
        """

    async def take_due(self, limit: int, lease: timedelta) -> Sequence[DueMessage]:
        """Up to `limit` messages that are due and whose reader is known, for this sender alone until the lease ends."""

    async def mark_sent(self, message_id: UUID) -> None:
        """Records that a message was sent."""

    async def drop(self, message_id: UUID, reason: str) -> None:
        """Records that a message is not to be sent any more, and why."""

    async def hand_back(self, message_id: UUID, pause: timedelta) -> None:
        """Gives a taken message back, to be taken after the pause: this was no attempt."""

    async def put_off(self, message_id: UUID, pause: timedelta | None, error: str) -> None:
        """Records that sending failed and when it is tried again; without a pause the message is parked."""

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Message]:
        """Up to `limit` of a person's messages older than `before`, newest first, without dropped ones."""

    async def oldest_parked(self, limit: int) -> Sequence[ParkedMessage]:
        """Up to `limit` parked messages, oldest first."""

    async def retry_parked(self, ids: Sequence[UUID] | None) -> Sequence[UUID]:
        """Makes these parked messages due, or all, from the first attempt on; answers which were parked."""

    async def counts(self) -> Mapping[str, int]:
        """How many messages are pending, and how many are parked, by status."""

    async def of_orders(self, order_ids: Sequence[UUID]) -> Sequence[OrderMail]:
        """The messages about these orders."""

    async def make_due(self, order_id: UUID, before: datetime) -> None:
        """Lets the order's pending messages from before an instant be tried at once."""


class NotificationUnit(unit_of_work.UnitOfWork[NoReturn], Protocol):
    """One transaction on messages and their readers. The service publishes no facts."""

    @property
    def recipients(self) -> Recipients:
        """Where people are written to."""

    @property
    def preferences(self) -> Preferences:
        """What people want by mail."""

    @property
    def orders(self) -> OrderSummaries:
        """What messages list of orders."""

    @property
    def messages(self) -> Messages:
        """Messages to people."""


Work = unit_of_work.UnitsOfWork[NotificationUnit]
"""Opens units of work."""


class MailNotSent(Exception):
    """The mail server refuses this mail, or nobody makes its token: an attempt of the message."""


class MailNotAsked(Exception):
    """The mail server or the user service is away, or refuses us: no attempt of the message."""

    def __init__(self, reason: str = "", pause: timedelta = SOON) -> None:
        super().__init__(reason)
        self.pause = pause
        """After which the message may be taken again."""


class MailNotWanted(Exception):
    """The mail is of no use any more; the text says why."""


class Orders(Protocol):
    """The order service."""

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        """Those of at most 100 orders that exist. Raises Unavailable: the order service does not answer."""


class Token(Protocol):
    """A secret that a mail carries, and the only address to which it may be sent."""

    @property
    def token(self) -> str:
        """The secret."""

    @property
    def email(self) -> str:
        """The only address to which it may be sent."""

    @property
    def name(self) -> str:
        """The full name of the person."""


class Tokens(Protocol):
    """Makes tokens for mails about accounts."""

    async def mint(self, request_id: UUID) -> Token:
        """A token for a mail that is about to be sent. Raises MailNotSent, MailNotAsked, MailNotWanted."""


class Letters(Protocol):
    """Writes mails from templates."""

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        """The message as a mail."""


class Mailer(Protocol):
    """Sends mails."""

    @property
    def is_left_alone(self) -> bool:
        """Whether sending is of no use now: the server was away too often lately."""

    async def send(self, mail: EmailMessage) -> None:
        """Sends one mail. Raises MailNotSent, MailNotAsked."""
