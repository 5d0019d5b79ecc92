"""Customers who behave as they should."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from playground.acts import customers
from playground.acts.acting import ActFailed
from playground.acts.customers import Customer, Purchases

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(customers, "_POLL_SECONDS", 0.0)


def customer(answer: Answer, notes: list[str] | None = None) -> Customer:
    http = httpx.AsyncClient(base_url="http://edge/api/v1", transport=httpx.MockTransport(answer))
    return Customer(http, (notes if notes is not None else []).append)


async def test_a_request_without_an_answer_is_repeated_under_the_same_key() -> None:
    keys: list[str] = []
    notes: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        match len(keys):
            case 1:
                raise httpx.ReadError("the connection was cut", request=request)
            case 2:
                return httpx.Response(503, json={"code": 14, "message": "away"})
            case 3:
                return httpx.Response(409, json={"code": 10, "message": "under way"})
            case _:
                return httpx.Response(201, json={"status": "succeeded"})

    assert (await customer(answer, notes).pay("order", "pm_card_visa"))["status"] == "succeeded"
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert len(notes) == 1


async def test_each_request_has_a_key_of_its_own() -> None:
    keys: set[str] = set()

    def answer(request: httpx.Request) -> httpx.Response:
        keys.add(request.headers["idempotency-key"])
        return httpx.Response(201, json={"id": "x"})

    buyer = customer(answer)
    await buyer.order("prod-1", 1)
    await buyer.order("prod-1", 1)
    assert len(keys) == 2


async def test_a_conflict_that_is_no_race_is_final() -> None:
    buyer = customer(lambda _: httpx.Response(409, json={"code": 6, "message": "is there already"}))
    with pytest.raises(ActFailed, match="409 is there already"):
        await buyer.pay("order", "pm_card_visa")


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(ActFailed, match="no answer"):
        await customer(lambda _: httpx.Response(503)).pay("order", "pm_card_visa")


async def test_sold_out_is_an_answer_and_other_refusals_are_failures() -> None:
    refused = {"code": 9, "message": "no", "details": [{"reason": "OUT_OF_STOCK"}]}
    assert await customer(lambda _: httpx.Response(400, json=refused)).order("prod-1", 1) is None
    with pytest.raises(ActFailed, match="400 bad"):
        await customer(lambda _: httpx.Response(400, json={"code": 3, "message": "bad"})).order("prod-1", 1)


async def test_an_order_is_watched_to_its_end_over_failures() -> None:
    answers = [httpx.Response(503), httpx.Response(200, json={"status": "pending"})]

    def answer(request: httpx.Request) -> httpx.Response:
        if answers:
            return answers.pop(0)
        return httpx.Response(200, json={"status": "confirmed"})

    assert await customer(answer).ended("x", 60) == "confirmed"
    assert await customer(lambda _: httpx.Response(200, json={"status": "pending"})).ended("x", 0.1) == "pending"


def test_only_the_last_purchases_are_remembered() -> None:
    purchases = Purchases()
    for number in range(600):
        purchases.add(str(number), "ada@example.com")
    assert list(purchases.placed) == [str(number) for number in range(100, 600)]
