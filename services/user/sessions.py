"""Sessions, and the tokens that stand for them: signed, good for 24 hours, verified by every service by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import jwt

from services.chassis.ids import new_id
from services.chassis.user_tokens import ALGORITHM, AUDIENCE, ISSUER
from services.user.domain import TOKEN_LIFE
from services.user.signing_keys import KeyRing


@dataclass(frozen=True)
class Client:
    """What somebody signs in with."""

    app: str
    """`web-app` or `mobile-app`; the token's azp."""
    ip_address: IPv4Address | IPv6Address | None
    user_agent: str


@dataclass(frozen=True)
class Session:
    """A session that is about to be stored, and the only copy of its token."""

    id: UUID
    account_id: UUID
    client: Client
    expires_at: datetime
    token: str = field(repr=False)

    @property
    def token_hash(self) -> bytes:
        """What is kept of the token."""
        return hashlib.sha256(self.token.encode()).digest()


@dataclass(frozen=True)
class OpenSession:
    """A session whose token is good, as its owner sees it."""

    id: UUID
    client: Client
    created_at: datetime
    expires_at: datetime


class SessionOpener:
    """Opens sessions: signs their tokens."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock

    def open(self, account_id: UUID, roles: Sequence[str], client: Client) -> Session:
        """A new session of an account with these roles. It counts once it is stored."""
        now = self._clock().replace(microsecond=0)  # a token's times are whole seconds; the row says the same
        session_id, expires_at = new_id(), now + TOKEN_LIFE
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account_id),
            "sid": str(session_id),
            "roles": list(roles),
            "azp": client.app,
            "iat": now,
            "exp": expires_at,
        }
        key = self._keys.signing_key(now)
        token = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})
        return Session(session_id, account_id, client, expires_at, token)
