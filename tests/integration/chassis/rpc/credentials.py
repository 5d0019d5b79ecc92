"""Keys and tokens, good and bad ones."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KID = "2026-a"
USER_ID = "7f1d3f7e-54d4-4c8e-9a0b-0d6c1e7a9f01"


class UserKeys:
    """A KeySource with one key, whose private half signs tokens for tests."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.asked = 0

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        self.asked += 1
        return self.private.public_key() if kid == KID else None

    def jwks(self) -> dict[str, Any]:
        raw = self.private.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KID, "x": x, "alg": "EdDSA", "use": "sig"}]}

    def token(self, roles: Any = (), *, kid: str | None = KID, key: Any = None, **claims: Any) -> str:
        """A good token, but for what is asked to be otherwise; a claim that is None is left out."""
        now = int(time.time())
        good: dict[str, Any] = {
            "iss": "https://argosy.local",
            "aud": "https://api.myapp.com",
            "sub": USER_ID,
            "sid": "session-1",
            "roles": list(roles) if isinstance(roles, tuple) else roles,
            "azp": "mobile-app",
            "iat": now,
            "exp": now + 3600,
        }
        chosen = {name: value for name, value in {**good, **claims}.items() if value is not None}
        headers = {"kid": kid} if kid else {}
        return jwt.encode(chosen, key or self.private, algorithm="EdDSA", headers=headers)

    def unsigned(self) -> str:
        """The same claims with alg none."""
        claims = jwt.decode(self.token(), options={"verify_signature": False})
        return jwt.encode(claims, "", algorithm="none", headers={"kid": KID})

    def signed_with_the_public_key(self) -> str:
        """The same claims, HMACed with the public key as the secret: what naive verifiers fall for."""
        claims = jwt.decode(self.token(), options={"verify_signature": False})
        return jwt.encode(claims, self.private.public_key().public_bytes_raw(), algorithm="HS256", headers={"kid": KID})


class ServiceKeys:
    """A key pair for each service, and the files that set-up would write."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.private = {name: Ed25519PrivateKey.generate() for name in names}
        self.public_file = folder / "service-keys.json"
        self.folder = folder
        self.write_public(*names)
        for name, key in self.private.items():
            self.key_file(name).write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )

    def key_file(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def write_public(self, *names: str) -> None:
        raw = {name: self.private[name].public_key().public_bytes_raw() for name in names}
        self.public_file.write_text(json.dumps({name: base64.b64encode(key).decode() for name, key in raw.items()}))

    def token(self, name: str, *, key: Any = None, **claims: Any) -> str:
        """A good token of that service, but for what is asked to be otherwise."""
        now = int(time.time())
        good = {"iss": f"service:{name}", "aud": "service:lab", "iat": now, "exp": now + 60}
        chosen = {name: value for name, value in {**good, **claims}.items() if value is not None}
        return jwt.encode(chosen, key or self.private[name], algorithm="EdDSA")
