"""One example of each fact of the service, every field set (tests/golden)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.json_format import MessageToDict

from services.chassis.plain.money import Money
from services.order.adapters.documents import NEWEST, commit_to_document
from services.order.adapters.facts import records_of
from services.order.adapters.read_side import document_of
from services.order.domain.facts import Fact, OrderCreated, OrderStatusUpdated
from services.order.domain.history import Commit, History, fold
from services.order.domain.orders import Address, Line, Reason, Status
from services.order.entrypoints.mapping import history_messages, order_message
from tests.golden.corpus import Document, extended
from tests.golden.examples import AT, CAUSE, ORDER, TRACE, USER, bus_files, id_of

WAITING, CANCELLED = id_of(21), id_of(22)
LINES = (Line("bell", 2, Money(8900, "USD")), Line("chart", 1, Money(1250, "USD")))


def histories() -> Sequence[History]:
    """A delivered order, one that waits for its payment, and one that was cancelled."""
    usd = OrderCreated(ORDER, USER, LINES, Address("1 Quay", "Corinth", "Corinthia", "20100", "GR"))
    jpy = OrderCreated(
        WAITING, USER, (Line("bell", 3, Money(1000, "JPY")),), Address("2 Quay", "Kobe", "", "650-0001", "JP")
    )
    refused = OrderCreated(CANCELLED, USER, LINES, usd.shipping_address)
    return (
        _history(
            usd, (Status.CONFIRMED, Reason.PAID), (Status.SHIPPED, Reason.BY_STAFF), (Status.DELIVERED, Reason.BY_STAFF)
        ),
        _history(jpy),
        _history(refused, (Status.CANCELLED, Reason.PAYMENT_FAILED)),
    )


def commits() -> Sequence[Commit]:
    """A commit with one event of each type of fact."""
    return histories()[0][:2]


def facts() -> Sequence[Fact]:
    """One of each."""
    return [event for commit in commits() for event in commit.events]


def files(*, release: str | None) -> Mapping[str, Any]:
    """The golden files of today's events, stored events and, with a release, whole orders."""
    stored = {}
    for commit in commits():
        document = commit_to_document(commit)
        name = document["events"][0]["type"]
        stored[f"stored/{name}.v{NEWEST[name]}.json"] = {"commit": extended(document)}
    orders = {f"orders/{release}.json": [_order_file(history) for history in histories()]} if release else {}
    return {**bus_files(record for commit in commits() for record in records_of(commit)), **stored, **orders}


def _history(created: OrderCreated, *moves: tuple[Status, Reason]) -> History:
    moved = bool(moves)
    history = [
        _commit(created, 1, created, fingerprint=b"\x00print" if moved else None, traceparent=TRACE if moved else None)
    ]
    before = Status.PENDING
    for version, (status, reason) in enumerate(moves, start=2):
        event = OrderStatusUpdated(created.order_id, USER, status, before, reason)
        cause = CAUSE if reason in (Reason.PAID, Reason.PAYMENT_FAILED) else None
        history.append(_commit(created, version, event, cause=cause, traceparent=TRACE))
        before = status
    return history


def _commit(created: OrderCreated, version: int, event: Fact, **optional: Any) -> Commit:
    at = AT if version == 1 else AT + timedelta(minutes=version)
    return Commit(created.order_id, version, at, (event,), f"token-{version}", **optional)


def _order_file(history: History) -> Document:
    order = fold(history)
    settled = {"published": True, "settled": True} if len(history) > 1 else {}
    return {
        "commits": [extended(commit_to_document(commit) | settled) for commit in history],
        "shown": extended({**document_of(order), "shelf": f"{USER}/0"}),
        "answer": MessageToDict(order_message(order)),
        "history": [MessageToDict(entry) for entry in history_messages(history)],
    }
