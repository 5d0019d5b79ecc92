"""The sandbox's settings, from the environment."""

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", validation_alias="STRIPE_SANDBOX_HOST")
    port: int = Field(validation_alias="STRIPE_SANDBOX_PORT", ge=1, le=65_535)
    data: Path = Field(validation_alias="STRIPE_SANDBOX_DATA")
    """The sandbox's data directory."""
    url: str | None = Field(default=None, validation_alias="STRIPE_SANDBOX_URL")
    """Base URL at which a browser reaches the challenge pages; by default the listening address."""
    api_key: SecretStr = Field(validation_alias="STRIPE_API_KEY", min_length=1)
    webhook_secret: SecretStr = Field(validation_alias="STRIPE_WEBHOOK_SECRET", min_length=1)
    webhook_url: str = Field(validation_alias="STRIPE_WEBHOOK_URL", pattern="^https?://")
    webhook_events: str = Field(
        default="*", validation_alias="STRIPE_WEBHOOK_EVENTS", pattern=r"^(\*|[a-z_.]+(,[a-z_.]+)*)$"
    )
    """The types of events that are delivered, with commas between; `*`: all (`enabled_events` of a Stripe endpoint)."""
    search_lag_seconds: float = Field(default=0, validation_alias="STRIPE_SANDBOX_SEARCH_LAG_SECONDS", ge=0, le=3600)
    """Initial value of the control with this name."""

    @property
    def delivered(self) -> frozenset[str] | None:
        """The types of events that are delivered; None: all."""
        return None if self.webhook_events == "*" else frozenset(self.webhook_events.split(","))

    @property
    def public_url(self) -> str:
        return self.url or f"http://{self.host}:{self.port}"


def load() -> Settings:
    """Read the environment. On errors, exit with a message that names every invalid variable."""
    try:
        return _from_environment(Settings)
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            print(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        raise SystemExit(2) from None


def _from_environment(type_: type[S]) -> S:
    return type_()
