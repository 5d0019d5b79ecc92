"""Every overlay and component, as the real API server judges it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.builds import names
from mesh.cluster import Cluster, KubectlFailed
from mesh.everything import judge

WRONG = {
    "a field that Kubernetes does not know": (
        "apps/v1",
        "Deployment",
        {"replica": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}},
        "field not declared in schema",
    ),
    "a field that Istio does not know": (
        "networking.istio.io/v1",
        "DestinationRule",
        {"host": "user", "trafficPolicy": {"circuitBreaker": {"simpleCb": {}}}},
        "field not declared in schema",
    ),
    "a value that a rule of Istio's refuses": (
        "networking.istio.io/v1",
        "DestinationRule",
        {"host": "user", "trafficPolicy": {"outlierDetection": {"baseEjectionTime": "0s"}}},
        "must be a valid duration greater than 1ms",
    ),
    "a topic that Strimzi refuses": (
        "kafka.strimzi.io/v1",
        "KafkaTopic",
        {"partitions": 0, "replicas": 3},
        "greater than or equal to 1",
    ),
    "a scaling that KEDA refuses": (
        "keda.sh/v1alpha1",
        "ScaledObject",
        {"scaleTargetRef": {"name": "order"}},
        "spec.triggers",
    ),
}


def test_the_api_server_accepts_every_overlay_and_component(cluster: Cluster) -> None:
    accepted = judge(cluster)
    assert list(accepted) == [component or base for base, component in names()]
    assert all(accepted.values())


@pytest.mark.parametrize("wrong", WRONG)
def test_it_refuses_what_is_wrong(cluster: Cluster, tmp_path: Path, wrong: str) -> None:
    """The control: it is held to schemas and rules, operators' too."""
    version, kind, spec, reason = WRONG[wrong]
    manifest: dict[str, Any] = {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "wrong", "namespace": "production"},
        "spec": spec,
    }
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "kustomization.yaml").write_text("resources: [wrong.yaml]")
    with pytest.raises(KubectlFailed, match=reason):
        cluster.apply("-k", str(tmp_path), "--dry-run=server")
