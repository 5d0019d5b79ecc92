"""Every workload calls every rpc: what the contract allows is answered, all else refused by the sidecar."""

import itertools

import grpc
import pytest

from local.stack import Stack
from mesh.pods import NAMESPACE, PODS, Pod
from tests.mesh.calls import DENIED_BY_THE_MESH, call
from tests.mesh.lab import Lab, until
from tests.mesh.matrix import METHODS, NOBODY_ANSWERED, wrong_pairs

CALLERS = (*PODS, "stranger", "as-gateway")


def test_the_matrix_is_whole() -> None:
    """Rpcs of each of the five services, and both kinds of pairs for each."""
    owners = {method.owner for method in METHODS}
    assert owners == set(PODS) - {"edge"}
    pairs = list(itertools.product(CALLERS, METHODS))
    allowed = [pair for pair in pairs if pair[0] in pair[1].callers]
    print(f"{len(pairs)} pairs: {len(allowed)} allowed, {len(pairs) - len(allowed)} denied")
    assert {method.owner for _, method in allowed} == owners
    assert len(allowed) >= sum(1 for method in METHODS if method.callers)


@pytest.mark.parametrize("name", CALLERS)
def test_a_workload_may_call_what_the_contract_allows_and_nothing_else(
    name: str, stack: Stack, callers: dict[str, Pod]
) -> None:
    assert wrong_pairs(stack, callers[name]) == []


def test_without_the_policy_everybody_would_be_answered(stack: Stack, lab: Lab, stranger: Pod) -> None:
    """The control: it is the shipped policies that deny, not the way these tests call."""
    owners = [name for name in PODS if name != "edge"]
    paths = {owner: next(method.path for method in METHODS if method.owner == owner) for owner in owners}
    assert {call(stack, stranger, owner, path) for owner, path in paths.items()} == {DENIED_BY_THE_MESH}
    opened = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "everybody", "namespace": NAMESPACE},
        "spec": {"action": "ALLOW", "rules": [{}]},
    }
    unanswered = (grpc.StatusCode.PERMISSION_DENIED, *NOBODY_ANSWERED)

    def answered() -> bool:
        return all(call(stack, stranger, owner, path)[0] not in unanswered for owner, path in paths.items())

    def denied() -> bool:
        return all(call(stack, stranger, owner, path) == DENIED_BY_THE_MESH for owner, path in paths.items())

    with lab.changed(opened):
        until(answered, "it is not the policies that deny")
    until(denied, "the policies do not come back")
