"""Send the messages that are due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Protocol
from uuid import UUID

import structlog

from services.chassis.crash_points import reach
from services.chassis.postgres import Postgres
from services.notification import outcomes, store
from services.notification.domain import pause_before
from services.notification.store import DueMessage

BATCH = 10
"""Sent side by side."""
SEND_SECONDS = 20.0
"""How long a message's token and the mail server may take together."""
_LEASE = timedelta(seconds=25)
"""Longer than sending a batch takes; a sender that died holds its batch back for so long."""
_SOON = timedelta(seconds=1)
"""When a message that was not tried is taken again, if the mail server is back."""
_log = structlog.get_logger()


class MailNotSent(Exception):
    """The mail server does not take this message, or nobody makes its token."""


class MailNotAsked(Exception):
    """The mail server, or who makes the mail's token, is away or takes nothing from us: no fault of the message's."""

    def __init__(self, told: str = "", pause: timedelta = _SOON) -> None:
        super().__init__(told)
        self.pause = pause
        """When there may be sense in taking the message again."""


class MailNotWanted(Exception):
    """There is no sense in the mail any more; the text says why."""


class Token(Protocol):
    """A secret that a mail carries, and whom it may be sent to."""

    @property
    def token(self) -> str:
        """The secret."""

    @property
    def email(self) -> str:
        """The only address that it may be sent to."""

    @property
    def name(self) -> str:
        """The full name of the person."""


class Tokens(Protocol):
    """Makes tokens."""

    async def mint(self, request_id: UUID) -> Token:
        """Raises MailNotSent, MailNotAsked, MailNotWanted."""


class Letters(Protocol):
    """Writes mails."""

    def write(self, message: DueMessage, token: str | None = None) -> EmailMessage:
        """The message as a mail."""


class Mailer(Protocol):
    """Sends mails."""

    @property
    def is_left_alone(self) -> bool:
        """Whether there is no sense in sending now."""

    async def send(self, mail: EmailMessage) -> None:
        """Raises MailNotSent, MailNotAsked."""


@dataclass(frozen=True)
class SendMessages:
    """Looks for due messages from time to time and sends them. Any number of replicas may do so at once.

    A process that dies between the mail server's yes and the commit sends that message again, under the same
    Message-ID, by which mail readers know it for the same one; a token in it is another one, and both are good.
    """

    postgres: Postgres
    tokens: Tokens
    letters: Letters
    mailer: Mailer
    every_seconds: float

    async def run(self) -> None:
        """Look, send, wait; until cancelled."""
        while True:
            while await self.once() == BATCH:
                pass
            await asyncio.sleep(self.every_seconds)

    async def once(self) -> int:
        """Send one batch; answers how many it took. One that fails keeps none of the others from being sent."""
        if self.mailer.is_left_alone:
            return 0
        async with self.postgres.transaction() as connection:
            due = await store.take_due(connection, BATCH, _LEASE)
            if due:
                reach("notification.take.before_commit")
        if due:
            reach("notification.take.committed")
        for result in await asyncio.gather(*map(self._send, due), return_exceptions=True):
            if result is not None:
                raise result
        return len(due)

    async def _send(self, message: DueMessage) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._deliver(message)
        except MailNotWanted as error:
            await self._drop(message, str(error))
        except MailNotAsked as error:
            await self._hand_back(message, error.pause)
        except MailNotSent as error:
            await self._put_off(message, str(error))
        except TimeoutError:
            await self._put_off(message, f"not taken within {SEND_SECONDS:.0f} s")
        else:
            async with self.postgres.transaction("notification.sent") as connection:
                await store.mark_sent(connection, message.id)
            outcomes.count(message.type, "sent")

    async def _deliver(self, message: DueMessage) -> None:
        if message.mail_request_id is None:
            await self.mailer.send(self.letters.write(message))
            return
        secret = await self.tokens.mint(message.mail_request_id)
        addressed = replace(message, email=secret.email, name=secret.name)
        await self.mailer.send(self.letters.write(addressed, secret.token))

    async def _drop(self, message: DueMessage, reason: str) -> None:
        async with self.postgres.transaction("notification.drop") as connection:
            await store.drop(connection, message.id, reason)
        outcomes.count(message.type, "dropped")

    async def _hand_back(self, message: DueMessage, pause: timedelta) -> None:
        async with self.postgres.transaction("notification.hand_back") as connection:
            await store.hand_back(connection, message.id, pause)
        outcomes.count(message.type, "handed_back")

    async def _put_off(self, message: DueMessage, error: str) -> None:
        pause = pause_before(message.attempt + 1)
        async with self.postgres.transaction("notification.put_off") as connection:
            await store.put_off(connection, message.id, pause, error)
        outcome = "parked" if pause is None else "put_off"
        outcomes.count(message.type, outcome)
        _log.warning("mail_not_sent", message_id=str(message.id), attempt=message.attempt, outcome=outcome, error=error)
