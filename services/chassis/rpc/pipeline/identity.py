"""Authentication: verifies the token in `authorization`. No other header identifies a caller.

INTERNAL rpcs accept service tokens only; all other rpcs accept user tokens only. An invalid token is refused, also by
rpcs that need none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.chassis.plain.errors import FieldViolation, InvalidArgument, Unauthenticated
from services.chassis.rpc.call import Service, User
from services.chassis.rpc.pipeline.exchange import Exchange, Step

CLIENT_APPS = ("web-app", "mobile-app")

Verify = Callable[[str], Awaitable[User | Service]]
"""Returns the token's owner. Raises Unauthenticated."""


def establish(verify: Verify, proceed: Step) -> Step:
    """Set the caller and the client app of the exchange. `verify` accepts the method's kind of token."""

    async def identified(exchange: Exchange) -> bytes:
        requested = _client_app(exchange.metadata.get("x-client-app"))
        token = bearer(exchange.metadata)
        if token is not None:
            exchange.caller = await verify(token)
        exchange.client_app = exchange.caller.client_app if isinstance(exchange.caller, User) else requested
        return await proceed(exchange)

    return identified


def bearer(metadata: Mapping[str, Any]) -> str | None:
    """The bearer token in the metadata. None: there is none. Raises Unauthenticated for another scheme."""
    authorization: str | None = metadata.get("authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("authorization: must be `Bearer <access token>`")
    return token.strip()


def _client_app(requested: str | None) -> str:
    if not requested:
        return CLIENT_APPS[0]
    if requested not in CLIENT_APPS:
        raise InvalidArgument([FieldViolation("X-Client-App", f"must be one of {', '.join(CLIENT_APPS)}")])
    return requested
