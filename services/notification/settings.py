"""What the notification service reads from its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.environment import HttpUrl, SmtpUrl, Target
from services.chassis.postgres import PostgresSettings
from services.chassis.reconciliation import ReconciliationSettings


def _mail_address(text: str) -> str:
    name, _, domain = text.partition("@")
    if not name or not domain or "@" in domain or " " in text:
        raise ValueError("must be an address: name@domain")
    return text


def _without_query(url: str) -> str:
    if "?" in url:
        raise ValueError("must be http://host[:port]/path or https://…, without a query: links put their own behind it")
    return url


class NotificationSettings(PostgresSettings, ReconciliationSettings):
    """The chassis' settings and the service's own."""

    smtp_url: SmtpUrl
    """smtp://[user:password@]host[:port], or smtps://…"""
    smtp_leave_alone_seconds: float = Field(default=60, gt=0)
    """How long the mail server is not asked any more after it was away five times in a row."""
    mail_from: Annotated[str, AfterValidator(_mail_address)] = "orders@argosy.local"
    """The From address."""
    user_target: Target
    """Where the user service answers: host:port. It makes the tokens that mails about accounts carry."""
    order_target: Target
    """Where the order service answers: host:port. Mails are compared with its orders."""
    web_app_url: Annotated[HttpUrl, AfterValidator(_without_query)] = "http://localhost:3000"
    """Where the pages are to which links in mails lead."""
    send_every_seconds: float = Field(default=1, gt=0)
    """How often due messages are looked for."""
    unaddressed_days: int = Field(default=7, ge=7)
    """How long a message waits for its reader's address: as long as user-events are kept, at least."""
    keep_messages_days: int = Field(default=365, ge=91)
    """How long messages are kept, and what orders they are about: longer than any topic keeps an event."""
