"""Verifies user tokens: JWTs signed with Ed25519 (EdDSA).

Claims: the person (sub), the session (sid), roles, the client app (azp); the header names the key (kid). Verified
tokens are cached, because verifying takes a hundred times as long as a lookup.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.chassis.plain.errors import Unauthenticated
from services.chassis.rpc.call import User

ISSUER = "https://argosy.local"
AUDIENCE = "https://api.myapp.com"
ALGORITHM = "EdDSA"

_LEEWAY = 5
"""The maximum difference between clocks, in seconds."""
_REMEMBERED_FOR = 300
"""Cached tokens are verified again after this many seconds, so that a withdrawn key stops working soon."""
_REMEMBERED_AT_MOST = 10_000
_VERIFY: Any = {"require": ["exp", "iss", "aud", "sub", "sid", "roles", "azp"]}


class KeySource(Protocol):
    """Provides the public keys of user tokens."""

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id. None: there is none. Repeated calls with an unknown id must be cheap."""


class UserTokens:
    """Verifies user tokens."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys
        self._known: dict[str, tuple[User, float]] = {}

    async def verify(self, token: str) -> User:
        """The person the token was issued to. Raises Unauthenticated."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        claims = self._decode(token, await self._key_of(token))
        user = _user(claims)
        self._remember(token, user, float(claims["exp"]))
        return user

    async def _key_of(self, token: str) -> Ed25519PublicKey:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the access token is malformed") from error
        key = await self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthenticated("the access token has an unknown signing key")
        return key

    @staticmethod
    def _decode(token: str, key: Ed25519PublicKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=_LEEWAY,
                options=_VERIFY,
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the access token has expired; sign in again") from error
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the access token is not valid") from error

    def _remember(self, token: str, user: User, expires: float) -> None:
        if len(self._known) >= _REMEMBERED_AT_MOST:
            del self._known[next(iter(self._known))]  # the oldest: a dict keeps the order of insertion
        self._known[token] = (user, min(expires, time.time() + _REMEMBERED_FOR))


def _user(claims: dict[str, Any]) -> User:
    roles, words = claims["roles"], [claims["sub"], claims["sid"], claims["azp"]]
    if not (isinstance(roles, list) and all(isinstance(word, str) and word for word in [*words, *roles])):
        raise Unauthenticated("the access token is not valid")
    subject, session, client_app = words
    return User(id=subject, roles=frozenset(roles), session_id=session, client_app=client_app)
