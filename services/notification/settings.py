"""What the notification service reads from its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.chassis.postgres import PostgresSettings


class NotificationSettings(PostgresSettings):
    """The chassis' settings and the service's own."""

    smtp_url: SecretStr
    """smtp://[user:password@]host[:port], or smtps://…"""
    mail_from: str = Field(default="orders@argosy.local", pattern=r"^[^@\s]+@[^@\s]+$")
    """The From address."""
    send_every_seconds: float = Field(default=1, gt=0)
    """How often due messages are looked for."""
