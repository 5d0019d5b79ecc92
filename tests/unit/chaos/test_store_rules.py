"""The rules find in the stores what must not be there: each kind of it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import store_rules
from tests.chaos.record import Exchange
from tests.chaos.stores import Line, Move, Stores, refund_lines

OPENED = Move("p", "opening", 5, 0, 5, 0)
HELD = Move("p", "reserve", 0, 2, 5, 2)
ADDED = Move("p", "adjust", 3, 0, 8, 2)
REFUND = Line("re_1", "refund", Decimal("1.00"))
DISPUTE = Line("txn_1", "dispute", Decimal("29.99"))
SOUND = Stores(
    moves=[OPENED, HELD, ADDED],
    booked=[REFUND, DISPUTE],
    moved=[DISPUTE, REFUND],
    refunds=frozenset({"refund-1"}),
    stranded={},
    written=[("event-1", "order_confirmed")],
    pending=[],
)
RESTOCKED = Exchange("staff", "POST", "/products/p/stock", "key-1", {"delta": 3}, 1.0, 2.0, 201, {"id": "7"})
REFUNDED = Exchange("staff", "POST", "/payments/payment-1/refunds", "key-2", {}, 1.0, 2.0, 201, {"id": "refund-1"})
RECORD = [RESTOCKED, REFUNDED]

_ORDER: Any = SimpleNamespace(id="order-1", user_id="ada")
_PAYMENT: Any = SimpleNamespace(id="payment-1", order_id="order-1")
FOUND: Any = SimpleNamespace(orders={"order-1": _ORDER}, payments=[_PAYMENT], gone=frozenset(), charged=[])


def broken(stores: Stores, record: list[Exchange] = RECORD, found: Any = FOUND) -> list[str]:
    return store_rules.broken(stores, record, found, {"p": 0})


def test_sound_stores_are_not_accused() -> None:
    assert broken(SOUND) == []


WRONG: dict[str, Callable[[], Stores]] = {
    "p: after reserve 1 were on hand, and 2 held": lambda: replace(
        SOUND,
        moves=[Move("p", "opening", 1, 0, 1, 0), Move("p", "reserve", 0, 2, 1, 2), Move("p", "adjust", 3, 0, 4, 2)],
    ),
    "p: after release 8 were on hand, and -1 held": lambda: replace(
        SOUND, moves=[*SOUND.moves, Move("p", "release", 0, -3, 8, -1)]
    ),
    "p: commit made (6, 1) of (8, 2)": lambda: replace(SOUND, moves=[*SOUND.moves, Move("p", "commit", -2, -2, 6, 1)]),
    "p: staff were answered 3 to 3, and the stock was changed by 0": lambda: replace(SOUND, moves=[OPENED, HELD]),
    "p: staff were answered 3 to 3, and the stock was changed by 6": lambda: replace(
        SOUND, moves=[*SOUND.moves, Move("p", "adjust", 3, 0, 11, 2)]
    ),
    "refund of 1.00 under re_1 is at Stripe, and not booked": lambda: replace(SOUND, booked=[DISPUTE]),
    "refund of 1.00 under re_1 is booked, and not at Stripe": lambda: replace(SOUND, moved=[DISPUTE]),
    "dispute of 29.98 under txn_1 is booked, and not at Stripe": lambda: replace(
        SOUND, booked=[REFUND, replace(DISPUTE, amount=Decimal("29.98"))]
    ),
    "refund refund-1 was answered with 201 and is not there": lambda: replace(SOUND, refunds=frozenset()),
    "event event-1 has 2 messages of type order_confirmed": lambda: replace(
        SOUND, written=[("event-1", "order_confirmed")] * 2
    ),
    "inventory: hold of stock order-1 still waits": lambda: replace(
        SOUND, pending=["inventory: hold of stock order-1"]
    ),
}


@pytest.mark.parametrize(("sentence", "wrong"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_found(sentence: str, wrong: Callable[[], Stores]) -> None:
    assert sentence in broken(wrong())


def test_what_waits_for_somebody_who_has_left_is_named() -> None:
    left = SimpleNamespace(**{**vars(FOUND), "gone": frozenset({"ada"})})
    for what in ("inventory: hold of stock order-1", "payment: payment without an outcome payment-1"):
        assert broken(replace(SOUND, pending=[what]), found=left) == [f"{what} still waits, for ada, who has left"]


def test_a_change_of_stock_that_was_never_answered_may_be_there_or_not() -> None:
    lost = replace(RESTOCKED, key="key-3", status=0, answer={})
    assert broken(SOUND, [*RECORD, lost]) == []
    assert broken(replace(SOUND, moves=[*SOUND.moves, Move("p", "adjust", 3, 0, 11, 2)]), [*RECORD, lost]) == []
    refused = replace(lost, status=400)
    assert broken(SOUND, [*RECORD, refused, refused]) == []


def test_a_refund_moves_money_out_and_back_again_when_it_bounces() -> None:
    made = {"id": "re_1", "amount": 100, "currency": "usd", "status": "succeeded"}
    assert refund_lines(made) == [REFUND]
    bounced = {**made, "status": "failed", "failure_balance_transaction": "txn_2"}
    assert refund_lines(bounced) == [REFUND, replace(REFUND, entry="refund_reversal")]
    assert refund_lines({**made, "status": "pending"}) == []


def test_an_order_that_was_charged_twice_is_found() -> None:
    taken, tried = (SimpleNamespace(order_id="order-1", captured=amount) for amount in (5, 0))
    once = SimpleNamespace(**{**vars(FOUND), "charged": [taken, tried]})
    assert broken(SOUND, found=once) == []
    twice = SimpleNamespace(**{**vars(FOUND), "charged": [taken, tried, taken]})
    assert broken(SOUND, found=twice) == ["order order-1 was charged 2 times"]
