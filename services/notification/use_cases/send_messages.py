"""Send the messages that are due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from services.chassis.plain.crash_points import reach
from services.notification.domain.messages import DueMessage, pause_before
from services.notification.ports import Letters, Mailer, MailNotAsked, MailNotSent, MailNotWanted, Tokens, Work
from services.notification.use_cases import outcomes

BATCH = 10
"""Messages sent concurrently."""
SEND_SECONDS = 20.0
"""Time limit for a message's token and the mail server together."""
_LEASE = timedelta(seconds=25)
"""Longer than a batch takes to send; after a crash its messages are due again when the lease ends."""
_log = structlog.get_logger()


@dataclass(frozen=True)
class SendMessagesHandler:
    """Sends due messages. Any number of replicas may run it concurrently.

    A process that dies between the mail server's acceptance and the commit sends that message again with the same
    Message-ID, so that mail readers recognize the duplicate. It has another token; both tokens are valid.
    """

    work: Work
    tokens: Tokens
    letters: Letters
    mailer: Mailer

    async def __call__(self) -> int:
        """Sends one batch. Returns its size. A failing message does not delay the others."""
        if self.mailer.is_left_alone:
            return 0
        due = await self._take_due()
        for result in await asyncio.gather(*map(self._send, due), return_exceptions=True):
            if result is not None:
                raise result
        return len(due)

    async def _take_due(self) -> Sequence[DueMessage]:
        async with self.work.read() as unit:  # one statement needs no transaction
            due = await unit.messages.take_due(BATCH, _LEASE)
        if due:
            reach("notification.take.committed")
        return due

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
            async with self.work.read() as unit:  # one statement needs no transaction, hence points by hand
                reach("notification.sent.before_commit")
                await unit.messages.mark_sent(message.id)
            reach("notification.sent.committed")
            outcomes.count(message.type, "sent")

    async def _deliver(self, message: DueMessage) -> None:
        if message.mail_request_id is None:
            await self.mailer.send(self.letters.write(message))
            return
        secret = await self.tokens.mint(message.mail_request_id)
        addressed = replace(message, email=secret.email, name=secret.name)
        await self.mailer.send(self.letters.write(addressed, secret.token))

    async def _drop(self, message: DueMessage, reason: str) -> None:
        async with self.work.begin("notification.drop") as unit:
            await unit.messages.drop(message.id, reason)
        outcomes.count(message.type, "dropped")

    async def _hand_back(self, message: DueMessage, pause: timedelta) -> None:
        async with self.work.begin("notification.hand_back") as unit:
            await unit.messages.hand_back(message.id, pause)
        outcomes.count(message.type, "handed_back")

    async def _put_off(self, message: DueMessage, error: str) -> None:
        pause = pause_before(message.attempt + 1)
        async with self.work.begin("notification.put_off") as unit:
            await unit.messages.put_off(message.id, pause, error)
        outcome = "parked" if pause is None else "put_off"
        outcomes.count(message.type, outcome)
        _log.warning("mail_not_sent", message_id=str(message.id), attempt=message.attempt, outcome=outcome, error=error)
