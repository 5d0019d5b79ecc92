"""Money: an amount and its currency. Whole minor units inside (cents, yen, fils), decimals outside with as many places
as the currency has: "59.98" USD, "1000" JPY, "1.250" KWD. Never a float that is computed with.

A request may state an amount as a double: `exactly` gives the decimal that was written. Pure: domains use it too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.chassis.currencies import CURRENCIES, Currency

_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_USUAL_DECIMALS = 2
"""Of currencies that are not in the table: read, shown, never charged."""


class NotMoney(ValueError):
    """What was given is not an amount of the currency; the message says what would be."""


@dataclass(frozen=True)
class Money:
    """So many minor units of a currency."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """Exactly this amount. Raises NotMoney when it is not finite, or finer than the currency."""
        scaled = amount.scaleb(_decimals(currency)) if amount.is_finite() else Decimal("NaN")
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise NotMoney(f"must be {_an_amount_of(currency)}")
        return cls(int(scaled), currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """The amount that a decimal says: digits, and after a point no more than the currency has. Raises NotMoney."""
        if not _DECIMAL.fullmatch(text) or len(text.partition(".")[2]) > _decimals(currency):
            raise NotMoney(f"must be {_an_amount_of(currency)}")
        return cls.of(Decimal(text), currency)

    @classmethod
    def kept(cls, amount: Decimal, currency: str) -> Money:
        """An amount as a store has it.

        Amounts of before currencies had decimals of their own may be finer ("29.99" JPY). Nobody could pay one, so it
        is read rounded rather than not at all.
        """
        unit = Decimal(1).scaleb(-_decimals(currency))
        return cls.of(amount.quantize(unit, ROUND_HALF_UP), currency)

    @property
    def decimal(self) -> Decimal:
        """With as many places as the currency has: Decimal("59.98")."""
        return Decimal(self.minor).scaleb(-_decimals(self.currency))

    @property
    def text(self) -> str:
        """The same as text: "59.98"."""
        return f"{self.decimal:f}"

    def __str__(self) -> str:
        return f"{self.text} {self.currency}"


def exactly(number: float) -> Decimal:
    """The decimal that was written as this double. Raises NotMoney when it is not finite.

    The shortest decimal that reads back as the same double is what the sender wrote, for every amount in range: 29.99
    is 29.99, though the double is a hair off.
    """
    if not math.isfinite(number):
        raise NotMoney("must be a finite number")
    return Decimal(repr(number + 0.0))  # -0.0 is 0.0


def currency_problem(currency: str) -> str | None:
    """What is wrong with a currency that something is to be sold in; None: nothing."""
    if currency in CURRENCIES:
        return None
    return "must be a currency that can be charged (ISO 4217), such as USD, EUR or JPY"


def part_problem(amount: Money) -> str | None:
    """What is wrong with the amount as a price, or as what is given back of a charge; None: nothing.

    Less than the smallest charge is no fault here: an order may have several of it.
    """
    currency = CURRENCIES.get(amount.currency)
    if currency is None:
        return f"must be in a currency that can be charged: {amount.currency} cannot"
    if amount.minor <= 0:
        return "must be more than 0"
    if amount.minor > currency.most:
        return f"must be at most {Money(currency.most, amount.currency)}"
    if amount.minor % currency.step:
        return f"must be a multiple of {Money(currency.step, amount.currency)}"
    return None


def charge_problem(amount: Money) -> str | None:
    """What is wrong with the amount as a charge; None: it can be charged."""
    problem = part_problem(amount)
    if problem is None and amount.minor < CURRENCIES[amount.currency].least:
        return f"must be at least {Money(CURRENCIES[amount.currency].least, amount.currency)}"
    return problem


def _decimals(currency: str) -> int:
    known: Currency | None = CURRENCIES.get(currency)
    return _USUAL_DECIMALS if known is None else known.decimals


def _an_amount_of(currency: str) -> str:
    decimals = _decimals(currency)
    if decimals == 0:
        return f"a whole amount of {currency}, such as 1000"
    return f"an amount with at most {_IN_WORDS[decimals]} decimals, such as {_EXAMPLE:.{decimals}f}"


_IN_WORDS = {2: "two", 3: "three"}
_EXAMPLE = Decimal("29.99")
