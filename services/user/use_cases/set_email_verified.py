"""A step of other use cases: record that an account's address belongs to its owner."""

from __future__ import annotations

from services.user.domain.accounts import User
from services.user.domain.facts import UserUpdated
from services.user.ports import UserUnit


async def set_email_verified(unit: UserUnit, user: User) -> None:
    """Marks the address as verified and publishes UserUpdated: from now on mails contain the name. Idempotent."""
    if not user.email_verified:
        await unit.accounts.set_email_verified(user.id)
        await unit.publish(UserUpdated(user.id, user.person, None, email_verified=True))
