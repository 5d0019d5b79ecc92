"""A failing instance is left out at the stated count, and taken back; each service with as many instances as its
percentage needs to let one go: the real one, light ones that serve, one that fails."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.stack import Stack
from mesh.cluster import Cluster
from mesh.pods import Pod
from tests.mesh.calls import call
from tests.mesh.instances import NO_RPC, Crowd, Instance, fail, serve
from tests.mesh.lab import PATIENCE_SECONDS, Lab, until
from tests.mesh.policies import shipped

RULES = {"user": "user", "order": "order", "payment": "payment", "inventory": "default"}
"""Each service that states its own rule, and one that has the mesh's."""
STATED = {"user": 5, "order": 3, "payment": 2, "inventory": 3}
"""The number of failures in a row that is required, independent of the manifests."""


class Failing:
    """One service's crowd, with the instance that fails."""

    def __init__(self, stack: Stack, crowd: Crowd, instance: Instance, rule: Any) -> None:
        self.instance = instance
        self.count = STATED[crowd.service]
        self.rule = rule
        self._stack = stack
        self._crowd = crowd

    @property
    def arrived(self) -> int:
        """How many calls the instance got."""
        return self.instance.arrived[NO_RPC]

    def call(self, times: int = 1) -> None:
        """Call the service, whoever answers."""
        for _ in range(times):
            call(self._stack, self._crowd.caller, self._crowd.service, NO_RPC)

    def call_until_asked(self, times: int) -> bool:
        """Call once; whether the instance has been asked so many times by now."""
        self.call()
        return self.arrived >= times

    def left_out(self) -> bool:
        """Whether the caller's sidecar has left it out."""
        return self._crowd.left_out(self.instance)

    def ejected(self) -> bool:
        """Call once unless it is left out already; whether it is."""
        if not self.left_out():
            self.call()
        return self.left_out()


def outlier_detection(cluster: Cluster, name: str) -> Any:
    """A shipped rule."""
    return shipped(cluster, "destinationrule", name)["spec"]["trafficPolicy"]["outlierDetection"]


def instances_for(rule: Any) -> int:
    """How many there must be for the rule to let one go."""
    return math.ceil(100 / int(rule["maxEjectionPercent"]))


@pytest.fixture(scope="module")
def failing(lab: Lab, stack: Stack, cluster: Cluster, as_edge: Pod) -> Iterator[dict[str, Failing]]:
    """All of them at once: their ejections then take one time, not four."""
    with ExitStack() as running:
        made = {}
        for service, name in RULES.items():
            rule = outlier_detection(cluster, name)
            serving = [serve] * (instances_for(rule) - 2)
            crowd = Crowd(stack, lab, service, as_edge)
            instance, *_ = running.enter_context(crowd.of(fail, *serving))
            made[service] = Failing(stack, crowd, instance, rule)
        yield made


@pytest.mark.parametrize("service", RULES)
def test_an_instance_is_left_out_at_the_stated_count(failing: dict[str, Failing], service: str) -> None:
    one = failing[service]
    assert one.rule["consecutive5xxErrors"] == one.count
    until(lambda: one.call_until_asked(one.count - 1), "nobody asks the failing instance")
    assert not one.left_out()
    until(lambda: one.call_until_asked(one.count), "the failing instance was left out too early")
    until(one.left_out, "the failing instance is not left out")
    asked = one.arrived
    one.call(times=10 * instances_for(one.rule))
    assert one.arrived == asked == one.count


@pytest.mark.parametrize("service", RULES)
def test_it_is_taken_back(failing: dict[str, Failing], service: str) -> None:
    one = failing[service]
    until(one.ejected, "the failing instance is not left out")
    asked = one.arrived
    stated = sum(float(one.rule[name].removesuffix("s")) for name in ("baseEjectionTime", "interval"))
    until(lambda: not one.left_out(), "the instance is not taken back", seconds=stated + PATIENCE_SECONDS)
    until(lambda: one.call_until_asked(asked + 1), "nobody asks the instance again")


def test_without_outlier_detection_it_is_asked_for_ever(
    failing: dict[str, Failing], cluster: Cluster, lab: Lab
) -> None:
    """The control, and the mutation."""
    patient = [shipped(cluster, "destinationrule", name) for name in RULES.values()]
    for rule in patient:
        del rule["spec"]["trafficPolicy"]["outlierDetection"]
    with lab.changed(*patient):
        for one in failing.values():
            enough = one.arrived + 3 * one.count
            until(lambda one=one, enough=enough: one.call_until_asked(enough), "it is left out all the same")  # type: ignore[misc]
            assert not one.left_out()
