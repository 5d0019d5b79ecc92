"""What the contract already has, as far as new code depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from argosy.policy.v1 import policy_pb2
from facts.system import DESCRIPTORS, System
from scaffold import names
from scaffold.names import BadName
from services.chassis.rpc.contract import OURS

_TEXT_IDS = frozenset({"product_id"})
"""Ids that are words, not UUIDs."""


@dataclass(frozen=True)
class Event:
    """An event, as code spells it."""

    type: str
    topic: str = ""
    module: str = ""
    """The generated module of its message."""
    key: str = ""
    """The field that says what it is about: its message's first."""

    @property
    def message(self) -> str:
        """Its message, and the class of its fact."""
        return names.camel(self.type)

    @property
    def snake(self) -> str:
        """As part of a function's name."""
        return self.type.lower()

    @property
    def sentence(self) -> str:
        """What happened."""
        return names.words(self.type)

    @property
    def publisher(self) -> str:
        """The service that publishes it."""
        return self.topic.removesuffix("-events")

    @property
    def proto(self) -> str:
        """The file of its message."""
        return f"proto/argosy/event/v1/{self.module.removesuffix('_pb2')}.proto"

    @property
    def key_type(self) -> str:
        """The type of its key in a command."""
        return "str" if self.key in _TEXT_IDS else "UUID"

    @property
    def key_example(self) -> str:
        """An expression for its key in a test."""
        return '"a"' if self.key_type == "str" else "uuid4()"

    @property
    def key_value(self) -> str:
        """The expression that reads its key from `message`."""
        return f"message.{self.key}" if self.key_type == "str" else f"UUID(message.{self.key})"


def events(root: Path) -> dict[str, Event]:
    """Every event of the contract, by type."""
    found = {}
    for file, message in _messages(root):
        policy = message.options.Extensions[policy_pb2.event]
        if policy.type:
            module = f"{Path(file).stem}_pb2"
            found[policy.type] = Event(policy.type, policy.topic, module, message.field[0].name)
    return found


def consumed(root: Path, wanted: Sequence[str]) -> list[Event]:
    """The events that are asked for: a type, a topic (all that is on it), or `topic/TYPE`. Raises BadName."""
    known = events(root)
    found: dict[str, Event] = {}
    for one in wanted:
        topic, _, event_type = one.rpartition("/")
        chosen = {
            name: event
            for name, event in known.items()
            if event.topic == one or (name == event_type and topic in ("", event.topic))
        }
        if not chosen:
            raise BadName(f"--consumes takes events or topics of the contract, not {one!r}: {', '.join(sorted(known))}")
        found |= chosen
    return list(found.values())


def message_names(root: Path) -> frozenset[str]:
    """The names of all our messages: one name has one schema in the OpenAPI document."""
    return frozenset(message.name for _, message in _messages(root))


def next_ports(system: System) -> tuple[int, int]:
    """gRPC and admin ports that no service has."""
    ports = [one.ports for one in system.services]
    return max(port.grpc for port in ports) + 1, max(port.admin for port in ports) + 1


def _messages(root: Path) -> Iterator[tuple[str, DescriptorProto]]:
    for file in FileDescriptorSet.FromString((root / DESCRIPTORS).read_bytes()).file:
        if file.name.startswith(OURS):
            yield from ((file.name, message) for message in file.message_type)


def routes(root: Path) -> frozenset[str]:
    """The REST paths that protos state, without what stands in braces."""
    texts = [path.read_text(encoding="utf-8") for path in (root / "proto").rglob("*.proto")]
    return frozenset(route for text in texts for route in re.findall(r'"(/api/v1/[a-z-]+)', text))
