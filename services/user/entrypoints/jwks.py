"""GET /.well-known/jwks.json on the admin port: the keys with which edge, services and mesh verify tokens."""

from __future__ import annotations

from aiohttp import web

from services.chassis.process.admin import Handler
from services.user.adapters.signing_keys import KeyRing

PATH = "/.well-known/jwks.json"
KEPT_SECONDS = 300
"""How long a client may cache it. A new key signs only after a longer time (TOKEN_KEY_SETTLE_SECONDS)."""


def jwks_endpoint(keys: KeyRing) -> Handler:
    """The handler; 503 until the keys have been read."""

    async def answer(_request: web.Request) -> web.Response:
        document = keys.jwks()
        if not document:
            return web.Response(status=503, headers={"Retry-After": "1"})
        headers = {"Cache-Control": f"public, max-age={KEPT_SECONDS}"}
        return web.Response(body=document, content_type="application/json", headers=headers)

    return answer
