"""Money is exact: what was written is what is kept, to the cent, or it is refused."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import money

MINOR = st.integers(-money.MAX_MINOR, money.MAX_MINOR)


@given(MINOR)
def test_text_and_back(minor: int) -> None:
    assert money.from_text(money.to_text(minor)) == minor


@given(MINOR)
def test_decimal_and_back(minor: int) -> None:
    assert money.from_decimal(money.to_decimal(minor)) == minor


@given(MINOR)
def test_a_double_that_was_written_with_two_decimals_is_exact(minor: int) -> None:
    assert money.from_double(float(money.to_text(minor))) == minor


@given(st.floats())
def test_a_double_is_exact_or_refused(amount: float) -> None:
    try:
        minor = money.from_double(amount)
    except money.NotMoney:
        within = math.isfinite(amount) and abs(amount) <= money.MAX_MINOR / 100
        assert not within or round(Decimal(repr(amount)), 2) != Decimal(repr(amount))
    else:
        assert float(money.to_text(minor)) == amount


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_a_decimal_is_exact_or_refused(amount: Decimal) -> None:
    try:
        minor = money.from_decimal(amount)
    except money.NotMoney:
        return
    assert money.to_decimal(minor) == amount


@given(st.text())
def test_any_text_is_an_amount_or_not_money(text: str) -> None:
    try:
        minor = money.from_text(text)
    except money.NotMoney:
        return
    assert Decimal(text) == money.to_decimal(minor)


@pytest.mark.parametrize(
    ("minor", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (5998, "59.98"), (-100, "-1.00"), (123456, "1234.56")]
)
def test_is_told_with_two_places(minor: int, text: str) -> None:
    assert money.to_text(minor) == text


@pytest.mark.parametrize(
    ("text", "minor"), [("59.98", 5998), ("59.9", 5990), ("59", 5900), ("-0.05", -5), ("007", 700)]
)
def test_reads_up_to_two_places(text: str, minor: int) -> None:
    assert money.from_text(text) == minor


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1.234", "1e2", "+1", " 1", "1\n", "1,00", "--1", "NaN", "١", "100000000.00"]
)
def test_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(money.NotMoney):
        money.from_text(text)


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        (29.999, "more than two decimal places"),
        (1e-9, "more than two decimal places"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (1e8, "at most 99999999.99"),
        (1e300, "at most"),
    ],
)
def test_says_what_would_be_right(amount: float, why: str) -> None:
    with pytest.raises(money.NotMoney, match=why):
        money.from_double(amount)


def test_the_double_that_is_a_hair_off_is_what_was_meant() -> None:
    a_hair_off = 29.99
    assert Decimal(a_hair_off) != Decimal("29.99")
    assert money.from_double(a_hair_off) == 2999
