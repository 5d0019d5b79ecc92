"""Settings of the notification service, from the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.chassis.data.postgres import PostgresSettings
from services.chassis.process.environment import HttpUrl, SmtpUrl, Target
from services.chassis.process.reconciliation import ReconciliationSettings


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
    """How long the circuit breaker of the mail server stays open after five failures in a row."""
    mail_from: Annotated[str, AfterValidator(_mail_address)] = "orders@argosy.local"
    """The From address."""
    user_target: Target
    """Address of the user service, host:port. It issues the tokens of account mails."""
    order_target: Target
    """Address of the order service, host:port. Mails are compared with its orders."""
    web_app_url: Annotated[HttpUrl, AfterValidator(_without_query)] = "http://localhost:3000"
    """Base URL of the pages that links in mails lead to."""
    send_every_seconds: float = Field(default=1, gt=0)
    """Interval between searches for due messages."""
    unaddressed_days: int = Field(default=7, ge=7)
    """How long a message waits for its reader's address: at least the retention of user-events."""
    keep_messages_days: int = Field(default=365, ge=91)
    """Retention of messages and order summaries: longer than any topic keeps an event."""
