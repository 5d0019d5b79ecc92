"""Pricing lines, and what the steps of reservations do to stock."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.chassis.plain.money import Money
from services.inventory.domain.products import PriceRefused, Product, price_of
from services.inventory.domain.reservations import (
    Line,
    LinesRefused,
    OutOfStock,
    PricedLine,
    ReleaseReason,
    ReservationEnded,
    Status,
    commit,
    price,
    quantities,
    release,
    same_lines,
)
from services.inventory.domain.stock import (
    HOLD,
    MOST_ON_HAND,
    AdjustmentRefused,
    Effect,
    Level,
    has_run_low,
    require_adjustable,
)

CATALOG = {
    "bell": Product("bell", "Bell", "", Money(8900, "USD"), available=5),
    "chart": Product("chart", "Chart", "", Money(1250, "USD"), available=3),
    "amphora": Product("amphora", "Amphora", "", Money(6420, "EUR"), available=9),
    "tea": Product("tea", "Tea", "", Money(980, "JPY"), available=9),
    "pearl": Product("pearl", "Pearl", "", Money(1250, "KWD"), available=9),
    "pin": Product("pin", "Pin", "", Money(10, "USD"), available=9),
    "ship": Product("ship", "Ship", "", Money(600_000_000_000, "USD"), available=9),
    "token": Product("token", "Token", "", Money(1000, "XXX"), available=9),
}


def test_lines_get_the_catalogs_prices_in_the_order_asked_for() -> None:
    assert price([Line("chart", 2), Line("bell", 1, Decimal(89))], CATALOG) == [
        PricedLine("chart", 2, Money(1250, "USD")),
        PricedLine("bell", 1, Money(8900, "USD")),
    ]


def test_everything_that_does_not_fit_the_catalog_is_named_at_once() -> None:
    with pytest.raises(LinesRefused) as refused:
        price([Line("sail", 1), Line("bell", 1, Decimal("88.99")), Line("chart", 1)], CATALOG)
    assert refused.value.violations == [
        ("items[0].productId", "must be the id of a product in the catalog"),
        ("items[1].price", "must be the current price, 89.00 USD, or be left out"),
    ]


def test_one_order_has_one_currency() -> None:
    with pytest.raises(LinesRefused) as refused:
        price([Line("bell", 1), Line("amphora", 1)], CATALOG)
    assert [field for field, _ in refused.value.violations] == ["items[1].productId"]


def test_prices_have_their_currencys_own_decimals() -> None:
    assert price([Line("tea", 2, Decimal(980))], CATALOG) == [PricedLine("tea", 2, Money(980, "JPY"))]
    assert price([Line("pearl", 1, Decimal("1.25"))], CATALOG) == [PricedLine("pearl", 1, Money(1250, "KWD"))]
    for line, reason in (
        (Line("tea", 1, Decimal("9.80")), "980 JPY"),
        (Line("pearl", 1, Decimal("12.5")), "1.250 KWD"),
    ):
        with pytest.raises(LinesRefused, match=reason):
            price([line], CATALOG)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([Line("pin", 4)], "0.40 USD must be at least 0.50 USD"),
        ([Line("pin", 2), Line("pin", 2)], "0.40 USD must be at least 0.50 USD"),
        ([Line("ship", 2)], "12000000000.00 USD must be at most 9999999999.99 USD"),
        ([Line("token", 1)], "XXX"),
    ],
)
def test_what_comes_to_less_or_more_than_can_be_charged_is_no_order(lines: list[Line], reason: str) -> None:
    with pytest.raises(LinesRefused) as refused:
        price(lines, CATALOG)
    ((field, why),) = refused.value.violations
    assert field == "items"
    assert reason in why
    price([Line("pin", 5)], CATALOG)


@pytest.mark.parametrize(
    ("amount", "currency", "field", "reason"),
    [
        ("1.00", "XXX", "currency", "such as USD"),
        ("9.80", "JPY", "price", "a whole amount of JPY"),
        ("9.801", "USD", "price", "at most two decimals"),
        ("1.255", "KWD", "price", "a multiple of 0.010 KWD"),
        ("1.2555", "KWD", "price", "at most three decimals"),
        ("0", "USD", "price", "more than 0"),
        ("10000000000", "USD", "price", "at most 9999999999.99 USD"),
    ],
)
def test_nothing_is_sold_at_a_price_that_cannot_be_charged(amount: str, currency: str, field: str, reason: str) -> None:
    with pytest.raises(PriceRefused) as refused:
        price_of(Decimal(amount), currency)
    ((named, why),) = refused.value.violations
    assert (named, reason in why) == (field, True)


def test_lines_of_one_product_count_together() -> None:
    assert quantities([Line("bell", 3), Line("chart", 1), Line("bell", 2)]) == {"bell": 5, "chart": 1}
    price([Line("bell", 3), Line("bell", 2)], CATALOG)
    with pytest.raises(OutOfStock) as short:
        price([Line("bell", 3), Line("chart", 1), Line("bell", 3)], CATALOG)
    assert [field for field, _ in short.value.violations] == ["items[0].quantity", "items[2].quantity"]
    assert "5" in short.value.violations[0][1]


def test_a_repeat_must_ask_for_the_same_lines() -> None:
    reserved = [PricedLine("bell", 1, Money(8900, "USD")), PricedLine("chart", 2, Money(1250, "USD"))]
    assert same_lines([Line("bell", 1), Line("chart", 2, Decimal(1))], reserved)
    assert not same_lines([Line("chart", 2), Line("bell", 1)], reserved)
    assert not same_lines([Line("bell", 1)], reserved)


def test_a_cancelled_order_cannot_be_sold_to() -> None:
    with pytest.raises(ReservationEnded):
        commit(Status.RELEASED, ReleaseReason.CANCELLED)


class OneReservation(RuleBasedStateMachine):
    """Whatever happens to a reservation in whatever order, its stock is held once, sold once or back whole."""

    def __init__(self) -> None:
        super().__init__()
        self.status = Status.HELD
        self.reason: ReleaseReason | None = None
        self.on_hand, self.held = 10, 0
        self.do(HOLD)

    def do(self, effect: Effect | None) -> None:
        if effect is not None:
            self.on_hand += effect.on_hand
            self.held += effect.held

    @rule()
    def commits(self) -> None:
        try:
            self.do(commit(self.status, self.reason))
        except ReservationEnded:
            assert self.reason is ReleaseReason.CANCELLED
            return
        self.status, self.reason = Status.COMMITTED, None

    @rule(reason=st.sampled_from(ReleaseReason))
    def releases(self, reason: ReleaseReason) -> None:
        effect = release(self.status)
        self.do(effect)
        if effect is not None:
            self.status, self.reason = Status.RELEASED, reason

    @invariant()
    def the_numbers_agree_with_the_status(self) -> None:
        expected = {Status.HELD: (10, 1), Status.COMMITTED: (9, 0), Status.RELEASED: (10, 0)}
        assert (self.on_hand, self.held) == expected[self.status]


TestOneReservation = OneReservation.TestCase


@pytest.mark.parametrize(
    ("on_hand", "held", "delta", "reason"),
    [
        (10, 3, -8, "must be at least -7: of 10 in stock, 3 are held for orders"),
        (10, 0, -11, "must be at least -10: 10 are in stock"),
        (0, 0, -1, "must be at least 1: 0 are in stock"),
        (MOST_ON_HAND - 5, 0, 6, f"must be at most 5: stock ends at {MOST_ON_HAND}"),
    ],
)
def test_an_impossible_adjustment_names_the_limit(on_hand: int, held: int, delta: int, reason: str) -> None:
    with pytest.raises(AdjustmentRefused) as refused:
        require_adjustable(on_hand, held, delta)
    assert refused.value.violations == [("delta", reason)]


@given(st.integers(0, 100), st.integers(0, 100), st.integers(-200, 200))
def test_whatever_is_adjusted_what_is_held_is_there(free: int, held: int, delta: int) -> None:
    try:
        require_adjustable(free + held, held, delta)
    except AdjustmentRefused:
        assert free + delta < 0
    else:
        assert free + held + delta >= held


@pytest.mark.parametrize(
    ("before", "after", "threshold", "low"),
    [
        (10, 9, 10, True),
        (11, 10, 10, False),
        (9, 8, 10, False),
        (9, 12, 10, False),
        (12, 0, 10, True),
        (5, 4, None, True),
        (6, 5, None, False),
        (1, 0, 0, False),
    ],
)
def test_a_product_runs_low_when_it_crosses_its_threshold(
    before: int, after: int, threshold: int | None, low: bool
) -> None:
    assert has_run_low(Level("bell", before, after, threshold), 5) is low
