"""Changes of mail addresses.

A new address takes over when its owner has verified it. The old address gets a mail by which its owner can stop or undo
the change: an attacker with a session and the password cannot take the account away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.user.domain.people import address_key

ADDRESS_CHANGE_LIFE = timedelta(days=7)
"""How long a new address may be verified, and how long the change can be undone. Until then nobody else can use the old
address for an account."""


@dataclass(frozen=True)
class AddressChange:
    """A change of an account's address."""

    undo_id: UUID
    """The mail request of the mail to the old address."""
    account_id: UUID
    old_email: str = field(repr=False)
    new_email: str = field(repr=False)

    @property
    def new_key(self) -> str:
        """The form by which the new address is compared."""
        return address_key(self.new_email)
