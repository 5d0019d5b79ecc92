"""Reads who publishes and who consumes: topics from the ACLs in kafka/users, event types from each consumers.py."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from codegen.contract import ContractError
from codegen.paths import ROOT

DEAD_LETTERS = ".dlq"


@dataclass(frozen=True)
class Party:
    """What one service does on the bus."""

    name: str
    publishes: tuple[str, ...]
    """Topics."""
    group: str | None
    """Its consumer group; None when it has none."""
    consumes: tuple[str, ...]
    """Event types, by its consumer group."""
    follows: tuple[str, ...]
    """Topics that each of its processes reads whole, without a group."""


def read_parties(topics: Mapping[str, str], root: Path = ROOT) -> tuple[Party, ...]:
    """Every service with an ACL, by name. topics: event type → topic.

    Raises ContractError when an ACL and a consumer do not fit together.
    """
    users = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((root / "kafka" / "users").glob("*")))
    found = [user for user in users if user["kind"] == "KafkaUser"]
    return tuple(
        _party(user, topics, root) for user in found if (root / "services" / user["metadata"]["name"]).is_dir()
    )


def _party(user: Mapping[str, Any], topics: Mapping[str, str], root: Path) -> Party:
    name = user["metadata"]["name"]
    acls = user["spec"]["authorization"]["acls"]
    consumes = tuple(_consumed(root / "services" / name, topics))
    groups = [acl["resource"]["name"] for acl in acls if acl["resource"]["type"] == "group"]
    read = [topic for topic in _allowed(acls, "Read") if not topic.endswith(DEAD_LETTERS)]
    needed = {topics[event] for event in consumes}
    if not needed <= set(read) or bool(groups) != bool(consumes):
        raise ContractError(
            f"kafka/users/{name}.yaml does not fit what services/{name} consumes: {', '.join(consumes)}"
        )
    return Party(
        name=name,
        publishes=tuple(topic for topic in _allowed(acls, "Write") if not topic.endswith(DEAD_LETTERS)),
        group=groups[0] if groups else None,
        consumes=consumes,
        follows=tuple(topic for topic in read if topic not in needed),
    )


def _allowed(acls: Collection[Mapping[str, Any]], operation: str) -> list[str]:
    allowed = [acl["resource"] for acl in acls if operation in acl["operations"]]
    return sorted(resource["name"] for resource in allowed if resource["type"] == "topic")


def _consumed(service: Path, types: Collection[str]) -> Iterator[str]:
    """The event types that the handlers of a service are listed under."""
    keys = {
        key.value
        for file in sorted(service.rglob("consumers.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    return (event for event in types if event in keys)
