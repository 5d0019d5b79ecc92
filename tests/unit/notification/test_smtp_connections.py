"""Connections to a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP

from services.notification.adapters import smtp_connections
from services.notification.adapters.smtp_connections import SmtpConnections


class Server:
    """Counts its connections, and on which one each mail came."""

    def __init__(self) -> None:
        self.sessions: list[SMTP] = []
        self.mails: list[SMTP] = []
        self.reply = "250 OK"
        self.port = 0

    def protocol(self) -> SMTP:
        self.sessions.append(SMTP(self))
        return self.sessions[-1]

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        await asyncio.sleep(0.01)
        self.mails.append(server)
        return self.reply


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    async with listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@pytest.fixture
def connections(server: Server) -> SmtpConnections:
    return SmtpConnections({"hostname": "127.0.0.1", "port": server.port, "timeout": 5.0})


async def send(connections: SmtpConnections) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "shop@example.com", "ada@example.com"
    mail.set_content("Hello")
    async with connections.one() as connection:
        await connection.send_message(mail)


async def test_mails_one_after_another_share_a_connection(server: Server, connections: SmtpConnections) -> None:
    for _ in range(3):
        await send(connections)
    assert len(server.mails) == 3
    assert len(server.sessions) == 1


async def test_mails_at_once_have_a_connection_each(server: Server, connections: SmtpConnections) -> None:
    await asyncio.gather(*(send(connections) for _ in range(3)))
    assert len(set(server.mails)) == 3
    await asyncio.gather(*(send(connections) for _ in range(3)))
    assert len(server.sessions) == 3


async def test_a_connection_that_the_server_closed_is_replaced(server: Server, connections: SmtpConnections) -> None:
    await send(connections)
    transport = server.sessions[0].transport
    assert transport is not None
    transport.close()
    await asyncio.sleep(0.05)
    await send(connections)
    assert len(server.mails) == 2


async def test_a_connection_is_closed_after_a_refused_mail(server: Server, connections: SmtpConnections) -> None:
    server.reply = "451 come back later"
    with pytest.raises(aiosmtplib.SMTPResponseException):
        await send(connections)
    server.reply = "250 OK"
    await send(connections)
    assert len(server.sessions) == 2


async def test_an_idle_connection_is_closed(
    server: Server, connections: SmtpConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_connections, "IDLE_SECONDS", 0.01)
    await send(connections)
    async with asyncio.timeout(5):
        while server.sessions[0].transport is not None:
            await asyncio.sleep(0.01)


async def test_a_connection_sends_a_bounded_number_of_mails(
    server: Server, connections: SmtpConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_connections, "MOST_MAILS", 2)
    for _ in range(4):
        await send(connections)
    assert len(server.sessions) == 2
