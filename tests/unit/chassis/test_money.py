"""Money is exact: what was written is what is kept, to the currency's last decimal, or it is refused."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.chassis.plain import money
from services.chassis.plain.currencies import CURRENCIES
from services.chassis.plain.money import Money, NotMoney

CODES = st.sampled_from(sorted(CURRENCIES))
AMOUNTS = st.builds(Money, st.integers(0, 999_999_999_999), CODES)
BY_DECIMALS = {"JPY": 0, "ISK": 0, "UGX": 0, "USD": 2, "HUF": 2, "TWD": 2, "KWD": 3, "BHD": 3, "TND": 3}


@given(AMOUNTS)
def test_text_and_back(amount: Money) -> None:
    assert Money.parse(amount.text, amount.currency) == amount


@given(AMOUNTS)
def test_a_decimal_and_back(amount: Money) -> None:
    assert Money.of(amount.decimal, amount.currency) == amount
    assert Money.kept(amount.decimal, amount.currency) == amount


@given(AMOUNTS)
def test_a_double_that_was_written_with_the_currencys_decimals_is_exact(amount: Money) -> None:
    assert Money.of(money.exactly(float(amount.text)), amount.currency) == amount


@given(AMOUNTS)
def test_text_has_the_currencys_own_number_of_decimals(amount: Money) -> None:
    decimals = CURRENCIES[amount.currency].decimals
    assert re.fullmatch(r"[0-9]+" + (rf"\.[0-9]{{{decimals}}}" if decimals else ""), amount.text)


@given(st.floats(), CODES)
def test_a_double_is_exact_or_refused(number: float, currency: str) -> None:
    try:
        amount = Money.of(money.exactly(number), currency)
    except NotMoney:
        decimals = CURRENCIES[currency].decimals
        assert not math.isfinite(number) or round(Decimal(repr(number)), decimals) != Decimal(repr(number))
    else:
        assume(abs(number) < 1e15)
        assert float(amount.text) == number


@given(st.text(), CODES)
def test_any_text_is_an_amount_or_not_money(text: str, currency: str) -> None:
    try:
        amount = Money.parse(text, currency)
    except NotMoney:
        return
    assert Decimal(text) == amount.decimal


@given(AMOUNTS)
def test_what_can_be_charged_is_within_the_currencys_bounds(amount: Money) -> None:
    currency = CURRENCIES[amount.currency]
    within = currency.least <= amount.minor <= currency.most and amount.minor % currency.step == 0
    assert (money.charge_problem(amount) is None) == within


@pytest.mark.parametrize(("code", "decimals"), BY_DECIMALS.items())
def test_how_many_decimals_a_currency_has(code: str, decimals: int) -> None:
    assert CURRENCIES[code].decimals == decimals


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(0, "USD"), "0.00"),
        (Money(5, "USD"), "0.05"),
        (Money(-5, "USD"), "-0.05"),
        (Money(5998, "USD"), "59.98"),
        (Money(1000, "JPY"), "1000"),
        (Money(1250, "KWD"), "1.250"),
        (Money(14_395_200_000_00, "IDR"), "14395200000.00"),
    ],
)
def test_is_formatted_with_the_currencys_decimals(amount: Money, text: str) -> None:
    assert (amount.text, str(amount)) == (text, f"{text} {amount.currency}")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("59.98", Money(5998, "USD")),
        ("59.9", Money(5990, "USD")),
        ("59", Money(5900, "USD")),
        ("007", Money(700, "USD")),
        ("1000", Money(1000, "JPY")),
        ("1.25", Money(1250, "KWD")),
        ("1.255", Money(1255, "KWD")),
    ],
)
def test_reads_up_to_as_many_places(text: str, amount: Money) -> None:
    assert Money.parse(text, amount.currency) == amount


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "1.234", "1e2", "0x10", "0X1P4", "+1", "-1", " 1", "1\n", "1,00", "1_0", "NaN", "inf", "١"],
)
def test_refuses_what_is_no_decimal(text: str) -> None:
    with pytest.raises(NotMoney):
        Money.parse(text, "USD")


@pytest.mark.parametrize(
    ("number", "currency", "why"),
    [
        (29.999, "USD", "at most two decimals, such as 29.99"),
        (1e-9, "USD", "at most two decimals"),
        (29.99, "JPY", "a whole amount of JPY, such as 1000"),
        (1.2555, "KWD", "at most three decimals, such as 29.990"),
        (math.nan, "USD", "finite"),
        (math.inf, "USD", "finite"),
    ],
)
def test_names_the_right_form(number: float, currency: str, why: str) -> None:
    with pytest.raises(NotMoney, match=why):
        Money.of(money.exactly(number), currency)


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        (Money(49, "USD"), "must be at least 0.50 USD"),
        (Money(50, "USD"), None),
        (Money(49, "JPY"), "must be at least 50 JPY"),
        (Money(0, "USD"), "must be more than 0"),
        (Money(1_000_000_000_000, "USD"), "must be at most 9999999999.99 USD"),
        (Money(1255, "KWD"), "must be a multiple of 0.010 KWD"),
        (Money(1250, "KWD"), None),
        (Money(10_000_000_000, "ISK"), "must be at most 9999999999 ISK"),
        (Money(100, "XXX"), "must be in a currency that can be charged: XXX cannot"),
    ],
)
def test_names_the_reason_why_an_amount_cannot_be_charged(amount: Money, problem: str | None) -> None:
    assert money.charge_problem(amount) == problem


def test_a_part_of_a_charge_may_be_less_than_a_charge() -> None:
    assert money.part_problem(Money(1, "USD")) is None
    assert money.part_problem(Money(5, "KWD")) == "must be a multiple of 0.010 KWD"


@pytest.mark.parametrize(
    ("kept", "currency", "amount"),
    [("29.99", "USD", 2999), ("1000.00", "JPY", 1000), ("29.99", "JPY", 30), ("1.25", "KWD", 1250)],
)
def test_what_was_kept_before_currencies_had_their_decimals_is_read(kept: str, currency: str, amount: int) -> None:
    assert Money.kept(Decimal(kept), currency).minor == amount


def test_the_double_that_is_a_hair_off_is_what_was_meant() -> None:
    a_hair_off = 29.99
    assert Decimal(a_hair_off) != Decimal("29.99")
    assert money.exactly(a_hair_off) == Decimal("29.99")
