"""Limits: how many failed sign-ins and requested mails are allowed, for one account and for one client address.

An address without an account has the same limits: a caller cannot find out which addresses have accounts.

Guesses of strangers do not hold up the owner: a device or a client address from which the owner has signed in before
has a limit of its own, and the account's limit counts all other clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_network
from uuid import UUID

FAILURES_FOR_AN_ACCOUNT = 5
"""Failed sign-ins with one account's address before the first pause."""
FAILURES_FOR_A_CLIENT = 100
"""Failed sign-ins from one client address: many users may share one."""
FAILURES_FROM_A_KNOWN_CLIENT = 10
"""Failed sign-ins with one account's address from a device or client address that has signed in to it before."""
FAILURES_IN_A_SESSION = 5
"""Wrong passwords of a signed-in user, where a change needs the password again."""
FAILURES_KEPT = timedelta(minutes=15)
"""After this time without another failure, the count is reset."""
LONGEST_PAUSE = timedelta(seconds=60)
"""The longest pause after a failed sign-in: an attacker cannot lock an owner out for long."""
CLIENTS_KEPT = timedelta(days=180)
"""How long a client address is known after its last sign-in."""
DEVICES_KEPT = timedelta(days=400)
"""How long a device token is valid."""

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
    KNOWN_CLIENT = "known client"
    DEVICE = "device"
    SESSION = "session"


@dataclass(frozen=True)
class Limit:
    """The number of free attempts for one account address, client, or session."""

    of: Counted
    name: str = field(repr=False)
    """What is counted: the address key, the client's network, the device or the session."""
    free: int


@dataclass(frozen=True)
class Known:
    """Whether a client has signed in to the account before."""

    device: str | None = field(default=None, repr=False)
    """The id of its device token, if that is valid for the account."""
    client: bool = False
    """Whether the account knows its network."""


STRANGER = Known()
"""A client that has not signed in to the account before."""


def sign_in_limits(
    address_key: str, client_address: IPv4Address | IPv6Address | None, known: Known = STRANGER
) -> list[Limit]:
    """The limits that a sign-in counts against; the first of them is forgotten after the right password."""
    if known.device is not None:
        return [Limit(Counted.DEVICE, f"{address_key} {known.device}", FAILURES_FROM_A_KNOWN_CLIENT)]
    limits = _limits(address_key, FAILURES_FOR_AN_ACCOUNT, client_address, FAILURES_FOR_A_CLIENT)
    if known.client and client_address is not None:
        name = f"{address_key} {network_of(client_address)}"
        limits[0] = Limit(Counted.KNOWN_CLIENT, name, FAILURES_FROM_A_KNOWN_CLIENT)
    return limits


def session_limits(session_id: UUID) -> list[Limit]:
    """The limits of a signed-in user who gives the password again. Other sessions of the account are not held up."""
    return [Limit(Counted.SESSION, str(session_id), FAILURES_IN_A_SESSION)]


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
        limits.append(Limit(Counted.CLIENT, network_of(client_address), for_client))
    return limits


def network_of(client_address: IPv4Address | IPv6Address) -> str:
    """The part of an address that one client cannot vary: all of IPv4, the first 64 bits of IPv6."""
    if client_address.version == 4:
        return str(client_address)
    return str(ip_network((client_address, 64), strict=False))
