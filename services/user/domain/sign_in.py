"""Signing in: the decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.user.domain.accounts import AccountStatus


@dataclass(frozen=True)
class Credentials:
    """The data that the decision needs."""

    account_id: UUID
    password_hash: bytes = field(repr=False)
    status: AccountStatus


def may_sign_in(status: AccountStatus, password_matches: bool) -> bool:
    """Whether a session may be opened. A caller who is refused does not learn which of the two is wrong."""
    return password_matches and status is AccountStatus.ACTIVE
