"""Limits: how many failed sign-ins and requested mails are allowed, for one account and for one client address.

An address without an account has the same limits: a caller cannot find out which addresses have accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

FAILURES_FOR_AN_ACCOUNT = 5
"""Failed sign-ins with one account's address before the first pause."""
FAILURES_FOR_A_CLIENT = 100
"""Failed sign-ins from one client address: many users may share one."""
FAILURES_KEPT = timedelta(minutes=15)
"""After this time without another failure, the count is reset."""
LONGEST_PAUSE = timedelta(seconds=60)
"""The longest pause after a failed sign-in: an attacker cannot lock an owner out for long."""

MAILS_TO_AN_ACCOUNT = 5
"""Mails to one address in each window."""
MAILS_FOR_A_CLIENT = 50
"""Mails requested from one client address: many users may share one."""
MAIL_WINDOW = timedelta(hours=1)
"""The window in which mails are counted."""


class Counted(Enum):
    """What a limit counts by."""

    ACCOUNT = "account"
    CLIENT = "client"


@dataclass(frozen=True)
class Limit:
    """The number of free attempts for one account address, or for one client address."""

    of: Counted
    name: str = field(repr=False)
    """The address key, or the client's IP address."""
    free: int


def sign_in_limits(address_key: str, client_address: IPv4Address | IPv6Address | None) -> list[Limit]:
    """The limits that a failed sign-in counts against."""
    return _limits(address_key, FAILURES_FOR_AN_ACCOUNT, client_address, FAILURES_FOR_A_CLIENT)


def mail_limits(address_key: str, client_address: IPv4Address | IPv6Address | None) -> list[Limit]:
    """The limits that a requested mail counts against."""
    return _limits(address_key, MAILS_TO_AN_ACCOUNT, client_address, MAILS_FOR_A_CLIENT)


def pause_after(failures: int, free: int) -> timedelta:
    """The pause before the next sign-in: none up to `free` failures, then 1 s, 2 s, 4 s … 60 s."""
    if failures < free:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - free, 10)), LONGEST_PAUSE)


def _limits(
    address_key: str, for_account: int, client_address: IPv4Address | IPv6Address | None, for_client: int
) -> list[Limit]:
    limits = [Limit(Counted.ACCOUNT, address_key, for_account)]
    if client_address is not None:
        limits.append(Limit(Counted.CLIENT, str(client_address), for_client))
    return limits
