"""Orders' events on the bus and in the history."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.json_format import MessageToDict

from services.chassis.plain import clock
from services.chassis.rpc import timestamps
from services.order.adapters.facts import message_of, records_of
from services.order.domain.orders import Status
from services.order.entrypoints.mapping import history_messages
from tests.unit.order.examples import ADDRESS, ANN, TRACEPARENT, history_of, order_created


def test_a_commit_is_published_under_its_order_with_its_version() -> None:
    created, confirmed = history_of(Status.CONFIRMED)
    (record,) = records_of(confirmed)
    headers = {name: (value or b"").decode() for name, value in record.headers}

    assert (record.topic, record.key) == ("order-events", str(created.order_id).encode())
    assert headers["ce_type"] == "ORDER_STATUS_UPDATED"
    assert headers["ce_source"] == "/argosy/order"
    assert headers["ce_subject"] == str(created.order_id)
    assert headers["ce_sequence"] == "2"
    assert headers["ce_time"] == clock.to_text(confirmed.at)


def test_an_event_carries_the_trace_of_what_made_it() -> None:
    (record,) = records_of(order_created())
    assert dict(record.headers)["traceparent"] == TRACEPARENT.encode()


def test_published_twice_it_is_the_same_event() -> None:
    commit = order_created()
    assert list(records_of(commit)) == list(records_of(replace(commit, published=True)))


def test_every_event_has_an_id_of_its_own() -> None:
    commits = [*history_of(Status.CONFIRMED, Status.SHIPPED), *history_of(Status.CANCELLED)]
    ids = [dict(record.headers)["ce_id"] for commit in commits for record in records_of(commit)]
    assert len(set(ids)) == len(ids) == 5


def test_the_bus_does_not_learn_where_an_order_goes() -> None:
    commit = order_created()
    (record,) = records_of(commit)
    for private in (ADDRESS.street, ADDRESS.city, ADDRESS.zip_code):
        assert private.encode() not in (record.value or b"")
        assert private not in str(list(history_messages([commit])))


def test_the_history_is_in_the_order_of_the_bus() -> None:
    commits = history_of(Status.CONFIRMED, Status.CANCELLED)
    order_id = str(commits[0].order_id)
    entries = list(history_messages(commits))

    assert [(entry.seq, entry.type, timestamps.from_message(entry.at)) for entry in entries] == [
        (1, "ORDER_CREATED", commits[0].at),
        (2, "ORDER_STATUS_UPDATED", commits[1].at),
        (3, "ORDER_STATUS_UPDATED", commits[2].at),
    ]
    assert MessageToDict(entries[0].data) == {
        "orderId": order_id,
        "userId": str(ANN),
        "totalAmount": "190.50",
        "currency": "USD",
        "items": [
            {"productId": "bell", "quantity": 2, "price": "89.00"},
            {"productId": "chart", "quantity": 1, "price": "12.50"},
        ],
    }
    assert MessageToDict(entries[2].data) == {
        "orderId": order_id,
        "userId": str(ANN),
        "status": "cancelled",
        "previousStatus": "confirmed",
        "reason": "by_staff",
    }


def test_the_messages_are_those_of_the_contract() -> None:
    created, cancelled = history_of(Status.CANCELLED)
    assert message_of(created.events[0]).DESCRIPTOR.full_name == "argosy.event.v1.OrderCreated"
    assert message_of(cancelled.events[0]).DESCRIPTOR.full_name == "argosy.event.v1.OrderStatusUpdated"
