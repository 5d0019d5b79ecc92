"""What must hold of the record of all requests: what was answered is so, and stays so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.record import Exchange
from tests.support.facts import Facts

_RANK = {"pending": 0, "confirmed": 1, "shipped": 2, "delivered": 3, "cancelled": 4}

REFUSED = (400, 401, 403, 404)
"""Statuses of a request that has had no effect."""


def broken(exchanges: Sequence[Exchange], found: Facts, *, beside: int = 0) -> list[str]:
    """What of the record does not fit the stores, or itself, a sentence each.

    beside: how many orders were asked for by others, whose requests are not recorded.
    """
    return [
        *_answered_creates_are_there(exchanges, found),
        *_orders_were_asked_for(exchanges, found, beside),
        *_repeats_got_the_first_answer(exchanges),
        *_reads_never_go_back(exchanges),
        *_nothing_was_our_fault(exchanges),
    ]


def _answered_creates_are_there(exchanges: Sequence[Exchange], found: Facts) -> Iterator[str]:
    payments = {payment.id for payment in found.payments}
    for one in _created(exchanges, "/orders"):
        if one.answer["id"] not in found.orders:
            yield f"order {one.answer['id']} was answered with 201 and is not there"
    for one in _created(exchanges, "/payments"):
        if one.answer["paymentId"] not in payments:
            yield f"payment {one.answer['paymentId']} was answered with 201 and is not there"


def _orders_were_asked_for(exchanges: Sequence[Exchange], found: Facts, beside: int) -> Iterator[str]:
    """No key made two orders, and there are not more orders than keys that were not refused."""
    keys = {one.key for one in exchanges if one.method == "POST" and one.path == "/orders"}
    refused = {one.key for one in exchanges if one.method == "POST" and one.path == "/orders" and one.status in REFUSED}
    answered = {one.key: one.answer["id"] for one in _created(exchanges, "/orders")}
    if len(set(answered.values())) != len(answered):
        yield "two idempotency keys got the same order"
    allowed = len(keys - (refused - answered.keys())) + beside
    if len(found.orders) > allowed:
        yield f"{len(found.orders)} orders are there, and {allowed} were asked for and not refused"


def _repeats_got_the_first_answer(exchanges: Sequence[Exchange]) -> Iterator[str]:
    first: dict[tuple[str, str, str], str] = {}
    for one in exchanges:
        if one.key and one.status == 201:
            made = str(one.answer.get("id") or one.answer.get("paymentId"))
            known = first.setdefault((one.caller, one.path, one.key), made)
            if known != made:
                yield f"{one.method} {one.path} under {one.key} was answered with {known}, then with {made}"


def _reads_never_go_back(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Whoever saw an order in a state never sees it in an earlier one, if they asked after the first answer."""
    seen: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
    for one in exchanges:
        if one.method == "GET" and one.path.startswith("/orders/") and one.status == 200:
            for earlier in seen[one.caller, one.path]:
                was, now = earlier.answer["status"], one.answer["status"]
                if earlier.answered_at < one.asked_at and _RANK[now] < _RANK[was]:
                    yield f"{one.caller} saw {one.path} as {was}, then as {now}"
            seen[one.caller, one.path].append(one)


def _nothing_was_our_fault(exchanges: Sequence[Exchange]) -> Iterator[str]:
    for one in exchanges:
        if one.status in (500, 501):
            yield f"{one.caller}: {one.method} {one.path} was answered with {one.status}: {one.answer}"


def _created(exchanges: Sequence[Exchange], path: str) -> Iterator[Exchange]:
    return (one for one in exchanges if one.method == "POST" and one.path == path and one.status == 201)
