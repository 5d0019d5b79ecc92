"""Settings of the inventory service, from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.chassis.data.postgres import PostgresSettings
from services.chassis.process.environment import Target
from services.chassis.process.reconciliation import ReconciliationSettings


class InventorySettings(PostgresSettings, ReconciliationSettings):
    """The chassis' settings and the service's own."""

    order_target: Target
    """Address of the order service, host:port. It is asked about orders whose holds have ended."""
    hold_seconds: float = Field(default=1200, gt=0)
    """How long an unused hold lasts before order is asked about it."""
    unpaid_orders_per_customer: int = Field(default=10, ge=1)
    """Orders of one customer that hold stock at once without being paid."""
    held_pieces_per_customer: int = Field(default=2000, ge=1)
    """Pieces that the unpaid orders of one customer hold together."""
    expire_every_seconds: float = Field(default=15, gt=0)
    """Interval between searches for ended holds."""
    low_stock_threshold: int = Field(default=10, ge=0)
    """A product with less than this available is running low, unless it has its own threshold; 0: never."""
    idempotency_secret: SecretStr = Field(min_length=16)
    """Key of the fingerprints of idempotent requests; the same in every replica."""
    keep_reservations_days: int = Field(default=180, ge=91)
    """Retention of reservations that can no longer change stock: longer than any topic keeps an event."""
    keep_stock_moves_days: int = Field(default=730, ge=100)
    """Age at which a product's moves are merged into its opening."""
