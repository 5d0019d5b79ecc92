"""Authentication between services: each service signs short-lived tokens with its own Ed25519 key.

A token is for one called service, which cannot show it to another, and is good for a minute, whatever expiry it
states.

The called service verifies them with a file of public keys, so it needs no other process. In a mesh, mTLS authenticates
the same connections as well.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.chassis.plain.errors import Unauthenticated
from services.chassis.rpc.call import Service

_log = structlog.get_logger()

_AUDIENCE_PREFIX = "service:"
_OLD_AUDIENCE = "argosy-internal"
"""What release 0.1.0 expects, of all services. Tokens name it too, so that a service that is not yet replaced takes
them; nothing accepts it by itself."""
ALGORITHM = "EdDSA"

_ISSUER_PREFIX = "service:"
_LIVES = 60
_REUSED_FOR = 30
_LEEWAY = 5
"""The maximum difference between clocks, in seconds."""
_REMEMBERED_AT_MOST = 1_000
_VERIFY: Any = {"require": ["exp", "iat", "iss", "aud"]}


def audience_of(service: str) -> str:
    """The audience of tokens for calls of this service."""
    return f"{_AUDIENCE_PREFIX}{service}"


class KeyFileError(Exception):
    """A key file is invalid. The text names the file and the expected format, never its content."""


class ServiceTokenSigner:
    """Signs the tokens of this service's calls."""

    def __init__(self, service: str, private_key: Ed25519PrivateKey) -> None:
        self._issuer = f"{_ISSUER_PREFIX}{service}"
        self._key = private_key
        self._tokens: dict[str, tuple[str, float]] = {}
        """By called service: the token, and when it was made."""

    def token(self, called: str) -> str:
        """A token for calls of this service, valid for at least 30 s."""
        now = time.time()
        token, made_at = self._tokens.get(called, ("", float("-inf")))
        if now - made_at >= _REUSED_FOR:
            audience = [audience_of(called), _OLD_AUDIENCE]
            claims = {"iss": self._issuer, "aud": audience, "iat": int(now), "exp": int(now) + _LIVES}
            token = jwt.encode(claims, self._key, algorithm=ALGORITHM)
            self._tokens[called] = token, now
        return token


class ServiceTokenVerifier:
    """Verifies the tokens of services that call this one. Reloads its file when it changes."""

    def __init__(self, service: str, keys_file: Path) -> None:
        self._audience = audience_of(service)
        self._file = keys_file
        self._keys: Mapping[str, Ed25519PublicKey] = {}
        self._known: dict[str, tuple[Service, float]] = {}
        self._read()

    async def verify(self, token: str) -> Service:
        """The service that signed the token. Raises Unauthenticated."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        self._read_if_changed()  # cheap enough: each caller has a new token every 30 s
        service, expires = self._decode(token)
        if len(self._known) >= _REMEMBERED_AT_MOST:
            self._known.clear()
        self._known[token] = (service, expires)
        return service

    def _decode(self, token: str) -> tuple[Service, float]:
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            name = issuer.removeprefix(_ISSUER_PREFIX) if isinstance(issuer, str) else ""
            key = self._keys.get(name)
            if key is None:
                raise Unauthenticated("the service token has an unknown issuer")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=f"{_ISSUER_PREFIX}{name}",
                audience=self._audience,
                leeway=_LEEWAY,
                options=_VERIFY,
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the service token has expired") from error
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("the service token is not valid") from error
        good_until = min(float(claims["exp"]), float(claims["iat"]) + _LIVES) + _LEEWAY
        if time.time() >= good_until:
            raise Unauthenticated("the service token has expired")
        return Service(name), good_until

    def _read_if_changed(self) -> None:
        try:
            if self._file.stat().st_mtime_ns != self._changed_at:
                self._read()
        except (OSError, KeyFileError) as error:  # the previous keys stay valid
            _log.warning("service_keys_not_read", error=str(error))

    def _read(self) -> None:
        self._changed_at = self._file.stat().st_mtime_ns
        self._keys = read_public_keys(self._file)
        self._known.clear()


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """The key in a PEM file. Raises KeyFileError."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise KeyFileError(f"{file}: must be a readable, unencrypted PEM private key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file}: must be an Ed25519 key")
    return key


def read_public_keys(file: Path) -> dict[str, Ed25519PublicKey]:
    """Service name → key, from a JSON file: name → base64 of the 32 raw bytes. Raises KeyFileError."""
    try:
        entries = json.loads(file.read_bytes())
        return {
            name: Ed25519PublicKey.from_public_bytes(base64.b64decode(raw, validate=True))
            for name, raw in entries.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        raise KeyFileError(f"{file}: must be JSON, service name → base64 of a raw Ed25519 public key") from None
