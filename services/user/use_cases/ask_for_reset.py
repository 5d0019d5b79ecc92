"""Record a request to reset a forgotten password."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from services.user.domain.people import address_key
from services.user.ports import Work
from services.user.use_cases.count_mail import count_mail


@dataclass(frozen=True)
class AskForReset:
    """The address of the account, and where the request comes from."""

    email: str = field(repr=False)
    client_address: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class AskForResetHandler:
    """Stores the request; grant_resets.py processes it a moment later.

    Whether an account has the address is not looked up here: neither the answer nor the time that it takes can reveal
    it.
    """

    work: Work

    async def __call__(self, command: AskForReset) -> None:
        """Stores the request. Raises TooManyMails, also for an address without an account."""
        key = address_key(command.email)
        async with self.work.begin("user.ask_for_reset") as unit:
            await count_mail(unit, command.client_address, key)
            await unit.reset_wishes.add(key)
