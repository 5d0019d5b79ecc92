"""Take note that somebody says to have forgotten their password."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from services.chassis.postgres import Postgres
from services.user import reset_wishes
from services.user.domain import address_key
from services.user.mail_limits import MailLimits


@dataclass(frozen=True)
class AskForReset:
    """Whose password, and who asks from where."""

    email: str = field(repr=False)
    client_address: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class AskForResetHandler:
    """Writes the wish down; `GrantResets` sees to it a moment later.

    Whether anybody has the address is not looked up here: an answer that does not know it cannot tell it, not even by
    the time that it takes.
    """

    postgres: Postgres
    limits: MailLimits

    async def __call__(self, command: AskForReset) -> None:
        """The wish is stored. Raises TooManyMails, whoever has the address."""
        key = address_key(command.email)
        async with self.postgres.transaction("user.ask_for_reset") as connection:
            await self.limits.count(connection, key, command.client_address)
            await reset_wishes.add(connection, key)
