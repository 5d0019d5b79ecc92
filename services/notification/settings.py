"""What the notification service reads from its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.chassis.postgres import PostgresSettings


class NotificationSettings(PostgresSettings):
    """The chassis' settings and the service's own."""

    smtp_url: SecretStr
    """smtp://[user:password@]host[:port], or smtps://…"""
    smtp_leave_alone_seconds: float = Field(default=60, gt=0)
    """How long the mail server is not asked any more after it was away five times in a row."""
    mail_from: str = Field(default="orders@argosy.local", pattern=r"^[^@\s]+@[^@\s]+$")
    """The From address."""
    user_target: str = Field(min_length=1)
    """Where the user service answers: host:port. It makes the tokens that mails about accounts carry."""
    web_app_url: str = Field(default="http://localhost:3000", pattern=r"^https?://[^\s#?]+$")
    """Where the pages are to which links in mails lead."""
    send_every_seconds: float = Field(default=1, gt=0)
    """How often due messages are looked for."""
    unaddressed_days: int = Field(default=7, ge=7)
    """How long a message waits for its reader's address: as long as user-events are kept, at least."""
    keep_messages_days: int = Field(default=365, ge=91)
    """How long messages are kept, and what orders they are about: longer than any topic keeps an event."""
