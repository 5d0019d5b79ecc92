"""The invariants, counted."""

from dataclasses import replace

from playground.acts.counting import Counted, lines

CONFIRMED = Counted("confirmed", charges=1, kept=2999, mails=1)
CANCELLED = Counted("cancelled", charges=0, kept=0, mails=0)


def counts(*orders: Counted, differences: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    return [(one.good, one.of) for one in lines(orders, differences)][:4]


def test_all_is_true_of_what_went_well() -> None:
    assert all(one.ok for one in lines([CONFIRMED, CANCELLED, CONFIRMED], []))
    assert counts(CONFIRMED, CANCELLED, CONFIRMED) == [(3, 3), (2, 2), (1, 1), (2, 2)]


def test_an_order_that_still_waits_is_counted_as_one() -> None:
    assert counts(CONFIRMED, replace(CANCELLED, status="pending"))[0] == (1, 2)


def test_a_second_charge_is_counted() -> None:
    assert counts(replace(CONFIRMED, charges=2))[1] == (0, 1)


def test_a_confirmed_order_without_a_charge_is_counted() -> None:
    assert counts(replace(CONFIRMED, charges=0))[1] == (0, 1)


def test_money_kept_for_a_cancelled_order_is_counted() -> None:
    assert counts(replace(CANCELLED, kept=1))[2] == (0, 1)


def test_a_missing_or_second_mail_is_counted() -> None:
    assert counts(replace(CONFIRMED, mails=0), replace(CONFIRMED, mails=2))[3] == (0, 2)


def test_a_service_that_differs_is_named() -> None:
    last = lines([], ["payment: stripe_differs pi_1", "payment: stripe_differs pi_2"])[-1]
    assert (last.of - last.good, last.ok) == (1, False)
    assert "pi_1" in last.hint
