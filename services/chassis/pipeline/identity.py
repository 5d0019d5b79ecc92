"""Who calls: taken from a verified token in `authorization` alone, never from any other header.

An INTERNAL rpc knows services, every other one knows users; the other kind of token verifies at neither. A token that
is sent must be good, also where none is needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.chassis.call import Service, User
from services.chassis.errors import FieldViolation, InvalidArgument, Unauthenticated
from services.chassis.pipeline.exchange import Exchange, Step

CLIENT_APPS = ("web-app", "mobile-app")

Verify = Callable[[str], Awaitable[User | Service]]
"""A token's bearer; raises Unauthenticated."""


def establish(verify: Verify, proceed: Step) -> Step:
    """Find out who calls, and with which client app. `verify` knows the kind of tokens that the method takes."""

    async def identified(exchange: Exchange) -> bytes:
        said = _client_app(exchange.metadata.get("x-client-app"))
        token = bearer(exchange.metadata)
        if token is not None:
            exchange.caller = await verify(token)
        exchange.client_app = exchange.caller.client_app if isinstance(exchange.caller, User) else said
        return await proceed(exchange)

    return identified


def bearer(metadata: Mapping[str, Any]) -> str | None:
    """The token that a call carries, if any. Raises Unauthenticated for an authorization of another kind."""
    authorization: str | None = metadata.get("authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("authorization: must be `Bearer <access token>`")
    return token.strip()


def _client_app(said: str | None) -> str:
    if not said:
        return CLIENT_APPS[0]
    if said not in CLIENT_APPS:
        raise InvalidArgument([FieldViolation("X-Client-App", f"must be one of {', '.join(CLIENT_APPS)}")])
    return said
