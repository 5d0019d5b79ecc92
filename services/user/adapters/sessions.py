"""Sessions in PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, Record, affected
from services.chassis.plain import ids
from services.user.domain.sessions import Client, OpenSession, Session


class PostgresSessions:
    """Sessions on one connection (ports.Sessions)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, session: Session) -> None:
        """See ports.Sessions.add."""
        await self._connection.execute(
            """
            INSERT INTO user_sessions (id, user_id, token_hash, device_info, ip_address, expires_at)
            VALUES ($1, $2, $3, jsonb_build_object('userAgent', $4::text, 'clientApp', $5::text), $6, $7)
            """,
            session.id,
            session.account_id,
            session.token_hash,
            session.client.user_agent,
            session.client.app,
            session.client.ip_address,
            session.expires_at,
        )

    async def belongs(self, account_id: UUID, session_id: UUID) -> bool:
        """See ports.Sessions.belongs."""
        row = await self._connection.fetchrow(
            "SELECT 1 FROM user_sessions WHERE id = $1 AND user_id = $2", session_id, account_id
        )
        return row is not None

    async def end(self, account_id: UUID, session_id: UUID) -> bool:
        """See ports.Sessions.end."""
        ended = await self._connection.fetchval(
            """
            UPDATE user_sessions SET revoked = true
            WHERE id = $1 AND user_id = $2 AND NOT revoked AND expires_at > now() RETURNING true
            """,
            session_id,
            account_id,
        )
        return ended is not None

    async def end_all(self, account_id: UUID, but: UUID | None = None) -> list[UUID]:
        """See ports.Sessions.end_all."""
        rows = await self._connection.fetch(
            """
            UPDATE user_sessions SET revoked = true
            WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND NOT revoked AND expires_at > now() RETURNING id
            """,
            account_id,
            but,
        )
        return [row["id"] for row in rows]

    async def page(self, account_id: UUID, before: UUID | None, limit: int) -> list[OpenSession]:
        """See ports.Sessions.page."""
        rows = await self._connection.fetch(
            """
            SELECT id, device_info, ip_address, created_at, expires_at FROM user_sessions
            WHERE user_id = $1 AND id < $2 AND NOT revoked AND expires_at > now()
            ORDER BY id DESC LIMIT $3
            """,
            account_id,
            before or ids.MAX,
            limit,
        )
        return [_open_session(row) for row in rows]


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` sessions that expired before an instant. Returns their number."""
    tag: str = await connection.execute(
        """
        DELETE FROM user_sessions WHERE id IN (
            SELECT id FROM user_sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)


def _open_session(row: Record) -> OpenSession:
    device = json.loads(row["device_info"])
    client = Client(device.get("clientApp", ""), row["ip_address"], device.get("userAgent", ""))
    return OpenSession(row["id"], client, row["created_at"], row["expires_at"])
