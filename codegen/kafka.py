"""Generates Strimzi objects from the facts: topics, users and their ACLs."""

from __future__ import annotations

from pathlib import Path

from codegen.cluster import Manifest, kustomization
from codegen.yaml_files import write_yaml
from facts.service import Service, Topic
from facts.system import System, topic_of

_DAY_MS = 24 * 60 * 60 * 1000
_DEAD_LETTERS_KEPT_DAYS = 30
SESSIONS = "user-events"
"""The topic of revoked sessions. Every replica of every service reads it, without a consumer group."""
_READ, _WRITE = "Read", "Write"


def write_kafka(system: System, into: Path) -> None:
    """Write one file per kind, and their kustomization."""
    write_yaml(into / "topics.yaml", "The topics, each with its dead letter topic.", *topics(system))
    write_yaml(into / "users.yaml", "The users and their ACLs.", *users(system))
    write_yaml(into / "access.yaml", "Access to the certificates of the services.", secret_reader(system))
    files = kustomization("topics.yaml", "users.yaml", "access.yaml")
    write_yaml(into / "kustomization.yaml", "Topics, users and access to their certificates.", files)


def topics(system: System) -> list[Manifest]:
    """Each publisher's topic and its dead letter topic, with equal numbers of partitions."""
    return [
        _topic(name, one.topic.partitions, days)
        for one in system.services
        if one.topic is not None
        for name, days in _kept(one, one.topic)
    ]


def users(system: System) -> list[Manifest]:
    """The users of the services, and the operator's."""
    return [_service_user(system, one) for one in system.services] + [_operator(system)]


def secret_reader(system: System) -> Manifest:
    """The role that allows reading secrets of Kafka's namespace: the cluster's CA and each service's certificate."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "secret-reader"},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["argosy-cluster-ca-cert", *system.names],
                "verbs": ["get"],
            }
        ],
    }


def user(name: str, acls: list[Manifest]) -> Manifest:
    """A Kafka user with a certificate and these ACLs."""
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": "argosy"}},
        "spec": {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": acls}},
    }


def acl(kind: str, name: str, *operations: str) -> Manifest:
    """One ACL. It always includes Describe."""
    resource = {"type": kind, "name": name, "patternType": "literal"}
    return {"resource": resource, "operations": ["Describe", *operations]}


def dead_letters(topic: str) -> str:
    """The topic of a topic's dead letters."""
    return f"{topic}.dlq"


def _kept(service: Service, topic: Topic) -> list[tuple[str, int]]:
    name = topic_of(service.name)
    return [(name, topic.keep_days), (dead_letters(name), _DEAD_LETTERS_KEPT_DAYS)]


def _topic(name: str, partitions: int, keep_days: int) -> Manifest:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": "argosy"}},
        "spec": {
            "partitions": partitions,
            "replicas": 3,
            "config": {
                "cleanup.policy": "delete",
                "min.insync.replicas": 2,
                "retention.ms": keep_days * _DAY_MS,
                "segment.ms": _DAY_MS,
            },
        },
    }


def _service_user(system: System, service: Service) -> Manifest:
    consumed = system.consumed(service.name)
    rights: dict[str, list[str]] = {}
    for topic in (SESSIONS, *service.follows, *consumed):
        rights.setdefault(topic, [_READ])
    if service.topic is not None:
        rights.setdefault(topic_of(service.name), []).append(_WRITE)
    acls = [acl("topic", topic, *rights[topic]) for topic in sorted(rights)]
    if consumed:
        acls.append(acl("group", service.group, _READ))
    acls += [acl("topic", dead_letters(topic), _READ, _WRITE) for topic in consumed]
    return user(service.name, acls)


def _operator(system: System) -> Manifest:
    """The user for `argosy tail` and `argosy dlq`: reads and writes all topics, without a consumer group."""
    every = [name for topic in system.topics for name in (topic, dead_letters(topic))]
    return user("operator", [acl("topic", name, _READ, _WRITE) for name in every])
