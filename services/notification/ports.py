"""The ports of the use cases, in the domain's terms. `adapters/` implements each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import NoReturn, Protocol
from uuid import UUID

from services.chassis.plain import unit_of_work
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
"""Default pause before a returned message is due again."""


class Recipients(Protocol):
    """Addresses of users."""

    async def keep(self, user_id: UUID, email: str, name: str) -> None:
        """Stores a user's address and name. Ignored for a deleted user."""

    async def forget(self, user_id: UUID) -> Sequence[str]:
        """Deletes a user's address and preferences, and drops the waiting messages. Returns their types.

        The deletion is recorded: later messages are dropped as well.
        """


class Preferences(Protocol):
    """Mail preferences of users."""

    async def of(self, user_id: UUID) -> Mapping[str, bool]:
        """A user's preferences, by the name of the kind."""

    async def keep(self, user_id: UUID, stated: Sequence[Preference]) -> None:
        """Stores preferences. Ignored for a deleted user."""


class OrderSummaries(Protocol):
    """Summaries of orders for messages."""

    async def keep(self, order_id: UUID, order: OrderSummary) -> None:
        """Stores an order's summary, once."""

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """Up to `limit` orders whose ids follow this one, by id."""


class Messages(Protocol):
    """Messages to users."""

    async def add(self, message: NewMessage) -> bool:
        """Stores a message, once per event and channel. True if it was stored now and is dropped at once.

        It is dropped if its reader does not want its kind, or was deleted.
        """

    async def take_due(self, limit: int, lease: timedelta) -> Sequence[DueMessage]:
        """Leases up to `limit` due messages with a known address to this sender, until the lease ends."""

    async def mark_sent(self, message_id: UUID) -> None:
        """Records that a message was sent."""

    async def drop(self, message_id: UUID, reason: str) -> None:
        """Records that a message will not be sent, and why."""

    async def hand_back(self, message_id: UUID, pause: timedelta) -> None:
        """Returns a leased message; it is due again after the pause. This was no attempt."""

    async def put_off(self, message_id: UUID, pause: timedelta | None, error: str) -> None:
        """Records a failed attempt. The message is due again after `pause`; without one it is parked."""

    async def page(self, user_id: UUID, before: UUID | None, limit: int) -> Sequence[Message]:
        """Up to `limit` of a user's messages older than `before`, newest first, without dropped ones."""

    async def oldest_parked(self, after: UUID, limit: int) -> Sequence[ParkedMessage]:
        """Up to `limit` parked messages with a larger id, oldest first."""

    async def retry_parked(self, ids: Sequence[UUID] | None) -> Sequence[UUID]:
        """Schedules these parked messages again, or all, from the first attempt on. Returns those that were parked."""

    async def counts(self) -> Mapping[str, int]:
        """Number of pending and of parked messages, by status."""

    async def of_orders(self, order_ids: Sequence[UUID]) -> Sequence[OrderMail]:
        """The messages about these orders."""

    async def make_due(self, order_id: UUID, before: datetime) -> None:
        """Lets the order's pending messages from before an instant be tried at once."""


class NotificationUnit(unit_of_work.UnitOfWork[NoReturn], Protocol):
    """One transaction on messages and their readers. The service publishes no facts."""

    @property
    def recipients(self) -> Recipients:
        """Addresses of users."""

    @property
    def preferences(self) -> Preferences:
        """Mail preferences of users."""

    @property
    def orders(self) -> OrderSummaries:
        """Summaries of orders for messages."""

    @property
    def messages(self) -> Messages:
        """Messages to users."""


Work = unit_of_work.UnitsOfWork[NotificationUnit]
"""Opens units of work."""


class MailNotSent(Exception):
    """The mail server rejects this mail, or its token cannot be issued. This counts as an attempt."""


class MailNotAsked(Exception):
    """The mail server or the user service is unavailable, or rejects us. This does not count as an attempt."""

    def __init__(self, reason: str = "", pause: timedelta = SOON) -> None:
        super().__init__(reason)
        self.pause = pause
        """Pause before the message is due again."""


class MailNotWanted(Exception):
    """The mail is no longer needed; the text gives the reason."""


class Orders(Protocol):
    """The order service."""

    async def look_up(self, order_ids: Sequence[UUID]) -> Mapping[UUID, KnownOrder]:
        """Those of at most 100 orders that exist. Raises Unavailable: the order service does not answer."""


class Token(Protocol):
    """A mail's secret, and the only address to which it may be sent."""

    @property
    def token(self) -> str:
        """The secret."""

    @property
    def email(self) -> str:
        """The only address to which it may be sent."""

    @property
    def name(self) -> str:
        """The full name of the user."""


class Tokens(Protocol):
    """Issues tokens for account mails."""

    async def mint(self, request_id: UUID) -> Token:
        """Request a token for a mail that is about to be sent. Raises MailNotSent, MailNotAsked, MailNotWanted."""


class Letters(Protocol):
    """Renders mails from templates."""

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        """The message as a mail."""


class Mailer(Protocol):
    """Sends mails."""

    @property
    def is_left_alone(self) -> bool:
        """Whether the circuit breaker of the mail server is open."""

    async def send(self, mail: EmailMessage) -> None:
        """Sends one mail. Raises MailNotSent, MailNotAsked."""
