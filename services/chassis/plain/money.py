"""Money: an amount and its currency. Stored as minor units (cents, yen, fils); shown as a decimal with the currency's
number of places: "59.98" USD, "1000" JPY, "1.250" KWD. Floats are never used for arithmetic.

A request may contain an amount as a double; `exactly` converts it. Pure Python: domains may import it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.chassis.plain.currencies import CURRENCIES, Currency

_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_USUAL_DECIMALS = 2
"""For currencies that are not in the table. They can be read and shown, but not charged."""


class NotMoney(ValueError):
    """The input is not an amount of the currency. The message describes a valid one."""


@dataclass(frozen=True)
class Money:
    """An amount in minor units of a currency (ISO 4217)."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """Convert without rounding. Raises NotMoney if the amount is not finite, or has too many decimals."""
        scaled = amount.scaleb(_decimals(currency)) if amount.is_finite() else Decimal("NaN")
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise NotMoney(f"must be {_an_amount_of(currency)}")
        return cls(int(scaled), currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Parse a decimal text with at most the currency's number of places. Raises NotMoney."""
        if not _DECIMAL.fullmatch(text) or len(text.partition(".")[2]) > _decimals(currency):
            raise NotMoney(f"must be {_an_amount_of(currency)}")
        return cls.of(Decimal(text), currency)

    @classmethod
    def kept(cls, amount: Decimal, currency: str) -> Money:
        """Convert an amount from a store, with rounding.

        Old rows may have more decimals than the currency ("29.99" JPY). Such an amount was never payable, so rounding
        it is safe.
        """
        unit = Decimal(1).scaleb(-_decimals(currency))
        return cls.of(amount.quantize(unit, ROUND_HALF_UP), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount with the currency's number of places: Decimal("59.98")."""
        return Decimal(self.minor).scaleb(-_decimals(self.currency))

    @property
    def text(self) -> str:
        """`decimal` as text: "59.98"."""
        return f"{self.decimal:f}"

    def __str__(self) -> str:
        return f"{self.text} {self.currency}"


def exactly(number: float) -> Decimal:
    """The decimal that the sender wrote as this double. Raises NotMoney if it is not finite.

    It is the shortest decimal that parses to the same double: 29.99 for the double nearest to 29.99.
    """
    if not math.isfinite(number):
        raise NotMoney("must be a finite number")
    return Decimal(repr(number + 0.0))  # -0.0 is 0.0


def currency_problem(currency: str) -> str | None:
    """Why nothing can be sold in this currency. None: it is valid."""
    if currency in CURRENCIES:
        return None
    return "must be a currency that can be charged (ISO 4217), such as USD, EUR or JPY"


def part_problem(amount: Money) -> str | None:
    """Why the amount is invalid as a price or a refund. None: it is valid.

    An amount below the minimum charge is valid: an order may have several items.
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
    """Why the amount cannot be charged. None: it can."""
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
