"""What is shipped fits the Istio that it is installed beside; each name that one side changes alone is found."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from manifests import setup
from manifests.builds import WHOLE, Manifest, all_builds, manifests
from manifests.fit import problems
from manifests.installation import INSTALLED, Installation, differences, facts, of_facts

Facts = dict[str, Any]
System = dict[str, Manifest]


@pytest.fixture(scope="module")
def systems() -> dict[str, System]:
    """The objects of each whole system by kind and name."""
    assert setup.main() == 0
    built = all_builds()
    return {name: {f"{one['kind']}/{one['metadata']['name']}": one for one in manifests(built[name])} for name in WHOLE}


@pytest.fixture
def installed() -> Facts:
    """What Istio's charts make, to be changed."""
    return dict(yaml.safe_load(INSTALLED.read_text()))


def found(system: System, installed: Facts) -> list[str]:
    return list(problems(list(system.values()), of_facts(installed)))


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_system_fits(systems: dict[str, System], installed: Facts, name: str) -> None:
    assert found(systems[name], installed) == []


def principals(policy: Manifest) -> list[str]:
    listed: list[str] = policy["spec"]["rules"][0]["from"][0]["source"]["principals"]
    return listed


def peer(policy: Manifest, way: str, end: str, index: int = 0) -> Any:
    return policy["spec"][way][index][end][-1]["podSelector"]["matchLabels"]


SHIPPED_MISTAKES: dict[str, tuple[str, Callable[[Manifest], object], str]] = {
    "the account that the gateway had in another chart": (
        "AuthorizationPolicy/edge-callers",
        lambda m: principals(m).__setitem__(0, "cluster.local/ns/istio-system/sa/istio-ingressgateway"),
        "no pod runs as istio-ingressgateway in istio-system",
    ),
    "an account that exists and is not the gateway's": (
        "AuthorizationPolicy/edge-callers",
        lambda m: principals(m).__setitem__(0, "cluster.local/ns/istio-system/sa/istiod"),
        "the gateway calls as cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account",
    ),
    "another trust domain": (
        "AuthorizationPolicy/order-callers",
        lambda m: principals(m).__setitem__(0, principals(m)[0].replace("cluster.local", "example.org")),
        "the trust domain is not example.org",
    ),
    "a caller that nobody is": (
        "AuthorizationPolicy/order-callers",
        lambda m: principals(m).__setitem__(0, "cluster.local/ns/production/sa/orders"),
        "no pod runs as orders in production",
    ),
    "a gateway's label that no pod has": (
        "Gateway/public",
        lambda m: m["spec"]["selector"].update(istio="gateway"),
        "selects 0 workloads",
    ),
    "a port that the gateway has not": (
        "Gateway/public",
        lambda m: m["spec"]["servers"][0]["port"].update(number=8081),
        "no port 8081",
    ),
    "a certificate beside the services": (
        "ExternalSecret/api-tls-secret",
        lambda m: m["metadata"].update(namespace="production"),
        "nothing creates the secret api-tls-secret in istio-system",
    ),
    "a network that keeps the gateway out": (
        "NetworkPolicy/edge-callers",
        lambda m: peer(m, "ingress", "from").update(istio="gateway"),
        "no NetworkPolicy lets istio-ingressgateway of istio-system reach it",
    ),
    "a label that istiod has not": (
        "NetworkPolicy/everybody",
        lambda m: peer(m, "egress", "to", 1).update(app="pilot"),
        "no pod of istio-system has",
    ),
    "a port that istiod has not": (
        "NetworkPolicy/everybody",
        lambda m: m["spec"]["egress"][1]["ports"][0].update(port=15011),
        "istiod has no port 15011",
    ),
    "a sidecar's port without metrics": (
        "NetworkPolicy/monitoring",
        lambda m: m["spec"]["ingress"][0]["ports"][1].update(port=15090),
        "15090 is not a readable port of a sidecar",
    ),
    "a collector that the mesh does not know": (
        "Telemetry/default",
        lambda m: m["spec"]["tracing"][0]["providers"][0].update(name="jaeger"),
        "jaeger is not configured",
    ),
    "a collector that nobody may reach": (
        "NetworkPolicy/everybody",
        lambda m: m["spec"]["egress"][2]["ports"][0].update(port=4318),
        "allows all pods to reach otel-collector",
    ),
}


@pytest.mark.parametrize("mistake", SHIPPED_MISTAKES)
@pytest.mark.parametrize("name", WHOLE)
def test_a_mistake_in_what_is_shipped_is_found(
    systems: dict[str, System], installed: Facts, name: str, mistake: str
) -> None:
    which, make, finding = SHIPPED_MISTAKES[mistake]
    system = copy.deepcopy(systems[name])
    make(system[which])
    assert any(finding in problem for problem in found(system, installed)), found(system, installed)


