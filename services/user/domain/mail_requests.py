"""Mail requests: a person proves by a mailed token that an address is theirs.

A request is made together with its event; the token only when the mail is sent. A mail that is sent twice has two
tokens; the first one that is used settles the request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.user.domain.people import Person

MAIL_TOKEN_LIFE = timedelta(hours=1)
"""How long a mailed token is good."""

MAIL_REQUEST_LIFE = timedelta(hours=24)
"""How late a mail may still be sent, when the mail server was away."""


class Purpose(StrEnum):
    """What a token is mailed for."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - no password
    EMAIL_VERIFICATION = "email_verification"


@dataclass(frozen=True)
class MailRequest:
    """The request that a token belongs to."""

    id: UUID
    account_id: UUID
    address_key: str = field(repr=False)


@dataclass(frozen=True)
class MailToken:
    """The only copy of a token, and the person it may be sent to."""

    token: str = field(repr=False)
    person: Person
    expires_at: datetime


class MailTokenNotGood(Exception):
    """The token is unknown, used, expired or replaced by a newer one: the error is the same."""

    def __init__(self) -> None:
        super().__init__("the token is invalid or has expired; request another email")
        self.violations = [("token", "must be from the latest mail, not used yet and at most an hour old")]
