"""Every service and the edge are restarted, pod after pod, while people buy: no call fails, creates included."""

from collections.abc import Iterator
from functools import partial

import pytest

from local.stack import Stack
from mesh.pods import PODS
from tests.mesh.customers import Customers
from tests.mesh.envoys import let_in
from tests.mesh.lab import Lab, until
from tests.mesh.rollout import WORKLOADS, Originals, Replica, take_calls, take_no_calls, together

PEOPLE = 4
AT_LEAST = 20
"""The minimum of calls of each kind for their success to be evidence."""


@pytest.fixture
def replicas(stack: Stack, lab: Lab) -> Iterator[dict[str, Replica]]:
    """None of them runs afterwards, whatever happened."""
    made = {name: Replica(stack, lab, name) for name in WORKLOADS}
    yield made
    take_no_calls(stack, lab, [replica.pod for replica in made.values()])
    together(replica.stop for replica in made.values())


@pytest.fixture
def originals(stack: Stack, lab: Lab) -> Iterator[Originals]:
    """They run and are called afterwards, whatever happened."""
    made = Originals(stack)
    yield made
    together(partial(made.start, name) for name in WORKLOADS)
    take_calls(stack, lab, PODS.values())


def test_nobody_notices_a_rolling_restart_of_everything(
    stack: Stack, lab: Lab, replicas: dict[str, Replica], originals: Originals
) -> None:
    seconds = [replica.pod for replica in replicas.values()]
    with Customers(stack, PEOPLE) as customers:
        until(lambda: customers.calls["POST payments"] > 0, "nobody can buy")
        together(replica.start for replica in replicas.values())
        take_calls(stack, lab, seconds)
        take_no_calls(stack, lab, PODS.values())
        together(partial(originals.stop, name) for name in WORKLOADS)

        bought = customers.calls["POST payments"]
        until(lambda: customers.calls["POST payments"] > bought + PEOPLE, "nobody can buy from the new pods")
        assert [pod.name for pod in seconds if not let_in(stack, pod)] == []

        together(partial(originals.start, name) for name in WORKLOADS)
        take_calls(stack, lab, PODS.values())
        take_no_calls(stack, lab, seconds)
        together(replica.stop for replica in replicas.values())
        bought = customers.calls["POST payments"]
        until(lambda: customers.calls["POST payments"] > bought + PEOPLE, "nobody can buy from the old pods")
    print(f"{customers.calls.total()} calls, {len(customers.failures)} failed: {dict(customers.calls)}")
    assert customers.failures == []
    for kind in ("POST orders", "POST payments", "GET products", "GET orders", "GET users", "GET notifications"):
        assert customers.calls[kind] >= AT_LEAST, kind


def test_a_restart_without_another_pod_is_noticed(stack: Stack, originals: Originals) -> None:
    """The control: people who buy see it when a service is away."""
    with Customers(stack, 1) as customers:
        until(lambda: customers.calls["POST payments"] > 0, "nobody can buy")
        assert customers.failures == []
        originals.stop("notification")
        until(lambda: bool(customers.failures), "nobody notices")
