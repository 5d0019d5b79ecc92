"""Orders that released versions stored are read by today's code; fields of newer versions are kept or ignored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.json_format import MessageToDict

from services.chassis.bus.events import VERSION_HEADER, Registry
from services.order.adapters import documents
from services.order.adapters.documents import commit_from_document, commit_to_document, order_from_document
from services.order.domain.facts import OrderCreated
from services.order.domain.history import fold
from services.order.entrypoints.mapping import history_messages, order_message
from tests.golden import corpus
from tests.golden.corpus import Golden, Incoming, document, left_out
from tests.golden.released import RELEASES, class_in, released
from tests.unit.order import golden_facts

REGISTRY = Registry.of_package()
BUS, STORED, ORDERS = corpus.bus(), corpus.stored(), corpus.orders()


@pytest.mark.parametrize("golden", STORED, ids=str)
def test_every_version_of_a_stored_event_is_read(golden: Golden) -> None:
    (event,) = commit_from_document(golden.commit).events
    examples_by_type = {type(one): one for commit in golden_facts.commits() for one in commit.events}
    if golden.version == documents.NEWEST[golden.type]:
        assert event == examples_by_type[type(event)]
    assert [event.get("v", 1) for event in golden.commit["events"]] == [golden.version]


@pytest.mark.parametrize(("release", "order"), ORDERS)
def test_the_orders_of_every_release_are_what_they_were(release: str, order: Mapping[str, Any]) -> None:
    history = [commit_from_document(document(commit)) for commit in order["commits"]]
    replayed = fold(history)
    for answer in (replayed, order_from_document(document(order["shown"]))):
        assert left_out(order["answer"], MessageToDict(order_message(answer))) == []
        assert {**MessageToDict(order_message(answer)), **order["answer"]} == MessageToDict(order_message(answer))
    entries = [MessageToDict(entry) for entry in history_messages(history)]
    assert left_out(order["history"], entries) == []
    assert [entry["type"] for entry in entries] == [entry["type"] for entry in order["history"]]


def test_every_release_has_its_orders() -> None:
    assert {release for release, _ in ORDERS} == {file.stem for file in RELEASES}


def test_a_released_version_reads_what_today_writes() -> None:
    """Today's documents have everything that the newest release's have, with the same values."""
    newest = [order for release, order in ORDERS if release == RELEASES[-1].stem]
    written = golden_facts.files(release="today")["orders/today.json"]
    for was, now in zip(newest, written, strict=True):
        for old, new in zip([*was["commits"], was["shown"]], [*now["commits"], now["shown"]], strict=True):
            assert {name: new[name] for name in old if name != "events"} == {
                name: value for name, value in old.items() if name != "events"
            }
            assert left_out(old, new) == []


def test_todays_code_keeps_a_field_of_tomorrows_event() -> None:
    field = descriptor_pb2.FieldDescriptorProto
    note = field(name="gift_note", number=900, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    tomorrow = class_in(released(RELEASES[-1], {"OrderCreated": note}), "ORDER_CREATED")
    assert tomorrow is not None
    golden = next(one for one in BUS if one.type == "ORDER_CREATED")
    written = tomorrow.FromString(golden.record.value)
    setattr(written, "gift_note", "For Ann")  # noqa: B010 - mypy knows no such field
    headers = (*golden.record.headers, (VERSION_HEADER, b"99"))
    read = REGISTRY.decode(Incoming("order-events", b"k", written.SerializeToString(), headers)).message
    assert tomorrow.FromString(read.SerializeToString()) == written
    assert getattr(read, "total_amount") == "190.50"  # noqa: B009


def test_a_stored_event_of_a_newer_version_is_read_by_the_fields_that_are_known() -> None:
    golden = next(one for one in STORED if one.type == "ORDER_CREATED")
    newer = golden.commit
    newer["events"][0] |= {"v": 99, "giftNote": "For Ann"}
    newer["events"][0]["items"][0]["engraving"] = "A"
    newer["carrier"] = "x"
    assert commit_from_document(newer) == commit_from_document(golden.commit)


def test_an_older_stored_event_passes_through_every_step_to_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        ("ORDER_CREATED", 1): lambda event: {**event, "country": event["shippingAddress"]["country"].lower()},
        ("ORDER_CREATED", 2): lambda event: {
            **event,
            "shippingAddress": {**event["shippingAddress"], "country": event["country"].upper() + "!"},
        },
    }
    monkeypatch.setattr(documents, "NEWEST", {**documents.NEWEST, "ORDER_CREATED": 3})
    monkeypatch.setattr(documents, "UPCASTERS", MappingProxyType(steps))
    first = next(one for one in STORED if one.type == "ORDER_CREATED").commit
    second = {**first, "events": [{**first["events"][0], "v": 2, "country": "it"}]}
    third = commit_to_document(commit_from_document(first))

    for stored, country in ((first, "GR!"), (second, "IT!"), (third, "GR!")):
        (event,) = commit_from_document(stored).events
        assert isinstance(event, OrderCreated)
        assert event.shipping_address.country == country
    assert third["events"][0]["v"] == 3
    assert "v" not in first["events"][0]  # a step changes a copy
