"""Keys of counters: a keyed hash replaces each mail address and client address, so that neither is stored."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr


def hash_of(secret: SecretStr, what: str, kind: str, name: str) -> bytes:
    """HMAC-SHA256 of what is counted ("mail"), the kind of the name ("account"), and the name."""
    return hmac.digest(secret.get_secret_value().encode(), f"{what} {kind} {name}".encode(), hashlib.sha256)
