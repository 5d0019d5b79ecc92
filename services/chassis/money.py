"""Money: whole minor units (cents) inside, decimals with two places outside. Never a float that is computed with.

A request may state an amount as a double, which is only ever compared: `from_double` gives the exact cents that were
written, or refuses. All currencies here have two decimal places, as DECIMAL(10,2) in PostgreSQL has.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

MAX_MINOR = 9_999_999_999
"""The most that DECIMAL(10,2) holds, in minor units: 99,999,999.99."""

_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,2}))?")


class NotMoney(ValueError):
    """What was given is not an amount: not a finite number, finer than a cent, or larger than can be kept."""


def to_text(minor: int) -> str:
    """Minor units as a decimal with two places: 5998 → "59.98"."""
    sign = "-" if minor < 0 else ""
    major, cents = divmod(abs(minor), 100)
    return f"{sign}{major}.{cents:02}"


def from_text(text: str) -> int:
    """The minor units of a decimal with at most two places: "59.98", "59.9" or "59". Raises NotMoney."""
    matched = _DECIMAL.fullmatch(text)
    if matched is None:
        raise NotMoney(f"{text!r} is not a decimal with at most two places, such as 59.98")
    sign, major, cents = matched.groups()
    minor = int(major) * 100 + int((cents or "").ljust(2, "0"))
    return _within_range(-minor if sign else minor)


def to_decimal(minor: int) -> Decimal:
    """Minor units as a Decimal with two places, as asyncpg wants for DECIMAL columns: 5998 → Decimal("59.98")."""
    return Decimal(minor).scaleb(-2)


def from_decimal(amount: Decimal) -> int:
    """The minor units of a Decimal. Raises NotMoney when it is not finite, finer than a cent or out of range."""
    if not amount.is_finite():
        raise NotMoney("an amount must be a finite number")
    if abs(amount) * 100 > MAX_MINOR:
        raise NotMoney(_TOO_LARGE)
    minor = amount.scaleb(2)
    if minor != minor.to_integral_value():
        raise NotMoney(f"{amount} has more than two decimal places")
    return int(minor)


def from_double(amount: float) -> int:
    """The minor units of a JSON number. Raises NotMoney when it is not finite, finer than a cent or out of range.

    The shortest decimal that reads back as the same double is what the sender wrote, for every amount in range: 29.99
    is 2999, though the double is a hair off; 29.999 is refused, not rounded.
    """
    if not math.isfinite(amount):
        raise NotMoney("an amount must be a finite number")
    return from_decimal(Decimal(repr(amount)))


def _within_range(minor: int) -> int:
    if abs(minor) > MAX_MINOR:
        raise NotMoney(_TOO_LARGE)
    return minor


_TOO_LARGE = f"an amount must be at most {to_text(MAX_MINOR)}"
