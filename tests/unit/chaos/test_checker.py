"""The checker finds in a record what must not be there: each kind of lie once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos import checker, layout
from tests.chaos.plan import Fault, Kind
from tests.chaos.record import Exchange
from tests.support.facts import Facts
from tests.support.real_stack import RealStack

ORDERED = Exchange("ada", "POST", "/orders", "key-1", {}, 1.0, 2.0, 201, {"id": "order-1"})
READ = Exchange("ada", "GET", "/orders/order-1", None, None, 3.0, 4.0, 200, {"id": "order-1", "status": "confirmed"})


def facts(*orders: str, payments: tuple[str, ...] = (), charged: tuple[tuple[str, int], ...] = ()) -> Facts:
    found: Any = SimpleNamespace(
        orders=dict.fromkeys(orders),
        payments=[SimpleNamespace(id=payment) for payment in payments],
        charged=[SimpleNamespace(order_id=order, captured=amount) for order, amount in charged],
    )
    return cast(Facts, found)


def test_a_true_record_is_clean() -> None:
    again = replace(ORDERED, asked_at=2.5, answered_at=3.0)
    paid = Exchange("ada", "POST", "/payments", "key-2", {}, 4.0, 5.0, 201, {"paymentId": "payment-1"})
    assert checker.broken([ORDERED, again, READ, paid], facts("order-1", payments=("payment-1",))) == []


def test_an_answered_order_that_is_lost_is_found() -> None:
    assert checker.broken([ORDERED], facts()) == ["order order-1 was answered with 201 and is not there"]


def test_an_answered_payment_that_is_lost_is_found() -> None:
    paid = Exchange("ada", "POST", "/payments", "key-2", {}, 4.0, 5.0, 201, {"paymentId": "payment-1"})
    assert checker.broken([paid], facts()) == ["payment payment-1 was answered with 201 and is not there"]


def test_a_refused_order_that_is_there_is_found() -> None:
    refused = replace(ORDERED, status=400, answer={"code": 9})
    assert checker.broken([refused], facts("order-2")) == ["1 orders are there, and 0 were asked for and not refused"]


def test_an_unanswered_order_may_be_there_or_not() -> None:
    unanswered = replace(ORDERED, status=0, answer={})
    assert checker.broken([unanswered], facts("order-2")) == []
    assert checker.broken([unanswered], facts()) == []


def test_a_repeat_with_another_answer_is_found() -> None:
    other = replace(ORDERED, answer={"id": "order-2"})
    wrong = checker.broken([ORDERED, other], facts("order-1", "order-2"))
    assert "POST /orders under key-1 was answered with order-1, then with order-2" in wrong


def test_a_read_that_goes_back_in_time_is_found() -> None:
    later = replace(READ, asked_at=5.0, answered_at=6.0, answer={"id": "order-1", "status": "pending"})
    assert checker.broken([ORDERED, READ, later], facts("order-1")) == [
        "ada saw /orders/order-1 as confirmed, then as pending"
    ]
    at_once = replace(later, asked_at=3.5)
    assert checker.broken([ORDERED, READ, at_once], facts("order-1")) == []


def test_an_internal_error_is_found() -> None:
    failed = replace(READ, status=500, answer={"code": 13})
    assert checker.broken([ORDERED, failed], facts("order-1")) == [
        "ada: GET /orders/order-1 was answered with 500: {'code': 13}"
    ]


def test_an_order_that_was_charged_twice_is_found() -> None:
    assert checker.broken([ORDERED], facts("order-1", charged=(("order-1", 5), ("order-1", 0)))) == []
    twice = facts("order-1", charged=(("order-1", 5), ("order-1", 5)))
    assert checker.broken([ORDERED], twice) == ["order order-1 was charged 2 times"]


@pytest.mark.parametrize(
    ("faults", "sound"),
    [
        ((), False),
        ((Fault(Kind.STRIPE_SLOW, "stripe", 1.0, 9.0),), False),
        ((Fault(Kind.KILL, "mail", 1.0, 0.0),), False),
        ((Fault(Kind.KILL, "stripe", 1.0, 0.0),), True),
        ((Fault(Kind.HALF_OPEN, "payment-stripe", 1.0, 9.0),), True),
    ],
)
def test_a_breaker_that_opened_before_a_party_that_answered_is_found(
    tmp_path: Path, faults: tuple[Fault, ...], sound: bool
) -> None:
    for instance in layout.INSTANCES:
        (tmp_path / f"{instance}.log").write_text("a line that is no JSON\n")
    line = {"time": "2026-11-29T06:54:21.799+00:00", "event": "circuit_opened", "party": "stripe"}
    (tmp_path / "payment-2.log").write_text(json.dumps(line, separators=(",", ":")) + "\n")
    stack = cast(RealStack, SimpleNamespace(stack=SimpleNamespace(logs=tmp_path)))
    since = datetime(2026, 11, 29, tzinfo=UTC)
    found = ["payment-2: the circuit breaker before stripe opened, and stripe answered all the time"]
    assert checker.opened_without_cause(stack, faults, since) == ([] if sound else found)
    assert checker.opened_without_cause(stack, faults, since + timedelta(days=1)) == []
