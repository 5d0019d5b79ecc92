"""Events: what is written into a record is what a consumer reads, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from argosy.event.v1 import order_events_pb2, user_events_pb2
from argosy.policy.v1 import policy_pb2
from facts.system import system
from services.chassis.bus import events
from services.chassis.bus.events import Event, NotAnEvent, OutgoingRecord, Registry, UnknownType
from services.chassis.plain import clock, ids

REGISTRY = Registry.of_package()
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HEADERS = ["ce_id", "ce_type", "ce_time", "ce_source", "ce_subject", "ce_sequence", "ce_dataversion", "traceparent"]
HARD_VALUES = [b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"9" * 5000, b"\xed\xa0\x80", b""]
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass(frozen=True)
class Incoming:
    """A record as aiokafka reads it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = 2
    offset: int = 41


def incoming(record: OutgoingRecord) -> Incoming:
    return Incoming(record.topic, record.key, record.value, record.headers)


def a_record(**changes: Any) -> OutgoingRecord:
    fields: dict[str, Any] = {
        "id": UUID("0190a1b2-0000-7000-8000-000000000001"),
        "source": events.source_of("order"),
        "time": datetime(2026, 3, 1, 9, 30, 0, 125_000, UTC),
        "subject": "order-1",
        "key": "order-1",
        "sequence": 3,
        "traceparent": TRACE,
    }
    return events.encode(order_events_pb2.OrderStatusUpdated(order_id="order-1", status="paid"), **(fields | changes))


def with_header(record: OutgoingRecord, name: str, value: bytes | None) -> OutgoingRecord:
    headers = dict(record.headers) | ({name: value} if value is not None else {})
    if value is None:
        del headers[name]
    return replace(record, headers=tuple(headers.items()))


@given(st.uuids(), TEXT, TEXT, st.none() | st.integers(0, 2**53), TEXT)
def test_what_goes_in_comes_out(event_id: UUID, subject: str, key: str, sequence: int | None, user_id: str) -> None:
    message = user_events_pb2.UserDeleted(user_id=user_id)
    time = clock.now()
    record = events.encode(
        message,
        id=event_id,
        source="/argosy/user",
        time=time,
        subject=subject,
        key=key,
        sequence=sequence,
        traceparent=TRACE,
    )
    assert REGISTRY.decode(incoming(record)) == Event(
        id=event_id,
        type="USER_DELETED",
        time=time,
        source="/argosy/user",
        subject=subject,
        key=key,
        sequence=sequence,
        message=message,
        traceparent=TRACE,
        topic="user-events",
        partition=2,
        offset=41,
    )


def test_headers_are_cloudevents_in_binary_mode() -> None:
    record = a_record()
    assert record.topic == "order-events"
    assert record.key == b"order-1"
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"0190a1b2-0000-7000-8000-000000000001",
        "ce_type": b"ORDER_STATUS_UPDATED",
        "ce_source": b"/argosy/order",
        "ce_time": b"2026-03-01T09:30:00.125Z",
        "ce_subject": b"order-1",
        "ce_sequence": b"3",
        "content-type": b"application/protobuf",
        "traceparent": TRACE.encode(),
    }


def test_an_event_without_a_trace_begins_one() -> None:
    traceparent = dict(a_record(traceparent=None).headers)["traceparent"]
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent or b"")


def test_a_bad_trace_is_no_reason_to_refuse_an_event() -> None:
    event = REGISTRY.decode(incoming(with_header(a_record(), "traceparent", b"nonsense")))
    assert event.traceparent != "nonsense"


def test_no_sequence_is_no_header() -> None:
    record = a_record(sequence=None)
    assert "ce_sequence" not in dict(record.headers)
    assert REGISTRY.decode(incoming(record)).sequence is None


@pytest.mark.parametrize("header", ["ce_id", "ce_type", "ce_time", "ce_source", "ce_subject"])
def test_a_missing_header_is_named(header: str) -> None:
    with pytest.raises(NotAnEvent, match=header):
        REGISTRY.decode(incoming(with_header(a_record(), header, None)))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_id", b"17"),
        ("ce_time", b"soon"),
        ("ce_sequence", b"third"),
        ("ce_subject", b"\xff"),
        ("ce_type", b"\xff"),
        ("ce_dataversion", b"second"),
        ("ce_dataversion", b"0"),
    ],
)
def test_a_header_that_cannot_be_read_is_no_event(header: str, value: bytes) -> None:
    with pytest.raises(NotAnEvent):
        REGISTRY.decode(incoming(with_header(a_record(), header, value)))


