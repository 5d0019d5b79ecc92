"""A step of other use cases: count a requested mail, so that an attacker cannot flood mailboxes.

It counts for every address, so that a caller cannot find out which addresses have accounts.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from services.chassis.plain.errors import ResourceExhausted
from services.user.domain.limits import mail_limits
from services.user.ports import UserUnit


class TooManyMails(ResourceExhausted):
    """Too many mails were requested lately, to this address or from this client."""

    default_message = "too many emails were requested; check your mailbox, or try again later"


async def count_mail(unit: UserUnit, client_address: IPv4Address | IPv6Address | None, *address_keys: str) -> None:
    """Counts a request for a mail to each address, in the unit of work that requests them.

    Raises TooManyMails, with the time to try again.
    """
    limits = list(dict.fromkeys(limit for key in address_keys for limit in mail_limits(key, client_address)))
    for limit, asked in zip(limits, await unit.mail_asks.count(limits), strict=True):
        if asked.times > limit.free:
            raise TooManyMails(retry_after=asked.ends_in)
