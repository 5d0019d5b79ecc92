"""Session tokens: signed JWTs, valid for 24 hours; every service verifies them itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import jwt

from services.chassis.plain.ids import new_id
from services.chassis.rpc.user_tokens import ALGORITHM, AUDIENCE, ISSUER
from services.user.adapters.signing_keys import KeyRing
from services.user.domain.sessions import TOKEN_LIFE, Client, Session


class JwtSessionOpener:
    """Opens sessions with the current signing key (ports.SessionOpener)."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock

    def open(self, account_id: UUID, roles: Sequence[str], client: Client) -> Session:
        """See ports.SessionOpener.open."""
        now = self._clock().replace(microsecond=0)  # a token's times are whole seconds; the row has the same
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
