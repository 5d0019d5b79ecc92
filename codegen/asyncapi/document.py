"""Puts the AsyncAPI document together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codegen.asyncapi.parties import DEAD_LETTERS, Party, read_parties
from codegen.contract import OURS, ContractError
from codegen.openapi.image import Image
from codegen.openapi.schemas import Schemas
from codegen.paths import ROOT

BASE = Path(__file__).with_name("base.yaml")
TOPICS = ROOT / "kafka" / "topics"

_EVENT_POLICY = "[argosy.policy.v1.event]"
_KEY = re.compile(r"\s*Key: (.+\.)$")
_BINDING = {"bindingVersion": "0.5.0"}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class EventType:
    """An event of the contract."""

    type: str
    """Its CloudEvents type."""
    topic: str
    message: str
    """The full name of its protobuf message."""


def write_asyncapi(image: Json, into: Path) -> None:
    """Writes `asyncapi.json`; the same contract gives the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    parties = read_parties({event.type: event.topic for event in events(image)})
    text = json.dumps(asyncapi(image, parties), indent=2, ensure_ascii=False)
    (into / "asyncapi.json").write_text(f"{text}\n", encoding="utf-8")


def asyncapi(image: Json, parties: tuple[Party, ...]) -> dict[str, Any]:
    """The document. image: with source information, whose comments become descriptions.

    Raises ContractError for an event without a key, a declared topic or exactly one publisher.
    """
    found = Image(image)
    declared = list(events(image))
    publishers = _publishers(declared, parties)
    schemas = Schemas(found, [event.message for event in declared])
    document: dict[str, Any] = yaml.safe_load(BASE.read_text(encoding="utf-8"))
    components = document.pop("components")
    document["channels"] = dict(_channels(declared))
    document["operations"] = dict(sorted(_operations(declared, parties)))
    document["components"] = components
    components["messages"] = {
        **{event.type: _message(event, found, schemas, publishers[event.topic]) for event in declared},
        **components["messages"],
    }
    components["schemas"] |= dict(sorted(schemas.components.items()))
    return document


def events(image: Json) -> Iterator[EventType]:
    """The events of the contract, in the order of its files."""
    for file in image["file"]:
        if file["name"].startswith(OURS):
            for message in file.get("messageType", []):
                if policy := message.get("options", {}).get(_EVENT_POLICY):
                    yield EventType(policy["type"], policy["topic"], f"{file['package']}.{message['name']}")


def _publishers(declared: list[EventType], parties: tuple[Party, ...]) -> Mapping[str, str]:
    """Topic → the service that publishes on it."""
    found = {}
    for topic in {event.topic for event in declared}:
        names = [party.name for party in parties if topic in party.publishes]
        if len(names) != 1:
            raise ContractError(f"{topic}: one service publishes on a topic, kafka/users has {len(names)} of them")
        found[topic] = names[0]
    return found


def _channels(declared: list[EventType]) -> Iterator[tuple[str, Json]]:
    topics = {name: (spec, about) for name, spec, about in _declared_topics()}
    for event in declared:
        if event.topic not in topics:
            raise ContractError(f"{event.message}: kafka/topics does not declare its topic {event.topic}")
    for topic, (spec, about) in sorted(topics.items()):
        is_dead = topic.endswith(DEAD_LETTERS)
        carried = ["DEAD_LETTER"] if is_dead else [event.type for event in declared if event.topic == topic]
        yield topic, _channel(topic, spec, about, carried)


def _channel(topic: str, spec: Json, about: str, carried: list[str]) -> Json:
    config = spec["config"]
    kafka = {
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
        "bindings": {"kafka": kafka},
    }


def _declared_topics() -> Iterator[tuple[str, Json, str]]:
    """Name, spec and the comment above it, of each topic in kafka/topics."""
    for file in sorted(TOPICS.glob("*-events.yaml")):
        text = file.read_text(encoding="utf-8")
        for part in re.split(r"(?m)^---\n", text):
            comment = " ".join(line.removeprefix("# ") for line in part.splitlines() if line.startswith("# "))
            topic = yaml.safe_load(part)
            yield topic["metadata"]["name"], topic["spec"], comment


def _operations(declared: list[EventType], parties: tuple[Party, ...]) -> Iterator[tuple[str, Json]]:
    by_topic = {event.topic: [one.type for one in declared if one.topic == event.topic] for event in declared}
    for party in parties:
        for topic in party.publishes:
            yield _operation(party, "publishes", topic, by_topic[topic], "Publishes, by its outbox.")
        consumed = {topic: [event for event in types if event in party.consumes] for topic, types in by_topic.items()}
        for topic, types in consumed.items():
            if types:
                about = f"Consumes, as the consumer group {party.group}."
                yield _operation(party, "consumes", topic, types, about, group=party.group)
                about = "Publishes what it could not process."
                yield _operation(party, "publishes", topic + DEAD_LETTERS, ["DEAD_LETTER"], about)
        for topic in party.follows:
            about = "Each process reads the whole topic, without a consumer group."
            yield _operation(party, "follows", topic, by_topic[topic], about)


def _operation(
    party: Party, verb: str, topic: str, types: list[str], about: str, *, group: str | None = None
) -> tuple[str, Json]:
    operation: dict[str, Any] = {
        "action": "send" if verb == "publishes" else "receive",
        "channel": {"$ref": f"#/channels/{topic}"},
        "title": f"{party.name} {verb} {topic}",
        "summary": about,
        "tags": [{"name": party.name}],
        "messages": [{"$ref": f"#/channels/{topic}/messages/{event}"} for event in types],
    }
    if group:
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "enum": [group]}, **_BINDING}}
    return f"{party.name}.{verb}.{topic}", operation


def _message(event: EventType, image: Image, schemas: Schemas, publisher: str) -> Json:
    comment = image.comment(event.message)
    key = _KEY.search(comment)
    if key is None:
        raise ContractError(f"{event.message}: its comment ends with its Kafka key, as in `Key: the order's id.`")
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
