"""The public keys of user tokens, fetched from the user service's JWKS endpoint.

They are fetched before the service is SERVING, then every few minutes. A token with an unknown key id also triggers a
fetch (keys rotate), at most once every few seconds. If the user service is unavailable, the last keys stay valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_log = structlog.get_logger()

_TIMEOUT = aiohttp.ClientTimeout(total=3)
_REFRESH_EVERY = 180.0
_REFRESH_AT_MOST_EVERY = 5.0


class Jwks:
    """A KeySource (user_tokens.py) and a Resource (resource.py)."""

    name = "jwks"

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: Mapping[str, Ed25519PublicKey] = {}
        self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._refresher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetch the keys. Raises while the user service is unavailable or has no key."""
        await self._fetch()
        self._refresher = asyncio.create_task(self._refresh_for_ever(), name="jwks-refresh")

    async def stop(self) -> None:
        """Stop refreshing. The keys stay."""
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)

    async def check(self) -> None:
        """Never fails after the start: fetched keys stay valid."""

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id. None: the user service does not have it, or was asked a few seconds ago."""
        if kid not in self._keys:
            async with self._fetching:
                if kid not in self._keys and _now() - self._asked_at > _REFRESH_AT_MOST_EVERY:
                    await self._try_to_fetch()
        return self._keys.get(kid)

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_EVERY)
            async with self._fetching:
                await self._try_to_fetch()

    async def _try_to_fetch(self) -> None:
        try:
            await self._fetch()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _log.warning("jwks_not_refreshed", url=self._url, error=repr(error))

    async def _fetch(self) -> None:
        self._asked_at = _now()
        async with (
            # Ignore the environment's proxy: the keys are trusted because of their origin.
            aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True, trust_env=False) as session,
            session.get(self._url) as response,
        ):
            self._keys = read_keys(await response.json(content_type=None))


def read_keys(document: Any) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWKS document by id. Ignores other keys. Raises ValueError if there is none."""
    keys: dict[str, Ed25519PublicKey] = {}
    try:
        for entry in document["keys"]:
            if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
                key = jwt.PyJWK.from_dict(entry, algorithm="EdDSA").key
                if isinstance(key, Ed25519PublicKey):
                    keys[entry["kid"]] = key
    except (KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ValueError(f"not a JWKS document: {error!r}") from error
    if not keys:
        raise ValueError("the JWKS document has no Ed25519 key")
    return keys


def _now() -> float:
    return asyncio.get_running_loop().time()
