"""The gate finds what is wrong: each mistake is made in a shipped manifest, which passes without it."""

import copy
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from facts.system import system
from local.setup.checksums import WrongChecksums
from manifests import lint, schemas, setup
from manifests.builds import Manifest, all_builds, manifests

Change = Callable[[Manifest], object]


@pytest.fixture(scope="module")
def shipped() -> dict[str, Manifest]:
    """Everything, by kind and name; what was built last wins."""
    assert setup.main() == 0
    everything = [one for text in all_builds().values() for one in manifests(text)]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in everything}


def problems(manifest: Manifest) -> list[str]:
    return [*schemas.problems(manifest), *lint.problems(manifest)]


def container(manifest: Manifest) -> Any:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def outlier(manifest: Manifest) -> Any:
    return manifest["spec"]["trafficPolicy"]["outlierDetection"]


MISTAKES: dict[str, tuple[str, Change, str]] = {
    "an image without a version": ("Deployment/order", lambda m: container(m).update(image="argosy:latest"), "version"),
    "no limits": ("Deployment/order", lambda m: container(m)["resources"].pop("limits"), "limits"),
    "an unknown field of a pod": ("Deployment/order", lambda m: container(m).update(livenesProbe={}), "livenesProbe"),
    "a wrong type": ("Service/order", lambda m: m["spec"]["ports"][0].update(port="x"), "port"),
    "a short grace": (
        "Deployment/user",
        lambda m: m["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=30),
        "terminationGracePeriodSeconds",
    ),
    "an old balancer": (
        "DestinationRule/order",
        lambda m: m["spec"]["trafficPolicy"]["loadBalancer"].update(simple="LEAST_CONN"),
        "LEAST_REQUEST",
    ),
    "an old field of outlier detection": (
        "DestinationRule/order",
        lambda m: outlier(m).update(consecutiveErrors=outlier(m).pop("consecutive5xxErrors")),
        "consecutive5xxErrors",
    ),
    "a circuit breaker of old": (
        "DestinationRule/order",
        lambda m: m["spec"]["trafficPolicy"].update(circuitBreaker={}),
        "circuitBreaker",
    ),
    "an unknown mode": ("PeerAuthentication/default", lambda m: m["spec"]["mtls"].update(mode="STRIKT"), "STRIKT"),
    "an old version of Istio's": (
        "VirtualService/order",
        lambda m: m.update(apiVersion="networking.istio.io/v1beta1"),
        "is the current version",
    ),
    "a route that Istio repeats": (
        "VirtualService/order",
        lambda m: m["spec"]["http"][0].pop("retries"),
        "retries twice",
    ),
    "callers left out": (
        "AuthorizationPolicy/order-callers",
        lambda m: m["spec"]["rules"][0].pop("from"),
        "a rule needs callers",
    ),
    "a field that Strimzi does not know": (
        "Kafka/argosy",
        lambda m: m["spec"]["kafka"].update(storages={}),
        "storages",
    ),
    "a field that KEDA does not know": ("ScaledObject/order", lambda m: m["spec"].update(minReplicas=1), "minReplicas"),
    "a field that External Secrets do not know": (
        "ExternalSecret/order",
        lambda m: m["spec"]["data"][0].update(secret="x"),
        "secret",
    ),
    "a field that Prometheus' operator does not know": (
        "ServiceMonitor/services",
        lambda m: m["spec"]["endpoints"][0].update(url="/"),
        "url",
    ),
    "a rule that Prometheus' operator does not know": (
        "PrometheusRule/argosy",
        lambda m: m["spec"]["groups"][0]["rules"][0].update(query="1"),
        "query",
    ),
    "a secret in the open": (
        "ExternalSecret/order",
        lambda m: m.update(apiVersion="v1", kind="Secret", metadata={"name": "order"}),
        "ExternalSecret",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(shipped: dict[str, Manifest], mistake: str) -> None:
    name, make, named = MISTAKES[mistake]
    assert problems(shipped[name]) == []
    wrong = copy.deepcopy(shipped[name])
    make(wrong)
    found = problems(wrong)
    assert any(named in problem for problem in found), found


def test_every_component_is_built(shipped: dict[str, Manifest]) -> None:
    """KEDA's has replaced the HPA wherever it scales."""
    assert shipped["ScaledObject/order"]["spec"]["minReplicaCount"] == 4
    keda = manifests(all_builds()["k8s/components/keda"])
    scaled = {one["metadata"]["name"] for one in keda if one["kind"] == "ScaledObject"}
    by_cpu = {one["metadata"]["name"] for one in keda if one["kind"] == "HorizontalPodAutoscaler"}
    assert by_cpu == {"edge", "web", *system().names} - system().consumers.keys()
    assert not scaled & by_cpu


def test_the_delay_is_there_only_when_asked_for(shipped: dict[str, Manifest]) -> None:
    def delays(build: str) -> list[Any]:
        return [
            route["fault"]["delay"]
            for one in manifests(all_builds()[build])
            if one["kind"] == "VirtualService"
            for route in one["spec"]["http"]
            if "fault" in route
        ]

    assert delays("istio/components/users-delay") == [{"fixedDelay": "5s", "percentage": {"value": 0.1}}]
    assert delays("k8s/overlays/production") == []


def test_a_module_that_is_not_the_one_that_is_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = tmp_path / "modules.sum"
    sums.write_text(setup.SUMS.read_text().replace(" h1:", " h1:another"))
    monkeypatch.setattr(setup, "SUMS", sums)
    with pytest.raises(WrongChecksums, match=r"does not match its checksum in modules\.sum"):
        setup.downloaded(next(iter(setup.MODULES)), StringIO())