@pytest.mark.parametrize("changes", [{"value": b"\xff\xff"}, {"value": None}, {"key": b"\xff"}])
def test_bytes_that_cannot_be_read_are_no_event(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAnEvent):
        REGISTRY.decode(incoming(replace(a_record(), **changes)))


@given(
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.lists(st.tuples(st.sampled_from(HEADERS) | TEXT, st.none() | st.binary() | st.sampled_from(HARD_VALUES))),
)
def test_any_bytes_are_an_event_or_refused(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = replace(a_record(), key=key, value=value, headers=(*headers, *a_record().headers))
    with contextlib.suppress(NotAnEvent, UnknownType):
        REGISTRY.decode(incoming(record))


@given(st.lists(st.tuples(TEXT.filter(lambda name: name not in HEADERS), st.none() | st.binary())))
def test_headers_that_the_contract_does_not_name_are_not_read(strange: list[tuple[str, bytes | None]]) -> None:
    good = a_record()
    assert REGISTRY.decode(incoming(replace(good, headers=(*strange, *good.headers)))) == REGISTRY.decode(
        incoming(good)
    )


def test_headers_without_a_value_are_absent() -> None:
    record = a_record()
    headers = tuple((name, None if name in ("ce_sequence", "traceparent") else value) for name, value in record.headers)
    event = REGISTRY.decode(incoming(replace(record, headers=headers)))
    assert event.sequence is None
    assert event.traceparent != TRACE
    with pytest.raises(NotAnEvent, match="ce_id is missing"):
        REGISTRY.decode(incoming(replace(record, headers=(("ce_type", b"ORDER_CREATED"), ("ce_id", None)))))
    assert events.type_of((("ce_type", None),)) is None


def test_of_two_headers_of_one_name_the_first_counts() -> None:
    headers = (*a_record().headers, ("ce_type", b"ORDER_TELEPORTED"), ("ce_id", b"17"))
    event = REGISTRY.decode(incoming(replace(a_record(), headers=headers)))
    assert (event.type, str(event.id)[-1]) == (events.type_of(headers), "1")


def test_an_older_version_is_read_as_the_newest_and_a_newer_one_as_it_is() -> None:
    def with_reason(message: Any) -> Any:
        message.reason = "unknown"
        return message

    newest = Registry(cast(FileDescriptor, of_version(2).DESCRIPTOR.file), upcasters={("LAB_MOVED", 1): with_reason})
    for version, reason in ((None, "unknown"), (b"1", "unknown"), (b"2", ""), (b"3", "")):
        record = with_header(a_record(), "ce_type", b"LAB_MOVED")
        event = newest.decode(incoming(record if version is None else with_header(record, "ce_dataversion", version)))
        assert event.message.reason == reason  # type: ignore[attr-defined]


def test_a_version_past_the_first_is_in_the_headers() -> None:
    for version, header in ((0, None), (1, None), (2, b"2")):
        kind = events.kind_of(of_version(version))
        record = events.record(
            kind,
            b"",
            id=ids.new_id(),
            source="x",
            time=clock.now(),
            subject="",
            key="",
            sequence=None,
            traceparent=None,
        )
        assert dict(record.headers).get("ce_dataversion") == header


@functools.cache
def of_version(version: int) -> type[Message]:
    """An event of the tests' own whose contract states this version (0: none)."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"lab/version{version}.proto",
        package=f"lab.version{version}",
        syntax="proto3",
        dependency=["argosy/policy/v1/policy.proto"],
    )
    message = file.message_type.add(name="Moved")
    policy = policy_pb2.EventPolicy(type="LAB_MOVED", topic="lab", version=version)
    message.options.Extensions[policy_pb2.event].CopyFrom(policy)
    field = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="reason", number=15, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Moved"))


def test_a_newer_type_is_distinguished_from_an_unreadable_record() -> None:
    with pytest.raises(UnknownType, match="ORDER_TELEPORTED"):
        REGISTRY.decode(incoming(with_header(a_record(), "ce_type", b"ORDER_TELEPORTED")))


def test_a_message_without_the_option_is_no_event() -> None:
    with pytest.raises(ValueError, match="OrderLine lacks the option"):
        events.encode(order_events_pb2.OrderLine(), id=ids.new_id(), source="x", time=clock.now(), subject="", key="")


def test_the_registry_knows_the_whole_contract() -> None:
    assert REGISTRY.topics == {event.name: event.topic for event in system().events}
    assert REGISTRY.classes["ORDER_CREATED"] is order_events_pb2.OrderCreated


def test_two_messages_cannot_be_the_same_event() -> None:
    with pytest.raises(ValueError, match="two messages are the event USER_CREATED"):
        Registry(user_events_pb2.DESCRIPTOR, user_events_pb2.DESCRIPTOR)
