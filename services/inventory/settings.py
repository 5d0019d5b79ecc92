"""What the inventory service reads from its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.chassis.environment import Target
from services.chassis.postgres import PostgresSettings
from services.chassis.reconciliation import ReconciliationSettings


class InventorySettings(PostgresSettings, ReconciliationSettings):
    """The chassis' settings and the service's own."""

    order_target: Target
    """Where order answers: host:port. It is asked what has become of orders whose holds have ended."""
    hold_seconds: float = Field(default=1200, gt=0)
    """How long an unused hold lasts before order is asked about it."""
    expire_every_seconds: float = Field(default=15, gt=0)
    """How often ended holds are looked for."""
    low_stock_threshold: int = Field(default=10, ge=0)
    """A product with less than this available is running out, unless it has a threshold of its own; 0: never."""
    idempotency_secret: SecretStr = Field(min_length=16)
    """Keys the fingerprints of repeated requests; the same in every replica."""
    keep_reservations_days: int = Field(default=180, ge=91)
    """How long a reservation is kept once it can change no stock any more: longer than any topic keeps an event."""
    keep_stock_moves_days: int = Field(default=730, ge=100)
    """After how long a product's moves are folded into its opening."""
