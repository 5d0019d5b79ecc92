"""What the inventory service reads from its environment."""

from __future__ import annotations

from pydantic import Field

from services.chassis.postgres import PostgresSettings


class InventorySettings(PostgresSettings):
    """The chassis' settings and the service's own."""

    hold_seconds: float = Field(default=1200, gt=0)
    """How long an unused hold lasts: longer than an order may stay unpaid."""
    expire_every_seconds: float = Field(default=15, gt=0)
    """How often ended holds are looked for."""
