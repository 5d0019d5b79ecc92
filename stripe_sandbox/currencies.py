"""Stripe's presentment currencies, their minor units, and the bounds of amounts.

Source: https://docs.stripe.com/currencies
"""

CURRENCIES = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
    clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils
    inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk
    mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp
    sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
    """.split()
)

LARGEST_AMOUNT = 999_999_999_999
"""Twelve digits in every currency: the limit of most cards."""

_NO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THREE_DECIMALS = frozenset("bhd jod kwd omr tnd".split())
_MULTIPLES = {**dict.fromkeys(_THREE_DECIMALS, 10), "isk": 100, "ugx": 100}
"""isk and ugx have no fractions any more, but Stripe still counts them in hundredths."""

_SMALLEST = {
    **dict.fromkeys("usd ars aud brl cad chf cop eur idr ils inr jpy krw nzd php rub sgd zar".split(), 50),
    **dict.fromkeys("aed myr pln ron".split(), 200),
    **dict.fromkeys("nok sek".split(), 300),
    **dict.fromkeys("mxn thb".split(), 1_000),
    "gbp": 30,
    "dkk": 250,
    "hkd": 400,
    "czk": 1_500,
    "huf": 17_500,
}


def decimals(currency: str) -> int:
    """The number of decimal places of the minor unit."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def smallest_amount(currency: str) -> int:
    """The smallest amount in minor units; 1 for currencies that Stripe's table does not list."""
    return _SMALLEST.get(currency, 1)


def multiple(currency: str) -> int:
    """The number that an amount must be a multiple of."""
    return _MULTIPLES.get(currency, 1)