def workload(installed: Facts, name: str) -> Any:
    return next(one for one in installed["workloads"] if one["name"] == name)


def service(installed: Facts, name: str) -> Any:
    return next(one for one in installed["objects"] if one["kind"] == "Service" and one["metadata"]["name"] == name)


CHART_CHANGES: dict[str, tuple[Callable[[Facts], object], str]] = {
    "the gateway's account": (
        lambda facts: workload(facts, "istio-ingressgateway").update(account="gateway"),
        "the gateway calls as cluster.local/ns/istio-system/sa/gateway",
    ),
    "the gateway's labels": (
        lambda facts: workload(facts, "istio-ingressgateway")["labels"].pop("istio"),
        "selects 0 workloads",
    ),
    "the gateway's namespace": (
        lambda facts: workload(facts, "istio-ingressgateway").update(namespace="istio-ingress"),
        "of istio-ingress reach it",
    ),
    "the gateway's ports": (
        lambda facts: service(facts, "istio-ingressgateway")["spec"]["ports"].pop(),
        "no port 443",
    ),
    "the trust domain": (lambda facts: facts["mesh"].update(trustDomain="example.org"), "the trust domain is not"),
    "Istio's namespace": (
        lambda facts: [one.update(namespace="istio") for one in facts["workloads"]],
        "no pod of istio-system has",
    ),
    "istiod's port": (lambda facts: workload(facts, "istiod").update(ports=[15010]), "istiod has no port 15012"),
    "the sidecars' port for figures": (
        lambda facts: facts["sidecars"].update(statusPort=15019),
        "15020 is not a readable port",
    ),
    "the collector": (lambda facts: facts["mesh"].pop("extensionProviders"), "otel-collector is not configured"),
    "the CNI plugin": (lambda facts: facts["sidecars"].update(cni=False), "without Istio's CNI plugin"),
}


@pytest.mark.parametrize("change", CHART_CHANGES)
def test_a_change_of_the_charts_is_found(systems: dict[str, System], installed: Facts, change: str) -> None:
    make, finding = CHART_CHANGES[change]
    make(installed)
    seen = found(systems["k8s/overlays/production"], installed)
    assert any(finding in problem for problem in seen), seen


def test_what_is_kept_and_differs_from_the_charts_is_named(installed: Facts) -> None:
    fresh = copy.deepcopy(installed)
    assert list(differences("", installed, fresh)) == []
    workload(fresh, "istio-ingressgateway")["account"] = "gateway"
    (difference,) = differences("", installed, fresh)
    assert difference.startswith("workloads[1].account: the file has 'istio-ingressgateway-service-account'")
    del fresh["mesh"]["trustDomain"]
    assert len(list(differences("", installed, fresh))) == 2


def test_facts_are_taken_from_rendered_manifests() -> None:
    """The shape that istioctl prints, as far as it is read."""
    labels = {"operator.istio.io/component": "IngressGateways"}
    pod = {"serviceAccountName": "an-account", "containers": [{"ports": [{"containerPort": 8080}]}]}
    istiod = {
        "serviceAccountName": "istiod",
        "containers": [{"env": [{"name": "CLUSTER_ID", "value": "Kubernetes"}]}],
    }
    values = (
        '{"global": {"proxy": {"statusPort": 15020, "clusterDomain": "cluster.local"}, '
        '"sds": {"token": {"aud": "istio-ca"}}}, "pilot": {"cni": {"enabled": true}}}'
    )
    rendered: list[Manifest] = [
        _object("ConfigMap", "istio", data={"mesh": "trustDomain: cluster.local\nrootNamespace: istio-system"}),
        _object("ConfigMap", "istio-sidecar-injector", data={"values": values}),
        _object("Deployment", "istiod", spec={"template": {"metadata": {"labels": {"app": "istiod"}}, "spec": istiod}}),
        _object("Deployment", "gateway", spec={"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}}),
        _object("ServiceAccount", "an-account", labels=labels),
        _object("ServiceAccount", "istio-reader"),
    ]
    made: Installation = of_facts(facts(rendered))
    (gateway,) = made.chosen({"a": "b"}, "istio-system")
    assert (gateway.account, gateway.ports, made.trust_domain) == ("an-account", [8080], "cluster.local")
    assert [one["metadata"] for one in made.objects] == [{"name": "an-account", "namespace": "istio-system"}]


def _object(kind: str, name: str, labels: dict[str, str] | None = None, **rest: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "namespace": "istio-system", "labels": labels or {}}, **rest}
