"""Sessions: each sign-in opens one; its token is valid until the session expires or ends."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

TOKEN_LIFE = timedelta(hours=24)
"""How long a session and its token are valid."""


@dataclass(frozen=True)
class Client:
    """The client of a sign-in."""

    app: str
    """`web-app` or `mobile-app`; the token's azp."""
    ip_address: IPv4Address | IPv6Address | None
    user_agent: str


@dataclass(frozen=True)
class Session:
    """A session before it is stored, with the only copy of its token."""

    id: UUID
    account_id: UUID
    client: Client
    expires_at: datetime
    token: str = field(repr=False)

    @property
    def token_hash(self) -> bytes:
        """The hash of the token, which is stored."""
        return hashlib.sha256(self.token.encode()).digest()


@dataclass(frozen=True)
class OpenSession:
    """A stored session whose token is valid."""

    id: UUID
    client: Client
    created_at: datetime
    expires_at: datetime


class NoSuchSession(Exception):
    """The session does not exist, or is another person's: the error is the same."""

    def __init__(self) -> None:
        super().__init__("session not found")
