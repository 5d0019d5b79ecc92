"""The unit that Stripe counts a currency in: its minor unit, except for two currencies that have none any more."""

from __future__ import annotations

from services.chassis.plain.money import NotMoney

_STILL_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
"""Without decimals, yet sent as if they had two: https://docs.stripe.com/currencies#special-cases."""


def to_stripe(minor: int, currency: str) -> int:
    """The amount in minor units as Stripe counts it."""
    return minor * 100 if currency in _STILL_IN_HUNDREDTHS else minor


def from_stripe(amount: int, currency: str) -> int:
    """The minor units in an amount of Stripe. Raises NotMoney when it is finer than the currency."""
    if currency not in _STILL_IN_HUNDREDTHS:
        return amount
    minor, fraction = divmod(amount, 100)
    if fraction:
        raise NotMoney(f"Stripe has a fraction of {currency}, which has none")
    return minor
