"""The AsyncAPI document is valid, and describes each event as the services publish it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.json_format import MessageToDict
from jsonschema import Draft7Validator

from codegen.asyncapi.document import asyncapi
from codegen.check import CheckFailed, check_asyncapi
from codegen.image import build_json_image
from facts.system import system
from local.paths import ROOT
from local.ports import BASE
from services.chassis.bus import dead_letters
from services.chassis.bus.dead_letters import Failure, Reason
from services.chassis.bus.events import OutgoingRecord, Registry, encode, source_of
from services.chassis.rpc.contract import ContractError

Json = dict[str, Any]
REGISTRY = Registry.of_package()


@pytest.fixture(scope="module")
def image() -> Json:
    return build_json_image(source_info=True)


@pytest.fixture(scope="module")
def document(image: Json) -> Json:
    return asyncapi(image, system())


def complaints(document: Json, schema: Json, value: Any) -> list[str]:
    validator = Draft7Validator({**schema, "components": document["components"]})
    return [error.message for error in validator.iter_errors(value)]


def headers_of(record: OutgoingRecord) -> Mapping[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers}


def example(event_type: str, **parts: Any) -> OutgoingRecord:
    publisher = REGISTRY.topics[event_type].removesuffix("-events")
    about = {"source": source_of(publisher), "subject": "a", "key": "a", "id": UUID(int=1), **parts}
    return encode(REGISTRY.classes[event_type](), time=datetime(2026, 3, 1, tzinfo=UTC), **about)


def test_a_document_that_is_not_valid_is_refused(document: Json, tmp_path: Path) -> None:
    (tmp_path / "asyncapi").mkdir()
    file = tmp_path / "asyncapi" / "asyncapi.json"
    file.write_text(json.dumps(document))
    check_asyncapi(tmp_path)
    bad = deepcopy(document)
    bad["operations"]["order.publishes.order-events"]["action"] = "shout"
    file.write_text(json.dumps(bad))
    with pytest.raises(CheckFailed, match="not valid AsyncAPI"):
        check_asyncapi(tmp_path)


def test_every_reference_leads_somewhere(document: Json) -> None:
    waiting: list[Any] = [document]
    seen = 0
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if reference := part.get("$ref"):
                found = document
                for name in reference.removeprefix("#/").split("/"):
                    found = found[name]
                seen += 1
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    assert seen > len(REGISTRY.classes)


@pytest.mark.parametrize("event_type", sorted(REGISTRY.classes))
def test_an_event_as_it_is_encoded_fits_its_message(document: Json, event_type: str) -> None:
    message = document["components"]["messages"][event_type]
    record = example(event_type, sequence=3)
    assert complaints(document, message["headers"], headers_of(record)) == []
    payload = MessageToDict(REGISTRY.classes[event_type](), always_print_fields_with_no_presence=True)
    assert complaints(document, message["payload"], payload) == []
    schema = document["components"]["schemas"][message["title"]]
    assert set(schema["properties"]) == {field.json_name for field in REGISTRY.classes[event_type].DESCRIPTOR.fields}
    assert message["x-protobuf-message"] == REGISTRY.classes[event_type].DESCRIPTOR.full_name
    assert event_type in document["channels"][record.topic]["messages"]


def test_headers_of_another_event_do_not_fit(document: Json) -> None:
    headers = document["components"]["messages"]["ORDER_CREATED"]["headers"]
    assert complaints(document, headers, headers_of(example("ORDER_STATUS_UPDATED")))
    assert complaints(document, headers, headers_of(example("ORDER_CREATED", source=source_of("payment"))))
    assert complaints(document, headers, {"ce_type": "ORDER_CREATED", "ce_source": "/argosy/order"})


def test_a_dead_letter_as_it_is_written_fits_its_message(document: Json) -> None:
    record = example("ORDER_CREATED")

    class Incoming:
        topic, partition, offset = record.topic, 1, 2
        key, value, headers = record.key, record.value, record.headers

    failure = Failure(Reason.FAILED, ValueError("no"), 5, "payment-service-group")
    schema = document["components"]["messages"]["DEAD_LETTER"]["headers"]
    for letter in (dead_letters.letter(Incoming, failure), *dead_letters.smaller_letters(Incoming, failure)):
        assert complaints(document, schema, headers_of(letter)) == []
        assert letter.topic in document["channels"]
    assert complaints(document, schema, headers_of(record))


def test_who_publishes_and_who_consumes(document: Json) -> None:
    operations = document["operations"]
    senders = {name for name, one in operations.items() if one["action"] == "send" and ".dlq" not in name}
    assert senders == {f"{who}.publishes.{who}-events" for who in ("user", "order", "payment", "inventory")}
    consumed = operations["order.consumes.payment-events"]
    assert consumed["messages"] == [
        {"$ref": "#/channels/payment-events/messages/PAYMENT_CONFIRMED"},
        {"$ref": "#/channels/payment-events/messages/PAYMENT_FAILED"},
    ]
    assert consumed["bindings"]["kafka"]["groupId"]["enum"] == ["order-service-group"]
    assert "order.publishes.payment-events.dlq" in operations
    assert "order.follows.order-events" in operations


def test_the_laptops_broker_is_where_the_laptop_has_it(document: Json) -> None:
    assert document["servers"]["laptop"]["host"] == f"127.0.0.1:{BASE['kafka']}"


def test_the_clusters_broker_is_what_the_services_are_given(document: Json) -> None:
    assert document["servers"]["cluster"]["host"] in (ROOT / "k8s" / "base" / "services.yaml").read_text()


def test_an_event_without_a_key_in_its_comment_is_refused(image: Json) -> None:
    silent = deepcopy(image)
    for file in silent["file"]:
        if file["name"].endswith("order_events.proto"):
            file["sourceCodeInfo"] = {}
    with pytest.raises(ContractError, match="OrderCreated: its comment must end with its Kafka key"):
        asyncapi(silent, system())
