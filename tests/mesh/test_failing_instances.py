"""One of two instances fails: reads do not show it, creates are never repeated, and the instance is left out."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.mesh.cluster import Cluster
from local.mesh.pods import NAMESPACE, Pod
from local.stack import Stack
from tests.mesh.calls import call
from tests.mesh.failing import FAILURE, FailingInstance
from tests.mesh.lab import Lab, until

CREATE = "/argosy.order.v1.OrderService/CreateOrder"
READ = "/argosy.order.v1.OrderService/GetOrder"
LOGIN = "/argosy.user.v1.UserService/Login"
CALLS = 30


@pytest.fixture(scope="module")
def as_edge(lab: Lab) -> Pod:
    """A workload with the edge's identity that makes only these tests' calls."""
    return lab.add(Pod("as-edge", "edge", 22, {"app": "as-edge"}))


@pytest.fixture(scope="module")
def failing_order(lab: Lab, stack: Stack, as_edge: Pod) -> Iterator[FailingInstance]:
    """A second instance of order. 30 % of two lets none go: it goes on being asked."""
    with FailingInstance() as instance:
        pod = lab.add(instance.pod("order", 23))
        until(lambda: call(stack, as_edge, "order", CREATE) == FAILURE, "nobody asks the failing instance")
        yield instance
        lab.remove(pod)


def test_reads_are_repeated_elsewhere_until_they_succeed(
    stack: Stack, as_edge: Pod, failing_order: FailingInstance
) -> None:
    before = failing_order.arrived[READ]
    answers = [call(stack, as_edge, "order", READ) for _ in range(CALLS)]
    assert failing_order.arrived[READ] > before, "there was nothing to hide"
    assert FAILURE not in answers


def test_a_create_is_sent_once_whatever_becomes_of_it(
    stack: Stack, as_edge: Pod, failing_order: FailingInstance
) -> None:
    before = failing_order.arrived[CREATE]
    answers = [call(stack, as_edge, "order", CREATE) for _ in range(CALLS)]
    assert answers.count(FAILURE) >= 1
    assert failing_order.arrived[CREATE] - before == answers.count(FAILURE)


def test_with_retries_of_creates_they_would_be_sent_again(
    stack: Stack, cluster: Cluster, lab: Lab, as_edge: Pod, failing_order: FailingInstance
) -> None:
    """The control, and the mutation: what Istio does when nobody tells it not to."""
    careless = _shipped(cluster, "virtualservice", "order")
    for route in careless["spec"]["http"]:
        route["retries"] = {"attempts": 3, "retryOn": "unavailable"}

    def repeated() -> bool:
        before = failing_order.arrived[CREATE]
        answers = [call(stack, as_edge, "order", CREATE) for _ in range(CALLS)]
        return failing_order.arrived[CREATE] - before > answers.count(FAILURE)

    with lab.changed(careless):
        until(repeated, "creates are not repeated even so")
    until(lambda: not repeated(), "creates are still repeated")


def test_an_instance_is_left_out_at_the_stated_count_and_taken_back(
    stack: Stack, cluster: Cluster, lab: Lab, as_edge: Pod
) -> None:
    """User: five errors in a row, 30 s, and half of the instances may be left out."""
    stated = _shipped(cluster, "destinationrule", "user")["spec"]["trafficPolicy"]["outlierDetection"]
    with FailingInstance() as instance:
        pod = lab.add(instance.pod("user", 24))
        until(lambda: instance.arrived[LOGIN] + _logins(stack, as_edge, 1) > 0, "nobody asks the failing instance")
        _logins(stack, as_edge, CALLS)
        assert instance.arrived[LOGIN] == stated["consecutive5xxErrors"]
        until(
            lambda: _logins(stack, as_edge, 2) > 0,
            "the instance is not taken back",
            seconds=4 * float(stated["baseEjectionTime"].removesuffix("s")),
        )
        lab.remove(pod)


def test_without_outlier_detection_it_is_asked_for_ever(stack: Stack, cluster: Cluster, lab: Lab, as_edge: Pod) -> None:
    """The control, and the mutation."""
    patient = _shipped(cluster, "destinationrule", "user")
    stated = patient["spec"]["trafficPolicy"].pop("outlierDetection")
    with FailingInstance() as instance, lab.changed(patient):
        pod = lab.add(instance.pod("user", 24))
        until(
            lambda: instance.arrived[LOGIN] + _logins(stack, as_edge, 2) > 2 * stated["consecutive5xxErrors"],
            "it is left out all the same",
        )
        lab.remove(pod)


def _logins(stack: Stack, caller: Pod, count: int) -> int:
    """Sign in (with nothing) so many times; how many of them failed."""
    return [call(stack, caller, "user", LOGIN) for _ in range(count)].count(FAILURE)


def _shipped(cluster: Cluster, kind: str, name: str) -> Any:
    found = cluster.read(f"{kind}.networking.istio.io", name, "-n", NAMESPACE)
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": found["spec"],
    }
