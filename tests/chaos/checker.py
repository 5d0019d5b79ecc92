"""What must hold once all faults are over: of the record of all requests, of the stores, and of the parts at rest."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos import layout
from tests.chaos.faults import POISON
from tests.chaos.plan import Fault, Kind
from tests.chaos.record import Exchange
from tests.support import bus, invariants
from tests.support.facts import Facts
from tests.support.invariants import Baseline
from tests.support.real_stack import RealStack

_RANK = {"pending": 0, "confirmed": 1, "shipped": 2, "delivered": 3, "cancelled": 4}
REST_SECONDS = 90.0
SETTLE_SECONDS = 480.0
"""A payment that Stripe never answered, and whose order has ended, is searched for: for five minutes a search without a
result proves nothing (payment's domain, SEARCH_LAG)."""
_SILENCING = frozenset({Kind.KILL, Kind.PAUSE, Kind.OUTAGE, Kind.CUT, Kind.SLOW, Kind.HALF_OPEN, Kind.STRIPE_DROPS})
_BREAKERS = {
    "stripe": {"stripe", "payment-stripe", "payment", "payment-2"},
    "smtp": {"mail", "notification-smtp", "notification", "notification-2"},
}
"""The party behind a circuit breaker, and the parts whose faults may open it: the caller itself may be paused."""
_AT_REST_IS_ZERO = ("argosy_consumer_stopped", "argosy_circuit_breaker_state", "argosy_outbox_pending")


async def settle(stack: RealStack, before: Baseline, patience: float = SETTLE_SECONDS) -> Facts:
    """Wait until the stores agree with each other. Raises AssertionError with what is broken after so many seconds."""
    letters = await bus.records(stack, bus.DEAD_LETTERS)
    poisoned = sum(1 for letter in letters if letter.key.startswith(POISON))
    return await invariants.hold(
        stack,
        replace(before, dead_letters=before.dead_letters + poisoned),
        mail_may_repeat=True,
        patience=patience,
    )


def broken(exchanges: Sequence[Exchange], found: Facts) -> list[str]:
    """What of the record does not fit the stores, or itself, a sentence each."""
    return [
        *_answered_creates_are_there(exchanges, found),
        *_orders_were_asked_for(exchanges, found),
        *_repeats_got_the_first_answer(exchanges),
        *_reads_never_go_back(exchanges),
        *_nothing_was_our_fault(exchanges),
        *_nobody_was_charged_twice(found),
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


def _nobody_was_charged_twice(found: Facts) -> Iterator[str]:
    """An order is charged once: also money that went back was taken from somebody."""
    times = Counter(charged.order_id for charged in found.charged if charged.captured)
    for order_id, count in times.items():
        if count > 1:
            yield f"order {order_id} was charged {count} times"


def _created(exchanges: Sequence[Exchange], path: str) -> Iterator[Exchange]:
    return (one for one in exchanges if one.method == "POST" and one.path == path and one.status == 201)


def opened_without_cause(stack: RealStack, faults: Collection[Fault], since: datetime) -> list[str]:
    """Circuit breakers that opened, since then, before a party that was there all the time and answered."""
    causes = {(fault.kind, fault.target) for fault in faults}
    silenced = {
        party
        for party, targets in _BREAKERS.items()
        if any(target in targets and kind in _SILENCING for kind, target in causes)
    }
    return [
        f"{instance}: the circuit breaker before {party} opened, and {party} answered all the time"
        for instance in layout.INSTANCES
        for party in _opened(stack.stack.logs / f"{instance}.log", since)
        if party not in silenced
    ]


def _opened(log: Path, since: datetime) -> Iterator[str]:
    for line in log.read_text(errors="replace").splitlines():
        if '"event":"circuit_opened"' in line:
            found = json.loads(line)
            if datetime.fromisoformat(found["time"]) >= since:
                yield found["party"]


async def at_rest(stack: RealStack, patience: float = REST_SECONDS) -> list[str]:
    """What of the parts is not as it must be when nothing happens: ready, no breaker open, no consumer stopped."""
    give_up = time.monotonic() + patience
    async with httpx.AsyncClient(timeout=10) as http:
        while True:
            wrong = [text for instance in layout.INSTANCES for text in await _unrest(http, stack, instance)]
            if not wrong or time.monotonic() > give_up:
                return wrong
            await asyncio.sleep(1)


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
