"""Mistakes in who may call what: the matrix of the contract finds each of them, and nothing once it is mended."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.stack import Stack
from mesh.cluster import Cluster
from mesh.pods import PODS, Pod
from tests.mesh.lab import Lab, until
from tests.mesh.matrix import METHODS, wrong_pairs
from tests.mesh.policies import shipped

Mistake = Callable[[Any], object]


def rule_of(policy: Any, caller: str) -> Any:
    """The rule that lets a caller in."""
    principal = f"cluster.local/ns/production/sa/{caller}"
    return next(rule for rule in policy["spec"]["rules"] if rule["from"][0]["source"]["principals"] == [principal])


def paths_of(policy: Any, caller: str) -> Any:
    """What a caller may call."""
    return rule_of(policy, caller)["to"][0]["operation"]["paths"]


def rename(policy: Any, caller: str, other: str) -> None:
    """Another caller has its rights."""
    rule_of(policy, caller)["from"][0]["source"]["principals"] = [f"cluster.local/ns/production/sa/{other}"]


MISTAKES: Mapping[str, tuple[str, Mistake]] = {
    "a wrong principal": ("inventory", lambda policy: rename(policy, "order", "notification")),
    "a principal of another namespace": ("inventory", lambda policy: rename(policy, "order", "../../default/sa/order")),
    "a caller forgotten": ("payment", lambda policy: policy["spec"]["rules"].remove(rule_of(policy, "order"))),
    "anybody may call": ("order", lambda policy: rule_of(policy, "payment").pop("from")),
    "a method too many": (
        "payment",
        lambda policy: paths_of(policy, "order").append("/argosy.payment.v1.PaymentService/GetPayment"),
    ),
    "a method too few": ("user", lambda policy: paths_of(policy, "edge").pop()),
    "a whole service for one method": (
        "inventory",
        lambda policy: paths_of(policy, "edge").append("/argosy.inventory.v1.*"),
    ),
    "a verb that gRPC has not": (
        "notification",
        lambda policy: rule_of(policy, "edge")["to"][0]["operation"].update(methods=["GET"]),
    ),
    "deny for allow": ("user", lambda policy: policy["spec"].update(action="DENY")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_matrix_finds(mistake: str, stack: Stack, cluster: Cluster, lab: Lab, callers: dict[str, Pod]) -> None:
    owner, make = MISTAKES[mistake]
    policy = shipped(cluster, "authorizationpolicy", f"{owner}-callers")
    make(policy)
    methods = [method for method in METHODS if method.owner == owner]

    def found() -> list[str]:
        return [wrong for caller in callers.values() for wrong in wrong_pairs(stack, caller, methods)]

    assert found() == []
    with lab.changed(policy):
        until(lambda: bool(found()), f"{mistake} goes unseen")
    until(lambda: not found(), "the policy does not come back")


def test_the_callers_are_all_there(callers: dict[str, Pod]) -> None:
    assert callers.keys() > PODS.keys()
