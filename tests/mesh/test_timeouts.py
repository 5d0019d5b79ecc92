"""A slow instance is waited for until the contract's timeout, and no longer."""

from collections.abc import Iterator

import grpc
import pytest

from codegen.image import build_image
from facts.system import callers
from local.ports import SERVICES
from local.stack import Stack
from mesh.cluster import Cluster
from mesh.pods import PODS, Pod
from services.chassis.rpc.contract import Rpc, Service, read_contract
from tests.mesh.calls import call
from tests.mesh.instances import NO_RPC, Crowd, Instance, serve
from tests.mesh.lab import Lab, until
from tests.mesh.matrix import NOBODY_ANSWERED
from tests.mesh.policies import shipped

EXPECTED = "x-envoy-expected-rq-timeout-ms"
"""The header by which the caller's sidecar passes the timeout of this try."""
READ = "/argosy.user.v1.UserService/GetUser"
CUT = "upstream request timeout"
LONGER = 300
"""Seconds that a caller would wait itself, longer than any timeout in the contract."""


def hang(context: grpc.ServicerContext) -> bytes:
    """The instance does not answer for as long as anybody waits."""
    until(lambda: not context.is_active(), "nobody gives up")
    return b""


@pytest.fixture(scope="module")
def contract() -> tuple[Service, ...]:
    return read_contract(build_image(source_info=False))


@pytest.fixture(scope="module")
def serving(stack: Stack, lab: Lab, as_edge: Pod) -> Iterator[dict[str, Instance]]:
    """Beside each service an instance that notes what comes."""
    found: dict[str, Instance] = {}

    def beside(services: tuple[str, ...]) -> Iterator[dict[str, Instance]]:
        if not services:
            yield found
            return
        with Crowd(stack, lab, services[0], as_edge).of(serve) as (instance,):
            found[services[0]] = instance
            yield from beside(services[1:])

    yield from beside(SERVICES)


@pytest.mark.parametrize("owner", SERVICES)
def test_every_rpc_has_the_timeout_of_the_contract(
    stack: Stack, contract: tuple[Service, ...], serving: dict[str, Instance], owner: str
) -> None:
    bounded = [
        (service, rpc)
        for service in contract
        for rpc in service.rpcs
        # A stream is open until its service ends it: a proxy's timeout would cut off a healthy one.
        if service.owner == owner and not rpc.streams
    ]
    stated = {rpc.path: round(1000 * one_try(service, rpc)) for service, rpc in bounded}
    assert {rpc.path: milliseconds(stack, serving[owner], owner, rpc) for _, rpc in bounded} == stated
    assert stated


def milliseconds(stack: Stack, instance: Instance, owner: str, rpc: Rpc) -> int:
    """The timeout that the caller's sidecar passes. Calls until the recording instance is chosen."""
    caller = PODS[callers(rpc)[0]]

    def arrived() -> bool:
        call(stack, caller, owner, rpc.path, seconds=LONGER)
        return instance.arrived[rpc.path] > 0

    until(arrived, f"{rpc.path} does not come to the instance")
    return int(instance.metadata[rpc.path][EXPECTED])


def one_try(service: Service, rpc: Rpc) -> float:
    """Seconds: a read that is repeated has a time for each try."""
    repeated = rpc.is_read and service.read_retries and not service.is_internal
    return service.per_try_timeout if repeated else rpc.timeout


def test_a_call_that_is_not_repeated_is_cut_off(stack: Stack, lab: Lab, as_edge: Pod) -> None:
    """It is the mesh that cuts it: the caller itself would wait longer."""
    with Crowd(stack, lab, "notification", as_edge).of(hang) as (instance,):

        def cut() -> bool:
            before = instance.arrived[NO_RPC]
            was_cut = call(stack, as_edge, "notification", NO_RPC)[1] == CUT
            assert instance.arrived[NO_RPC] - before <= 1, "one call arrived more than once"
            return was_cut

        until(cut, "the slow instance is not asked, or waited for")


def test_a_slow_read_is_tried_elsewhere_and_answered(stack: Stack, lab: Lab, as_edge: Pod) -> None:
    with Crowd(stack, lab, "user", as_edge).of(hang) as (instance,):
        answers: list[tuple[grpc.StatusCode, str]] = []

        def tried() -> bool:
            answers.append(call(stack, as_edge, "user", READ))
            return instance.arrived[READ] > 0

        until(tried, "the slow instance is not asked")
        assert [code for code, _ in answers if code in NOBODY_ANSWERED] == []


def test_it_is_the_policy_that_decides_how_long(
    stack: Stack, cluster: Cluster, lab: Lab, as_edge: Pod, serving: dict[str, Instance]
) -> None:
    """The control, and the mutation: other times in it are other times on the wire."""
    hasty = shipped(cluster, "virtualservice", "notification")
    for route in hasty["spec"]["http"]:
        route["timeout"] = "77s"

    def waits(milliseconds: str) -> bool:
        call(stack, as_edge, "notification", NO_RPC, seconds=LONGER)
        return serving["notification"].metadata.get(NO_RPC, {}).get(EXPECTED) == milliseconds

    until(lambda: waits("5000"), "what is no rpc is not waited for 5 s")
    with lab.changed(hasty):
        until(lambda: waits("77000"), "the policy's time does not reach the wire")
    until(lambda: waits("5000"), "the policy does not come back")
