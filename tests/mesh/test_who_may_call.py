"""Every workload calls every rpc: what the contract allows is answered, all else refused by the sidecar."""

import itertools

import grpc
import pytest

from local.mesh.pods import NAMESPACE, PODS, Pod
from local.stack import Stack
from tests.mesh.calls import DENIED_BY_THE_MESH, Method, call, methods
from tests.mesh.lab import Lab, until

METHODS = tuple(methods())
CALLERS = (*PODS, "stranger", "as-gateway")
NOBODY_ANSWERED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN)


@pytest.fixture(scope="session")
def callers(stranger: Pod, as_gateway: Pod) -> dict[str, Pod]:
    """Every workload that tries, by name."""
    return {**PODS, stranger.name: stranger, as_gateway.name: as_gateway}


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
def test_a_workload_may_call_what_the_contract_says_and_nothing_else(
    name: str, stack: Stack, callers: dict[str, Pod]
) -> None:
    answers = {method: call(stack, callers[name], method.owner, method.path) for method in METHODS}
    wrong = [
        f"{name} → {method.path}: {answer}"
        for method, answer in answers.items()
        if not _as_contracted(name, method, answer)
    ]
    assert wrong == []


def test_without_the_policy_everybody_would_be_answered(stack: Stack, lab: Lab, stranger: Pod) -> None:
    """The control: it is the shipped policies that deny, not the way these tests call."""
    owners = [name for name in PODS if name != "edge"]
    paths = {owner: next(method.path for method in METHODS if method.owner == owner) for owner in owners}
    assert {call(stack, stranger, owner, path) for owner, path in paths.items()} == {DENIED_BY_THE_MESH}
    opened = {
        **_policy("everybody"),
        "spec": {"action": "ALLOW", "rules": [{}]},
    }
    with lab.changed(opened):
        for owner, path in paths.items():
            until(
                lambda owner=owner, path=path: (
                    call(stack, stranger, owner, path)[0]  # type: ignore[misc]
                    not in (grpc.StatusCode.PERMISSION_DENIED, *NOBODY_ANSWERED)
                ),
                f"{owner} still denies {path}",
            )
    for owner, path in paths.items():
        until(
            lambda owner=owner, path=path: call(stack, stranger, owner, path) == DENIED_BY_THE_MESH,  # type: ignore[misc]
            f"{owner} does not deny {path} again",
        )


def test_one_method_too_many_is_seen(stack: Stack, lab: Lab) -> None:
    """A mutation of the policy: order may read people."""
    extra = {
        **_policy("too-much"),
        "spec": {
            "selector": {"matchLabels": dict(PODS["user"].labels)},
            "action": "ALLOW",
            "rules": [
                {
                    "from": [{"source": {"principals": [f"cluster.local/ns/{NAMESPACE}/sa/order"]}}],
                    "to": [{"operation": {"paths": ["/argosy.user.v1.UserService/GetUser"]}}],
                }
            ],
        },
    }
    method = next(method for method in METHODS if method.path == "/argosy.user.v1.UserService/GetUser")
    order = PODS["order"]
    assert _as_contracted("order", method, call(stack, order, "user", method.path))
    with lab.changed(extra):
        until(
            lambda: not _as_contracted("order", method, call(stack, order, "user", method.path)),
            "a method too many goes unseen",
        )
    until(
        lambda: _as_contracted("order", method, call(stack, order, "user", method.path)),
        "the policy does not come back",
    )


def _as_contracted(caller: str, method: Method, answer: tuple[grpc.StatusCode, str]) -> bool:
    if caller in method.callers:
        return answer != DENIED_BY_THE_MESH and answer[0] not in NOBODY_ANSWERED
    return answer == DENIED_BY_THE_MESH


def _policy(name: str) -> dict[str, object]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
    }
