"""The rules find in a record what must not be there: each kind of lie once."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from tests.chaos import record_rules
from tests.chaos.record import Exchange
from tests.support.facts import Facts

ORDERED = Exchange("ada", "POST", "/orders", "key-1", {}, 1.0, 2.0, 201, {"id": "order-1"})
READ = Exchange("ada", "GET", "/orders/order-1", None, None, 3.0, 4.0, 200, {"id": "order-1", "status": "confirmed"})


def facts(*orders: str, payments: tuple[str, ...] = ()) -> Facts:
    found: Any = SimpleNamespace(
        orders=dict.fromkeys(orders), payments=[SimpleNamespace(id=payment) for payment in payments]
    )
    return cast(Facts, found)


def test_a_true_record_is_clean() -> None:
    again = replace(ORDERED, asked_at=2.5, answered_at=3.0)
    paid = Exchange("ada", "POST", "/payments", "key-2", {}, 4.0, 5.0, 201, {"paymentId": "payment-1"})
    assert record_rules.broken([ORDERED, again, READ, paid], facts("order-1", payments=("payment-1",))) == []


def test_an_answered_order_that_is_lost_is_found() -> None:
    assert record_rules.broken([ORDERED], facts()) == ["order order-1 was answered with 201 and is not there"]


def test_an_answered_payment_that_is_lost_is_found() -> None:
    paid = Exchange("ada", "POST", "/payments", "key-2", {}, 4.0, 5.0, 201, {"paymentId": "payment-1"})
    assert record_rules.broken([paid], facts()) == ["payment payment-1 was answered with 201 and is not there"]


def test_a_refused_order_that_is_there_is_found() -> None:
    refused = replace(ORDERED, status=400, answer={"code": 9})
    assert record_rules.broken([refused], facts("order-2")) == [
        "1 orders are there, and 0 were asked for and not refused"
    ]


def test_an_order_of_somebody_whose_requests_are_not_recorded_may_be_there() -> None:
    assert record_rules.broken([], facts("order-2"), beside=1) == []
    assert record_rules.broken([], facts("order-2", "order-3"), beside=1) == [
        "2 orders are there, and 1 were asked for and not refused"
    ]


def test_an_unanswered_order_may_be_there_or_not() -> None:
    unanswered = replace(ORDERED, status=0, answer={})
    assert record_rules.broken([unanswered], facts("order-2")) == []
    assert record_rules.broken([unanswered], facts()) == []


def test_a_repeat_with_another_answer_is_found() -> None:
    other = replace(ORDERED, answer={"id": "order-2"})
    wrong = record_rules.broken([ORDERED, other], facts("order-1", "order-2"))
    assert "POST /orders under key-1 was answered with order-1, then with order-2" in wrong


def test_a_read_that_goes_back_in_time_is_found() -> None:
    later = replace(READ, asked_at=5.0, answered_at=6.0, answer={"id": "order-1", "status": "pending"})
    assert record_rules.broken([ORDERED, READ, later], facts("order-1")) == [
        "ada saw /orders/order-1 as confirmed, then as pending"
    ]
    at_once = replace(later, asked_at=3.5)
    assert record_rules.broken([ORDERED, READ, at_once], facts("order-1")) == []


def test_an_internal_error_is_found() -> None:
    failed = replace(READ, status=500, answer={"code": 13})
    assert record_rules.broken([ORDERED, failed], facts("order-1")) == [
        "ada: GET /orders/order-1 was answered with 500: {'code': 13}"
    ]
