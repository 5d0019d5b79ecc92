"""What can be charged: Stripe's presentment currencies and their smallest amounts.

Source: https://docs.stripe.com/currencies
"""

CURRENCIES = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny
    cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd
    jpy kes kgs khr kmf krw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio
    nok npr nzd pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs top
    try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
    """.split()
)

LARGEST_AMOUNT = 99_999_999
"""Eight digits, whatever the currency."""

_SMALLEST = {"usd": 50, "eur": 50, "aud": 50, "cad": 50, "chf": 50, "gbp": 30, "jpy": 50, "sek": 300, "dkk": 250}


def smallest_amount(currency: str) -> int:
    """Minor units; 1 where Stripe's table is not followed."""
    return _SMALLEST.get(currency, 1)
