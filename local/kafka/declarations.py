"""Reads generated/kafka/topics.yaml, the declaration of the topics that the cluster's operator also reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from local.paths import ROOT

TOPICS = ROOT / "generated" / "kafka" / "topics.yaml"


@dataclass(frozen=True)
class Topic:
    """A declared topic: name, partitions, replicas, and settings as text."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


def declared() -> list[Topic]:
    """All topics, by name. Raises KeyError if a manifest lacks a field, ValueError if it is no KafkaTopic."""
    return sorted(_read(), key=lambda topic: topic.name)


def _read() -> Iterator[Topic]:
    for manifest in yaml.safe_load_all(TOPICS.read_text()):
        if manifest["kind"] != "KafkaTopic":
            raise ValueError(f"{TOPICS.name} holds a {manifest['kind']}, not a KafkaTopic")
        spec = manifest["spec"]
        settings = {name: str(value) for name, value in spec["config"].items()}
        yield Topic(manifest["metadata"]["name"], spec["partitions"], spec["replicas"], settings)
