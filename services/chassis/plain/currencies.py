"""Currencies: their decimals, and the amounts that can be charged.

All services use this table, so that catalog, orders and payments apply the same rules. The limits are Stripe's for card
payments (https://docs.stripe.com/currencies); another provider needs another table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_MOST_DIGITS = 12
"""The provider's limit: digits of an amount, in the provider's unit."""


@dataclass(frozen=True)
class Currency:
    """A currency. Amounts are in its minor unit: cents, yen, fils."""

    code: str
    """ISO 4217."""
    decimals: int
    """Places after the point: 2 for USD, 0 for JPY, 3 for KWD."""
    step: int
    """Each charge or refund is a multiple of this."""
    least: int
    """The smallest charge."""
    most: int
    """The largest charge."""


_TWO_DECIMALS = """
    USD AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC
    CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT
    LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
    QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UYU UZS WST XCD YER ZAR
    ZMW
"""
"""HUF and TWD have no decimals in payouts only; charges have them."""
_NO_DECIMALS = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_NO_DECIMALS_IN_HUNDREDTHS = "ISK UGX"
"""Whole amounts only. The provider still counts hundredths, so two digits fewer remain for the amount."""
_THREE_DECIMALS = "BHD JOD KWD OMR TND"
"""The last digit must be 0: card networks use two decimals."""

_LEAST = {
    code: least
    for least, codes in {
        30: "GBP",
        50: "USD ARS AUD BRL CAD CHF COP EUR IDR ILS INR JPY KRW NZD PHP RUB SGD ZAR",
        200: "AED MYR PLN RON",
        250: "DKK",
        300: "NOK SEK",
        400: "HKD",
        1_000: "MXN THB",
        1_500: "CZK",
        17_500: "HUF",
    }.items()
    for code in codes.split()
}
"""The documented minimum charges. For other currencies the minimum depends on the account's currency and the day's
exchange rate; only the provider knows it."""


def _table() -> Mapping[str, Currency]:
    kinds = (
        (_TWO_DECIMALS, 2, 1, 0),
        (_NO_DECIMALS, 0, 1, 0),
        (_NO_DECIMALS_IN_HUNDREDTHS, 0, 1, 2),
        (_THREE_DECIMALS, 3, 10, 0),
    )
    return MappingProxyType(
        {
            code: Currency(
                code, decimals, step, _LEAST.get(code, step), (10 ** (_MOST_DIGITS - lost) - 1) // step * step
            )
            for codes, decimals, step, lost in kinds
            for code in codes.split()
        }
    )


CURRENCIES = _table()
"""By code."""
