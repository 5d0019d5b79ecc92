"""One of two instances fails: reads do not show it, and creates are never repeated."""

from collections.abc import Iterator

import grpc
import pytest

from local.stack import Stack
from mesh.cluster import Cluster
from mesh.pods import Pod
from tests.mesh.calls import call
from tests.mesh.instances import FAILURE, Crowd, Instance, fail
from tests.mesh.lab import Lab, until
from tests.mesh.policies import shipped

CREATE = "/argosy.order.v1.OrderService/CreateOrder"
READ = "/argosy.order.v1.OrderService/GetOrder"
CALLS = 30
READS = 100
TRIES = 3
"""Of a read of orders: two retries, `read_retries` in the contract."""


@pytest.fixture(scope="module")
def failing_order(lab: Lab, stack: Stack, as_edge: Pod) -> Iterator[Instance]:
    """A second instance of order. 30 % of two lets none go: it goes on being asked."""
    with Crowd(stack, lab, "order", as_edge).of(fail) as (instance,):
        until(lambda: call(stack, as_edge, "order", CREATE) == FAILURE, "nobody asks the failing instance")
        yield instance


def test_reads_are_repeated_elsewhere_until_they_succeed(stack: Stack, as_edge: Pod, failing_order: Instance) -> None:
    """A retry avoids the instance that failed, as well as Envoy can: of two, it finds the other in 63 of 64 cases.

    It draws an instance six times at most (`host_selection_retry_max_attempts`, 5 in Istio). So one read in 8,192 meets
    the failing instance at each of its three tries. Drawn without regard to the last one, it would be one in eight.
    """
    met = [_read(stack, as_edge, failing_order) for _ in range(READS)]
    shown = [tries for answer, tries in met if answer == FAILURE]
    assert any(tries for _, tries in met), "there was nothing to hide"
    assert set(shown) <= {TRIES}, "a read was given up before its last try"
    assert len(shown) <= 1, f"{len(shown)} of {READS} reads failed: they are not repeated elsewhere"


def test_a_create_is_sent_once_whatever_becomes_of_it(stack: Stack, as_edge: Pod, failing_order: Instance) -> None:
    before = failing_order.arrived[CREATE]
    answers = [call(stack, as_edge, "order", CREATE) for _ in range(CALLS)]
    assert answers.count(FAILURE) >= 1
    assert failing_order.arrived[CREATE] - before == answers.count(FAILURE)


def test_with_retries_of_creates_they_would_be_sent_again(
    stack: Stack, cluster: Cluster, lab: Lab, as_edge: Pod, failing_order: Instance
) -> None:
    """The control, and the mutation: what Istio does by default."""
    careless = shipped(cluster, "virtualservice", "order")
    for route in careless["spec"]["http"]:
        route["retries"] = {"attempts": 3, "retryOn": "unavailable"}

    def repeated() -> bool:
        before = failing_order.arrived[CREATE]
        answers = [call(stack, as_edge, "order", CREATE) for _ in range(CALLS)]
        return failing_order.arrived[CREATE] - before > answers.count(FAILURE)

    with lab.changed(careless):
        until(repeated, "creates are not repeated even so")
    until(lambda: not repeated(), "creates are still repeated")


def _read(stack: Stack, caller: Pod, failing: Instance) -> tuple[tuple[grpc.StatusCode, str], int]:
    """One read: its answer, and how many of its tries met the failing instance."""
    before = failing.arrived[READ]
    answer = call(stack, caller, "order", READ)
    return answer, failing.arrived[READ] - before
