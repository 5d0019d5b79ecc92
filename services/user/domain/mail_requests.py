"""Mail requests: a mailed token proves that an address belongs to a user.

A request is created together with its event; the token only when the mail is sent. A mail that is sent twice has two
tokens; using either one completes the request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.user.domain.address_changes import ADDRESS_CHANGE_LIFE

MAIL_TOKEN_LIFE = timedelta(hours=1)
"""How long a mailed token is valid."""

UNDO_TOKEN_LIFE = ADDRESS_CHANGE_LIFE
"""How long a change of an address can be undone."""

MAIL_REQUEST_LIFE = timedelta(hours=24)
"""How late a mail may still be sent, after an outage of the mail server."""


class Purpose(StrEnum):
    """The purpose of a token."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - no password
    EMAIL_VERIFICATION = "email_verification"
    EMAIL_CHANGE = "email_change"
    """To the old address, when a change is requested: stops or undoes it."""

    @property
    def token_life(self) -> timedelta:
        """How long a token is valid."""
        return UNDO_TOKEN_LIFE if self is Purpose.EMAIL_CHANGE else MAIL_TOKEN_LIFE


@dataclass(frozen=True)
class MailRequest:
    """The request that a token belongs to."""

    id: UUID
    account_id: UUID
    purpose: Purpose
    address_key: str = field(repr=False)
    """The address to which the token is mailed."""


@dataclass(frozen=True)
class MailToken:
    """The only copy of a token, and the user to whom it may be sent."""

    token: str = field(repr=False)
    email: str = field(repr=False)
    name: str = field(repr=False)
    """Empty if the address is not verified: anyone may have entered the name."""
    expires_at: datetime


class MailTokenNotGood(Exception):
    """The token is unknown, used, expired or replaced by a newer one: the error is the same."""

    def __init__(self) -> None:
        super().__init__("the token is invalid or has expired; request another email")
        self.violations = [("token", "must be from the latest mail, not used yet and not expired")]
