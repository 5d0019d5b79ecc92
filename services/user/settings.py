"""Settings of the user service, from the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from services.chassis.data.postgres import PostgresSettings
from services.chassis.process.environment import Environment
from services.user.adapters.passwords import default_threads


class KeySettings(Environment):
    """Settings of the keys that sign user tokens."""

    token_keys_dir: Path
    """Their directory (adapters/signing_keys.py)."""
    token_key_settle_seconds: float = Field(default=900, ge=0)
    """How long a new key is public before it signs: longer than any client caches a JWKS."""

    @property
    def token_key_settle(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(seconds=self.token_key_settle_seconds)


class UserSettings(PostgresSettings, KeySettings):
    """The chassis' settings and the service's own."""

    idempotency_secret: SecretStr = Field(min_length=16)
    """Key of the fingerprints of idempotent requests; the same in every replica."""
    password_hash_threads: int = Field(default_factory=default_threads, ge=1)
    """Concurrent password hashes. Default: one core stays free. Set it if a container gets fewer cores than the machine
    has."""
    password_hash_queue: int = Field(default_factory=lambda: 8 * default_threads(), ge=0)
    """Length of the queue of password hashes: two seconds' worth, within the deadline on a busy machine too."""
