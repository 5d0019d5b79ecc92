"""What the payment service reads from its environment."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from services.chassis.data.postgres import PostgresSettings
from services.chassis.process.environment import HttpUrl, Target
from services.chassis.process.reconciliation import ReconciliationSettings

ProviderName = Literal["stripe", "store_credit"]
"""The providers that `__main__.PROVIDERS` has."""


class PaymentSettings(PostgresSettings, ReconciliationSettings):
    """The chassis' settings and the service's own."""

    payment_provider: Literal["stripe"] = "stripe"
    """The provider of new payments by card. A payment method may name another one, and stored payments stay with the
    provider that they began with."""
    order_target: Target
    """host:port of the order service."""
    stripe_api_key: SecretStr = Field(min_length=1)
    stripe_api_url: HttpUrl = "https://api.stripe.com"
    """Stripe's own API, or a sandbox's."""
    stripe_webhook_secret: SecretStr = Field(min_length=1)
    """What Stripe signs its webhooks with."""
    stripe_timeout_seconds: float = Field(default=20, gt=0)
    """How long one request to Stripe may take; it is tried three times at most."""
    stripe_leave_alone_seconds: float = Field(default=60, gt=0)
    """How long Stripe is not asked any more after five requests in a row without an answer, or with a 5xx."""
    stripe_search_lag_seconds: float = Field(default=300, ge=0)
    """How long after a request has ended a search at Stripe without a result proves nothing: its index is usually less
    than a minute behind (https://docs.stripe.com/search#data-freshness)."""
    payment_return_url: HttpUrl
    """Where a bank sends the customer's browser after a challenge."""
    challenge_timeout_seconds: float = Field(default=900, gt=0)
    """How long a customer may take for a challenge."""
    reconcile_seconds: float = Field(default=2, gt=0)
    """How often payments and refunds that were left open are looked for."""
    idempotency_secret: SecretStr = Field(min_length=16)
    """Keys the fingerprints of repeated requests; the same in every replica."""
    keep_cancelled_orders_days: int = Field(default=180, ge=91)
    """How long it is remembered that an order takes no payment: longer than any topic keeps an event."""

    @property
    def stripe_search_lag(self) -> timedelta:
        """STRIPE_SEARCH_LAG_SECONDS."""
        return timedelta(seconds=self.stripe_search_lag_seconds)

    @property
    def challenge_timeout(self) -> timedelta:
        """CHALLENGE_TIMEOUT_SECONDS."""
        return timedelta(seconds=self.challenge_timeout_seconds)
