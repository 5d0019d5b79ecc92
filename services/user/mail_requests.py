"""What tokens are mailed for, and the tokens' hashes, in PostgreSQL.

A request is made with its event; its token only when the mail about it is being sent (use_cases/mint_mail_token.py). A
mail that had to be sent twice has two tokens, of which the first that is used settles the request.

Functions take the connection whose transaction they belong to, and expect the account to be locked by it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.chassis.ids import new_id
from services.chassis.postgres import Connection, affected
from services.user.domain import MAIL_REQUEST_LIFE, MAIL_TOKEN_LIFE, Purpose

KEEP = timedelta(days=2)
"""How long a request is kept, to look at; longer than any token of its is good."""
_TOKEN_BYTES = 32


@dataclass(frozen=True)
class MailRequest:
    """What a token stands for."""

    id: UUID
    account_id: UUID
    address_key: str = field(repr=False)


async def open_request(connection: Connection, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
    """A new request of the account; the ones before it, for the same purpose, are void."""
    await void(connection, account_id, purpose)
    return await first_request(connection, account_id, purpose, address_key)


async def first_request(connection: Connection, account_id: UUID, purpose: Purpose, address_key: str) -> UUID:
    """The same for an account that has none for that purpose yet."""
    request_id = new_id()
    await connection.execute(
        "INSERT INTO mail_requests (id, user_id, purpose, address_key) VALUES ($1, $2, $3, $4)",
        request_id,
        account_id,
        purpose,
        address_key,
    )
    return request_id


async def void(connection: Connection, account_id: UUID, *purposes: Purpose) -> None:
    """No token for these purposes that was mailed so far, or is about to be, is good any more."""
    await connection.execute(
        "UPDATE mail_requests SET settled = true WHERE user_id = $1 AND purpose = ANY ($2) AND NOT settled",
        account_id,
        list(purposes),
    )


async def account_of(connection: Connection, request_id: UUID) -> UUID | None:
    """Whose request it is, or was; None when there is none."""
    account_id: UUID | None = await connection.fetchval("SELECT user_id FROM mail_requests WHERE id = $1", request_id)
    return account_id


async def address_of_open(connection: Connection, request_id: UUID) -> str | None:
    """The address that the request is about; None when it is settled, or too old for a mail."""
    address_key: str | None = await connection.fetchval(
        "SELECT address_key FROM mail_requests WHERE id = $1 AND NOT settled AND created_at > now() - $2::interval",
        request_id,
        MAIL_REQUEST_LIFE,
    )
    return address_key


async def mint(connection: Connection, request_id: UUID) -> tuple[str, datetime]:
    """A new token of the request, of which only the hash is kept, and when it expires."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    expires_at: datetime = await connection.fetchval(
        """
        INSERT INTO mailed_tokens (token_hash, request_id, expires_at) VALUES ($1, $2, now() + $3::interval)
        RETURNING expires_at
        """,
        _hash(token),
        request_id,
        MAIL_TOKEN_LIFE,
    )
    return token, expires_at


async def find(connection: Connection, token: str, purpose: Purpose) -> MailRequest | None:
    """What the token stands for; None when it is not good, or for something else."""
    row = await connection.fetchrow(
        """
        SELECT r.id, r.user_id, r.address_key FROM mailed_tokens t JOIN mail_requests r ON r.id = t.request_id
        WHERE t.token_hash = $1 AND t.expires_at > now() AND r.purpose = $2 AND NOT r.settled
        """,
        _hash(token),
        purpose,
    )
    return MailRequest(row["id"], row["user_id"], row["address_key"]) if row else None


async def settle(connection: Connection, request_id: UUID) -> bool:
    """Use the request. False: somebody else was first, or it is void by now."""
    settled = await connection.fetchval(
        "UPDATE mail_requests SET settled = true WHERE id = $1 AND NOT settled RETURNING true", request_id
    )
    return settled is not None


async def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget at most `limit` requests that were made before an instant, with their tokens; answers how many."""
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


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
