"""The service's settings, from the environment."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from services.chassis.data.mongo import MongoUrl
from services.chassis.process.environment import Target
from services.chassis.process.reconciliation import ReconciliationSettings
from services.chassis.process.settings import CommonSettings


class OrderSettings(CommonSettings, ReconciliationSettings):
    """The order service's settings."""

    mongo_url: MongoUrl
    """The database of orders: `mongodb://…/database`."""
    inventory_target: Target
    """Where inventory answers: host:port."""
    payment_target: Target
    """Where payment answers: host:port."""
    idempotency_secret: SecretStr = Field(min_length=16)
    """Keys the fingerprints of requests, which then reveal nothing of their content, and seals page tokens."""
    unpaid_after_seconds: int = Field(default=900, gt=0)
    """How long an order may wait for its payment."""
    sweep_every_seconds: float = Field(default=30, gt=0)
    """How often orders that have waited too long are looked for."""

    @property
    def unpaid_after(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.unpaid_after_seconds)
