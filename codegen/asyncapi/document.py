"""Builds the AsyncAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codegen import kafka
from codegen.kafka import dead_letters
from codegen.openapi.image import Image
from codegen.openapi.schemas import Schemas
from facts.system import System, topic_of
from services.chassis.rpc.contract import OURS, ContractError

BASE = Path(__file__).with_name("base.yaml")

_EVENT_POLICY = "[argosy.policy.v1.event]"
_KEY = re.compile(r"\s*Key: (.+\.)$")
_BINDING = {"bindingVersion": "0.5.0"}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """An event of the contract."""

    type: str
    """The CloudEvents type."""
    topic: str
    message: str
    """The full name of the protobuf message."""


def write_asyncapi(image: Json, system: System, into: Path) -> None:
    """Write `asyncapi.json`. The same contract and facts give the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asyncapi(image, system), indent=2, ensure_ascii=False)
    (into / "asyncapi.json").write_text(f"{text}\n", encoding="utf-8")


def asyncapi(image: Json, system: System) -> dict[str, Any]:
    """The document. `image` needs source information: comments become descriptions.

    Raises ContractError for an event without a key.
    """
    found = Image(image)
    declared = list(_events(image))
    publishers = {topic_of(name): name for name in system.publishers}
    schemas = Schemas(found, [event.message for event in declared])
    document: dict[str, Any] = yaml.safe_load(BASE.read_text(encoding="utf-8"))
    components = document.pop("components")
    document["channels"] = dict(sorted(_channels(declared, system)))
    document["operations"] = dict(sorted(_operations(declared, system)))
    document["components"] = components
    components["messages"] = {
        **{event.type: _message(event, found, schemas, publishers[event.topic]) for event in declared},
        **components["messages"],
    }
    components["schemas"] |= dict(sorted(schemas.components.items()))
    return document


def _events(image: Json) -> Iterator[Event]:
    """The events of the contract, in the order of its files."""
    for file in image["file"]:
        if file["name"].startswith(OURS):
            for message in file.get("messageType", []):
                if policy := message.get("options", {}).get(_EVENT_POLICY):
                    yield Event(policy["type"], policy["topic"], f"{file['package']}.{message['name']}")


def _channels(declared: list[Event], system: System) -> Iterator[tuple[str, Json]]:
    specs = {one["metadata"]["name"]: one["spec"] for one in kafka.topics(system)}
    for service in system.services:
        if service.topic is not None:
            topic = topic_of(service.name)
            types = [event.type for event in declared if event.topic == topic]
            yield topic, _channel(topic, specs[topic], service.topic.about, types)
            dead = dead_letters(topic)
            about = f"Events of {topic} that a consumer could not process."
            yield dead, _channel(dead, specs[dead], about, ["DEAD_LETTER"])


def _channel(topic: str, spec: Json, about: str, carried: list[str]) -> Json:
    config = spec["config"]
    binding = {
        "topic": topic,
        "partitions": spec["partitions"],
        "replicas": spec["replicas"],
        "topicConfiguration": {
            "cleanup.policy": [config["cleanup.policy"]],
            "retention.ms": config["retention.ms"],
        },
        **_BINDING,
    }
    return {
        "address": topic,
        "description": about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in carried},
        "bindings": {"kafka": binding},
    }


def _operations(declared: list[Event], system: System) -> Iterator[tuple[str, Json]]:
    by_topic = {event.topic: [one.type for one in declared if one.topic == event.topic] for event in declared}
    for service in system.services:
        name = service.name
        if service.topic is not None:
            topic = topic_of(name)
            yield _operation(name, "publishes", topic, by_topic[topic], "Publishes through its outbox.")
        for topic in system.consumed(name):
            types = [event for event in by_topic[topic] if event in service.consumes]
            about = f"Consumes, as the consumer group {service.group}."
            yield _operation(name, "consumes", topic, types, about, group=service.group)
            about = "Publishes what it could not process."
            yield _operation(name, "publishes", dead_letters(topic), ["DEAD_LETTER"], about)
        for topic in sorted({kafka.SESSIONS, *service.follows}):
            about = "Each process reads the whole topic, without a consumer group."
            yield _operation(name, "follows", topic, by_topic[topic], about)


def _operation(
    service: str, verb: str, topic: str, types: list[str], about: str, *, group: str | None = None
) -> tuple[str, Json]:
    operation: dict[str, Any] = {
        "action": "send" if verb == "publishes" else "receive",
        "channel": {"$ref": f"#/channels/{topic}"},
        "title": f"{service} {verb} {topic}",
        "summary": about,
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/{topic}/messages/{event}"} for event in types],
    }
    if group:
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "enum": [group]}, **_BINDING}}
    return f"{service}.{verb}.{topic}", operation


def _message(event: Event, image: Image, schemas: Schemas, publisher: str) -> Json:
    comment = image.comment(event.message)
    key = _KEY.search(comment)
    if key is None:
        raise ContractError(f"{event.message}: its comment must end with its Kafka key, as in `Key: the order's id.`")
    about = {"ce_type": {"const": event.type}, "ce_source": {"const": f"/argosy/{publisher}"}}
    return {
        "name": event.type,
        "title": event.message.rpartition(".")[2],
        "summary": _KEY.sub("", comment),
        "tags": [{"name": publisher}],
        "headers": {"allOf": [{"$ref": "#/components/schemas/EventHeaders"}, {"properties": about}]},
        "payload": schemas.answer(event.message),
        "bindings": {"kafka": {"key": {"type": "string", "description": _sentence(key[1])}, **_BINDING}},
        "x-protobuf-message": event.message,
    }


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
