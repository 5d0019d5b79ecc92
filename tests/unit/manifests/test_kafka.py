"""Kafka's users may do what the services do, and nothing more."""

from typing import Any

import pytest
import yaml

from facts.system import system, topic_of
from local.paths import ROOT
from manifests import setup
from manifests.builds import all_builds, manifests

Right = tuple[str, str, str]
KAFKA = ROOT / "generated" / "kafka"


def rights(name: str) -> set[Right]:
    users = {one["metadata"]["name"]: one for one in yaml.safe_load_all((KAFKA / "users.yaml").read_text())}
    user: Any = users[name]
    assert user["spec"]["authentication"] == {"type": "tls"}
    return {
        (acl["resource"]["type"], acl["resource"]["name"], operation)
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }


@pytest.mark.parametrize("service", system().names)
def test_a_service_has_the_rights_that_its_work_needs_and_no_other(service: str) -> None:
    expected: set[Right] = set()
    if system().publishes(service):
        expected |= {("topic", topic_of(service), right) for right in ("Describe", "Write")}
    # Every replica of every service follows ended sessions by itself, without a group or dead letters.
    expected |= {("topic", "user-events", right) for right in ("Describe", "Read")}
    for topic in system()[service].follows:
        expected |= {("topic", topic, right) for right in ("Describe", "Read")}
    for topic in system().consumed(service):
        expected |= {("topic", topic, right) for right in ("Describe", "Read")}
        # It lists its own dead letters for the staff.
        expected |= {("topic", f"{topic}.dlq", right) for right in ("Describe", "Read", "Write")}
        expected |= {("group", f"{service}-service-group", right) for right in ("Describe", "Read")}
    assert rights(service) == expected


def test_an_operator_may_read_everything_and_send_dead_letters_again() -> None:
    topics = {name for topic in system().topics for name in (topic, f"{topic}.dlq")}
    assert rights("operator") == {("topic", name, right) for name in topics for right in ("Describe", "Read", "Write")}


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
