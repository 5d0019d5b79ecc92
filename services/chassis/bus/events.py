"""Events on Kafka: the value is a protobuf message, the headers are CloudEvents attributes (binary mode).

A message type is an event if it has the option `argosy.policy.v1.event`, which names the event type ("ORDER_CREATED")
and the topic. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from argosy.policy.v1 import policy_pb2
from services.chassis.plain import clock, ids, trace_context

PACKAGE = "argosy.event.v1"
"""The proto package of the contract's events."""
SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/protobuf"

Headers = tuple[tuple[str, bytes | None], ...]
"""Kafka headers. Other producers may add headers, without a value or with any bytes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Type and topic of an event, from the contract."""

    type: str
    topic: str


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to send to Kafka."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a consumer's handler receives it."""

    id: UUID
    type: str
    time: datetime
    """When it happened, by the clock of its source."""
    source: str
    """The producing service: `/argosy/<service>`."""
    subject: str
    """The id of what it is about."""
    key: str
    """The Kafka key, an id. Events with the same key are in order."""
    sequence: int | None
    """The aggregate's version after the event. None: the source has no versions."""
    message: Message
    traceparent: str
    topic: str
    partition: int
    offset: int


class NotAnEvent(ValueError):
    """The record is not a valid event of the contract: its headers or its value are invalid. A retry does not help."""


class UnknownType(Exception):
    """The event type is unknown to this process, for example because the producer is newer."""


def kind_of(message: Message | type[Message]) -> Kind:
    """Type and topic of an event message. Raises ValueError for a message without the option."""
    descriptor = message.DESCRIPTOR
    known = _kinds.get(descriptor.full_name)
    if known is None:
        option = descriptor.GetOptions().Extensions[policy_pb2.event]
        if not (option.type and option.topic):
            raise ValueError(f"{descriptor.full_name} lacks the option argosy.policy.v1.event")
        known = _kinds[descriptor.full_name] = Kind(option.type, option.topic)
    return known


_kinds: dict[str, Kind] = {}


def encode(
    message: Message,
    *,
    id: UUID,  # noqa: A002 - as CloudEvents names it
    source: str,
    time: datetime,
    subject: str,
    key: str,
    sequence: int | None = None,
    traceparent: str | None = None,
) -> OutgoingRecord:
    """Encode an event as a Kafka record. Raises ValueError if the message is not an event."""
    kind = kind_of(message)
    return record(
        kind,
        message.SerializeToString(deterministic=True),
        id=id,
        source=source,
        time=time,
        subject=subject,
        key=key,
        sequence=sequence,
        traceparent=traceparent,
    )


def record(
    kind: Kind,
    value: bytes,
    *,
    id: UUID,  # noqa: A002 - as CloudEvents names it
    source: str,
    time: datetime,
    subject: str,
    key: str,
    sequence: int | None,
    traceparent: str | None,
) -> OutgoingRecord:
    """Encode an event whose message is already serialized."""
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(id),
        "ce_type": kind.type,
        "ce_source": source,
        "ce_time": clock.to_text(time),
        "ce_subject": subject,
        "content-type": CONTENT_TYPE,
        trace_context.HEADER: traceparent or trace_context.new(),
    }
    if sequence is not None:
        headers["ce_sequence"] = str(sequence)
    return OutgoingRecord(
        topic=kind.topic,
        key=key.encode(),
        value=value,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )


def source_of(service: str) -> str:
    """The CloudEvents source of a service: "order" → "/argosy/order"."""
    return f"/argosy/{service}"


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The event type in a record's headers. None: there is none."""
    return header(headers, "ce_type")


def header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str | None:
    """The text of the first header with this name. None: there is none, or it has no value."""
    value = next((value for found, value in headers if found == name), None)
    return None if value is None else value.decode(errors="replace")


class Registry:
    """The events of a contract: type name ↔ message class ↔ topic."""

    def __init__(self, *files: FileDescriptor) -> None:
        classes: dict[str, type[Message]] = {}
        topics: dict[str, str] = {}
        for file in files:
            for descriptor in file.message_types_by_name.values():
                option = descriptor.GetOptions().Extensions[policy_pb2.event]
                if not option.type:
                    continue  # a message inside events
                event_class = GetMessageClass(descriptor)
                kind = kind_of(event_class)
                if kind.type in classes:
                    raise ValueError(f"two messages are the event {kind.type}")
                classes[kind.type] = event_class
                topics[kind.type] = kind.topic
        self.classes: Mapping[str, type[Message]] = MappingProxyType(classes)
        """The message class of each type."""
        self.topics: Mapping[str, str] = MappingProxyType(topics)
        """The topic of each type."""

    @classmethod
    def of_package(cls, package: str = PACKAGE) -> Registry:
        """A registry of all events in a package of generated modules."""
        parent = importlib.import_module(package)
        modules = [
            importlib.import_module(f"{package}.{module.name}")
            for module in pkgutil.iter_modules(parent.__path__)
            if module.name.endswith("_pb2")
        ]
        return cls(*(module.DESCRIPTOR for module in modules))

    def decode(self, incoming: Any) -> Event:
        """Decode a consumed record (`raw_batches.Record`). Ignores headers that the contract does not name.

        Raises:
            UnknownType: its type is not in this registry.
            NotAnEvent: a required header or the value is missing, or cannot be decoded.
        """
        try:
            return self._decode(incoming)
        except (NotAnEvent, UnknownType):
            raise
        except Exception as error:  # the bytes are untrusted: any decoding error means that it is no event
            raise NotAnEvent(f"{type(error).__name__}: {error}") from error

    def _decode(self, incoming: Any) -> Event:
        headers = dict(reversed(incoming.headers))  # of several headers with one name, use the first, as `header` does
        event_type = _required(headers, "ce_type")
        if event_type not in self.classes:
            raise UnknownType(event_type)
        if incoming.value is None:
            raise NotAnEvent("it has no value")
        sequence = _optional(headers, "ce_sequence")
        return Event(
            id=ids.parse_id(_required(headers, "ce_id")),
            type=event_type,
            time=clock.from_text(_required(headers, "ce_time")),
            source=_required(headers, "ce_source"),
            subject=_required(headers, "ce_subject"),
            key=(incoming.key or b"").decode(),
            sequence=None if sequence is None else int(sequence),
            message=self.classes[event_type].FromString(incoming.value),
            traceparent=trace_context.accept(header(incoming.headers, trace_context.HEADER)),
            topic=incoming.topic,
            partition=incoming.partition,
            offset=incoming.offset,
        )


def _required(headers: Mapping[str, bytes | None], name: str) -> str:
    text = _optional(headers, name)
    if text is None:
        raise NotAnEvent(f"the header {name} is missing")
    return text


def _optional(headers: Mapping[str, bytes | None], name: str) -> str | None:
    """The header's text. None: no header, or no value. Raises UnicodeDecodeError."""
    value = headers.get(name)
    return None if value is None else value.decode()
