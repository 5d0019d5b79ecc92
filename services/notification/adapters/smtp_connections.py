"""Open connections to the SMTP server. One that has sent a mail is kept for a moment, for the next mail.

Connecting, EHLO and TLS cost more than a small mail.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiosmtplib

IDLE_SECONDS = 2.0
"""How long a connection is kept without a mail. Servers disconnect after a minute or more."""
MOST_MAILS = 50
"""How many mails one connection sends. Some servers refuse more than 100."""


class SmtpConnections:
    """Lends each connection to one mail at a time.

    Args:
        options: the arguments of `aiosmtplib.SMTP`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._idle: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._mails: dict[aiosmtplib.SMTP, int] = {}
        self._quitting: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection for one mail; closed if the block raises. Raises what aiosmtplib's `connect` raises."""
        connection = self._take() or await self._open()
        try:
            yield connection
        except BaseException:
            self._mails.pop(connection, None)
            connection.close()
            raise
        self._give_back(connection)

    async def _open(self) -> aiosmtplib.SMTP:
        connection = aiosmtplib.SMTP(**self._options)
        await connection.connect()
        return connection

    def _take(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            connection, timer = self._idle.popitem()  # the one that was used last
            timer.cancel()
            if connection.is_connected:
                return connection
            self._mails.pop(connection, None)
        return None

    def _give_back(self, connection: aiosmtplib.SMTP) -> None:
        self._mails[connection] = self._mails.get(connection, 0) + 1
        if self._mails[connection] >= MOST_MAILS:
            self._quit(connection)
        else:
            self._idle[connection] = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._quit, connection)

    def _quit(self, connection: aiosmtplib.SMTP) -> None:
        self._idle.pop(connection, None)
        self._mails.pop(connection, None)
        task = asyncio.create_task(_say_quit(connection))
        self._quitting.add(task)
        task.add_done_callback(self._quitting.discard)


async def _say_quit(connection: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await connection.quit()
    connection.close()
