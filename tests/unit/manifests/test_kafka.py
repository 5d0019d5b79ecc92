"""Kafka's users may do what the services do, and nothing more."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from argosy.event.v1 import inventory_events_pb2, order_events_pb2, payment_events_pb2, user_events_pb2
from argosy.policy.v1 import policy_pb2
from local.manifests import setup
from local.manifests.builds import all_builds, manifests

ROOT = Path(__file__).parents[3]
SERVICES = ("inventory", "notification", "order", "payment", "user")
EVENTS = (inventory_events_pb2, order_events_pb2, payment_events_pb2, user_events_pb2)

Right = tuple[str, str, str]


def topic_of() -> dict[str, str]:
    """Event type → topic, from the contract."""
    policies = [
        message.GetOptions().Extensions[policy_pb2.event]
        for module in EVENTS
        for message in module.DESCRIPTOR.message_types_by_name.values()
    ]
    return {policy.type: policy.topic for policy in policies if policy.type}


def rights(name: str) -> set[Right]:
    user: Any = yaml.safe_load((ROOT / "kafka" / "users" / f"{name}.yaml").read_text())
    assert user["metadata"]["name"] == name
    assert user["spec"]["authentication"] == {"type": "tls"}
    return {
        (acl["resource"]["type"], acl["resource"]["name"], operation)
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }


def heard(service: str) -> set[str]:
    """The topics of the events that a service's table of handlers names."""
    tables = [path.read_text() for path in (ROOT / "services" / service).rglob("consumers.py")]
    return {topic_of()[name] for name in re.findall(r'"([A-Z][A-Z_]+)":', "".join(tables))}


def followed(service: str) -> set[str]:
    """The topics that a service follows besides, without a group: of the events that its modules with a tail name."""
    sources = [path.read_text() for path in (ROOT / "services" / service).rglob("*.py")]
    tails = [source for source in sources if "services.chassis.tail" in source]
    named = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in re.findall(r"_pb2\.(\w+)", "".join(tails))}
    return {topic for kind, topic in topic_of().items() if kind in named}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_rights_that_its_work_needs_and_no_other(service: str) -> None:
    expected: set[Right] = set()
    if f"{service}-events" in topic_of().values():
        expected |= {("topic", f"{service}-events", right) for right in ("Describe", "Write")}
    # Every replica of every service follows ended sessions by itself, without a group or dead letters.
    expected |= {("topic", "user-events", right) for right in ("Describe", "Read")}
    for topic in followed(service):
        expected |= {("topic", topic, right) for right in ("Describe", "Read")}
    for topic in heard(service):
        expected |= {("topic", topic, right) for right in ("Describe", "Read")}
        expected |= {("topic", f"{topic}.dlq", right) for right in ("Describe", "Write")}
        expected |= {("group", f"{service}-service-group", right) for right in ("Describe", "Read")}
    assert rights(service) == expected


def test_an_operator_may_read_everything_and_send_dead_letters_again() -> None:
    topics = {name for topic in topic_of().values() for name in (topic, f"{topic}.dlq")}
    assert rights("operator") == {("topic", name, right) for name in topics for right in ("Describe", "Read", "Write")}


def test_every_topic_has_dead_letters_of_as_many_partitions() -> None:
    declared = {
        one["metadata"]["name"]: one["spec"]
        for path in (ROOT / "kafka" / "topics").glob("*-events.yaml")
        for one in yaml.safe_load_all(path.read_text())
    }
    topics = set(topic_of().values())
    assert set(declared) == topics | {f"{topic}.dlq" for topic in topics}
    for topic in topics:
        assert declared[topic]["partitions"] == declared[f"{topic}.dlq"]["partitions"]


def anti_affinity(build: str) -> Any:
    assert setup.main() == 0
    (pool,) = (one for one in manifests(all_builds()[build]) if one["kind"] == "KafkaNodePool")
    return pool["spec"]["template"]["pod"]["affinity"]["podAntiAffinity"]


def test_kafkas_nodes_prefer_hosts_of_their_own() -> None:
    rules = anti_affinity("kafka")
    assert rules.keys() == {"preferredDuringSchedulingIgnoredDuringExecution"}
    preferred = rules["preferredDuringSchedulingIgnoredDuringExecution"]
    weights = {one["podAffinityTerm"]["topologyKey"]: one["weight"] for one in preferred}
    assert weights == {"kubernetes.io/hostname": 100, "topology.kubernetes.io/zone": 50}


def test_kafkas_nodes_have_hosts_of_their_own_where_that_is_demanded() -> None:
    rules = anti_affinity("kafka/components/separate-hosts")
    (demanded,) = rules["requiredDuringSchedulingIgnoredDuringExecution"]
    assert demanded["topologyKey"] == "kubernetes.io/hostname"
    preferred = rules["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [one["podAffinityTerm"]["topologyKey"] for one in preferred] == ["topology.kubernetes.io/zone"]
