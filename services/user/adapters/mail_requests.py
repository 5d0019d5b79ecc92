"""Requests for mails with tokens, and the tokens' hashes, in PostgreSQL."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from services.chassis.data.postgres import Connection, Record, affected
from services.chassis.plain.ids import new_id
from services.user.domain.mail_requests import MAIL_REQUEST_LIFE, MailRequest, Purpose

_TOKEN_BYTES = 32


class PostgresMailRequests:
    """Requests on one connection (ports.MailRequests)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """See ports.MailRequests.open."""
        await self.void(account_id, purpose)
        return await self.open_first(account_id, purpose, address_key)

    async def open_first(self, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
        """See ports.MailRequests.open_first."""
        request_id = new_id()
        await self._connection.execute(
            "INSERT INTO mail_requests (id, user_id, purpose, address_key) VALUES ($1, $2, $3, $4)",
            request_id,
            account_id,
            purpose,
            address_key,
        )
        return request_id

    async def void(self, account_id: UUID, *purposes: Purpose) -> None:
        """See ports.MailRequests.void."""
        await self._connection.execute(
            "UPDATE mail_requests SET settled = true WHERE user_id = $1 AND purpose = ANY ($2) AND NOT settled",
            account_id,
            list(purposes),
        )

    async def get(self, request_id: UUID) -> MailRequest | None:
        """See ports.MailRequests.get."""
        row = await self._connection.fetchrow(
            "SELECT id, user_id, purpose, address_key FROM mail_requests WHERE id = $1", request_id
        )
        return _request(row) if row else None

    async def is_open(self, request_id: UUID) -> bool:
        """See ports.MailRequests.is_open."""
        found = await self._connection.fetchval(
            "SELECT true FROM mail_requests WHERE id = $1 AND NOT settled AND created_at > now() - $2::interval",
            request_id,
            MAIL_REQUEST_LIFE,
        )
        return found is True

    async def mint(self, request: MailRequest) -> tuple[str, datetime]:
        """See ports.MailRequests.mint."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        expires_at: datetime = await self._connection.fetchval(
            """
            INSERT INTO mailed_tokens (token_hash, request_id, expires_at) VALUES ($1, $2, now() + $3::interval)
            RETURNING expires_at
            """,
            _hash(token),
            request.id,
            request.purpose.token_life,
        )
        return token, expires_at

    async def find(self, token: str, purpose: Purpose) -> MailRequest | None:
        """See ports.MailRequests.find."""
        row = await self._connection.fetchrow(
            """
            SELECT r.id, r.user_id, r.purpose, r.address_key
            FROM mailed_tokens t JOIN mail_requests r ON r.id = t.request_id
            WHERE t.token_hash = $1 AND t.expires_at > now() AND r.purpose = $2 AND NOT r.settled
            """,
            _hash(token),
            purpose,
        )
        return _request(row) if row else None

    async def settle(self, request_id: UUID) -> bool:
        """See ports.MailRequests.settle."""
        settled = await self._connection.fetchval(
            "UPDATE mail_requests SET settled = true WHERE id = $1 AND NOT settled RETURNING true", request_id
        )
        return settled is not None


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` requests from before an instant, with their tokens. Returns their number."""
    tag: str = await connection.execute(
        """
        DELETE FROM mail_requests WHERE id IN (
            SELECT id FROM mail_requests WHERE created_at < $1 ORDER BY created_at LIMIT $2
        )
        """,
        before,
        limit,
    )
    return affected(tag)


def _request(row: Record) -> MailRequest:
    return MailRequest(row["id"], row["user_id"], Purpose(row["purpose"]), row["address_key"])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
