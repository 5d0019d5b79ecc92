"""Fees and refunds: exact to the minor unit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_sandbox import charges
from stripe_sandbox.charges import Charge, ChargeStatus, NotRefundable


def charge_of(amount: int, refunded: int = 0, status: ChargeStatus = ChargeStatus.SUCCEEDED) -> Charge:
    return Charge(
        id="ch_1",
        created=1,
        status=status,
        amount=amount,
        currency="usd",
        payment_intent="pi_1",
        payment_method="pm_1",
        token="pm_card_visa",
        authenticated=False,
        metadata={},
        amount_refunded=refunded,
    )


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(100, 33), (5_998, 204), (50, 31), (1_000, 59), (10_000, 320), (17, 30), (18, 31), (99_999_999, 2_900_030)],
)
def test_the_fee_is_2_9_percent_and_30_cents_rounded_half_up(amount: int, fee: int) -> None:
    assert charges.fee_on(amount) == fee


@settings(deadline=None)
@given(st.integers(1, 10_000), st.lists(st.none() | st.integers(1, 4_000), max_size=10))
def test_refunds_never_exceed_the_capture(amount: int, asked: list[int | None]) -> None:
    charge = charge_of(amount)
    for wish in asked:
        left = charges.refundable(charge)
        try:
            given_back = charges.amount_to_refund(charge, wish)
        except NotRefundable:
            assert left == 0 or (wish is not None and wish > left)
            continue
        assert given_back == (left if wish is None else wish)
        charge = charge.model_copy(update={"amount_refunded": charge.amount_refunded + given_back})
        assert 0 < charge.amount_refunded <= amount


def test_a_fully_refunded_charge_is_marked_refunded() -> None:
    with pytest.raises(NotRefundable) as caught:
        charges.amount_to_refund(charge_of(100, refunded=100), 1)
    assert caught.value.code == "charge_already_refunded"


def test_too_much_is_refused_with_both_amounts() -> None:
    with pytest.raises(NotRefundable, match=r"\$1\.01.*\$1\.00"):
        charges.amount_to_refund(charge_of(100), 101)


@pytest.mark.parametrize("status", [ChargeStatus.PENDING, ChargeStatus.FAILED])
def test_what_was_not_captured_cannot_be_refunded(status: ChargeStatus) -> None:
    with pytest.raises(NotRefundable):
        charges.amount_to_refund(charge_of(100, status=status), None)
