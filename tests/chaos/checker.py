"""What must hold once all faults are over: of the record of all requests, of the stores, and of the parts at rest."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos import layout
from tests.chaos.faults import POISON
from tests.chaos.record import Exchange
from tests.support import bus, invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack

_RANK = {"pending": 0, "confirmed": 1, "shipped": 2, "delivered": 3, "cancelled": 4}
_REST_SECONDS = 90
_PATIENCE_SECONDS = 480
_AT_REST_IS_ZERO = ("argosy_consumer_stopped", "argosy_circuit_breaker_state", "argosy_outbox_pending")


async def settle(stack: RealStack, before: Baseline) -> Facts:
    """Wait until the stores agree with each other. Raises AssertionError with what stays broken."""
    letters = await bus.records(stack, bus.DEAD_LETTERS)
    poisoned = sum(1 for letter in letters if letter.key.startswith(POISON))
    return await invariants.hold(
        stack,
        replace(before, dead_letters=before.dead_letters + poisoned),
        mail_may_repeat=True,
        patience=_PATIENCE_SECONDS,
    )


def broken(exchanges: Sequence[Exchange], found: Facts) -> list[str]:
    """What of the record does not fit the stores, or itself, a sentence each."""
    return [
        *_answered_creates_are_there(exchanges, found),
        *_orders_were_asked_for(exchanges, found),
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


def _orders_were_asked_for(exchanges: Sequence[Exchange], found: Facts) -> Iterator[str]:
    """No key made two orders, and there are not more orders than keys that were not refused."""
    keys = {one.key for one in exchanges if one.method == "POST" and one.path == "/orders"}
    refused = {
        one.key
        for one in exchanges
        if one.method == "POST" and one.path == "/orders" and one.status in (400, 401, 403, 404)
    }
    answered = {one.key: one.answer["id"] for one in _created(exchanges, "/orders")}
    if len(set(answered.values())) != len(answered):
        yield "two idempotency keys got the same order"
    allowed = len(keys - (refused - answered.keys()))
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


async def at_rest(stack: RealStack) -> list[str]:
    """What of the parts is not as it must be when nothing happens: ready, no breaker open, no consumer stopped."""
    async with httpx.AsyncClient(timeout=10) as http:
        wrong: list[str] = []
        for _ in range(_REST_SECONDS):
            wrong = [text for instance in layout.INSTANCES for text in await _unrest(http, stack, instance)]
            if not wrong:
                return []
            await asyncio.sleep(1)
    return wrong


async def _unrest(http: httpx.AsyncClient, stack: RealStack, instance: str) -> list[str]:
    url = layout.admin_url(stack.stack, instance)
    try:
        health, metrics = await http.get(f"{url}/health"), await http.get(f"{url}/metrics")
    except httpx.TransportError as error:
        return [f"{instance} does not answer: {error!r}"]
    wrong = [] if health.status_code == 200 else [f"{instance} is not ready: {health.text}"]
    for family in text_string_to_metric_families(metrics.text):
        if family.name in _AT_REST_IS_ZERO:
            wrong += [
                f"{instance}: {sample.name}{sample.labels} is {sample.value:g}"
                for sample in family.samples
                if sample.value != 0
            ]
    return wrong
