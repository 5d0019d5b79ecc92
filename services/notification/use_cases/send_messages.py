"""Send the messages that are due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter

from services.chassis.postgres import Postgres
from services.notification import store
from services.notification.domain import pause_before
from services.notification.store import DueMessage

BATCH = 10
"""Sent side by side."""
SEND_SECONDS = 20.0
"""How long the mail server may take for one message."""
_LEASE = timedelta(seconds=25)
"""Longer than sending a batch takes; a sender that died holds its batch back for so long."""
_SENT = Counter("argosy_messages_total", "Messages to people, by what became of an attempt.", ["type", "outcome"])
_log = structlog.get_logger()


class MailNotSent(Exception):
    """The mail server is away or does not take the message."""


class Mailer(Protocol):
    """Sends one message by mail."""

    async def send(self, message: DueMessage) -> None:
        """Raises MailNotSent."""


@dataclass(frozen=True)
class SendMessages:
    """Looks for due messages from time to time and sends them. Any number of replicas may do so at once.

    A process that dies between the mail server's yes and the commit sends that message again, under the same
    Message-ID, by which mail readers know it for the same one.
    """

    postgres: Postgres
    mailer: Mailer
    every_seconds: float

    async def run(self) -> None:
        """Look, send, wait; until cancelled."""
        while True:
            while await self.once() == BATCH:
                pass
            await asyncio.sleep(self.every_seconds)

    async def once(self) -> int:
        """Send one batch; answers how many it tried. One that fails keeps none of the others from being sent."""
        async with self.postgres.transaction() as connection:
            due = await store.take_due(connection, BATCH, _LEASE)
        for result in await asyncio.gather(*map(self._send, due), return_exceptions=True):
            if result is not None:
                raise result
        return len(due)

    async def _send(self, message: DueMessage) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.mailer.send(message)
        except MailNotSent as error:
            await self._put_off(message, str(error))
            return
        except TimeoutError:
            await self._put_off(message, f"not taken within {SEND_SECONDS:.0f} s")
            return
        async with self.postgres.transaction() as connection:
            await store.mark_sent(connection, message.id)
        _SENT.labels(message.type, "sent").inc()

    async def _put_off(self, message: DueMessage, error: str) -> None:
        pause = pause_before(message.attempt + 1)
        async with self.postgres.transaction() as connection:
            await store.put_off(connection, message.id, pause, error)
        outcome = "parked" if pause is None else "put_off"
        _SENT.labels(message.type, outcome).inc()
        _log.warning("mail_not_sent", message_id=str(message.id), attempt=message.attempt, outcome=outcome, error=error)
