"""The delay for one in a thousand: off unless its component is taken, and then on users traffic alone."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.stack import Stack
from manifests.builds import directories, manifests
from mesh.cluster import Cluster
from mesh.door import door
from mesh.pods import GATEWAY
from tests.mesh.envoys import admin
from tests.mesh.lab import Lab, until

DELAY_SECONDS = 5
CALLS = 8
USERS, PRODUCTS = "/users/me", "/products"


@pytest.fixture
def delaying(cluster: Cluster) -> Any:
    """The way to the edge as the component makes it."""
    directory = directories()["istio/components/users-delay"]
    built = manifests(cluster.kubectl("kustomize", str(directory)))
    (route,) = (one for one in built if one["kind"] == "VirtualService" and one["metadata"]["name"] == "edge")
    return route


def test_without_the_component_nobody_is_delayed(stack: Stack) -> None:
    """The control. However slow the machine, the quickest of many calls is not delayed."""
    assert faults(stack) == []
    assert quickest(stack, USERS) < DELAY_SECONDS


def test_with_it_one_in_a_thousand_waits(stack: Stack, lab: Lab, delaying: Any) -> None:
    with lab.changed(delaying):
        until(lambda: bool(faults(stack)), "the gateway does not hear of it")
        stated = {"fixed_delay": f"{DELAY_SECONDS}s", "percentage": {"numerator": 1000, "denominator": "MILLION"}}
        assert all(fault == stated for fault in faults(stack))
    until(lambda: not faults(stack), "the delay does not end")


def test_at_a_hundred_percent_every_call_to_users_waits_and_no_other(stack: Stack, lab: Lab, delaying: Any) -> None:
    """The same component, certain: what is delayed is answered as ever."""
    (fault,) = (route["fault"] for route in delaying["spec"]["http"] if "fault" in route)
    fault["delay"]["percentage"] = {"value": 100}
    with lab.changed(delaying):
        until(lambda: bool(faults(stack)), "the gateway does not hear of it")
        until(lambda: quickest(stack, USERS) >= DELAY_SECONDS, "users traffic is not delayed")
        assert quickest(stack, PRODUCTS) < DELAY_SECONDS
    until(lambda: not faults(stack), "the delay does not end")


def quickest(stack: Stack, path: str) -> float:
    """Seconds that the quickest of many calls through the gateway takes; each is answered as without a delay."""
    expected = httpx.codes.UNAUTHORIZED if path == USERS else httpx.codes.OK
    with door(stack) as client, ThreadPoolExecutor(CALLS) as people:
        answers = list(people.map(client.get, [path] * CALLS))
    assert {answer.status_code for answer in answers} == {expected}
    return min(answer.elapsed.total_seconds() for answer in answers)


def faults(stack: Stack) -> list[Any]:
    """The delays in the gateway's routes."""
    return _delays(admin(stack, GATEWAY, "/config_dump?resource=dynamic_route_configs"))


def _delays(piece: Any) -> list[Any]:
    if isinstance(piece, list):
        return [delay for part in piece for delay in _delays(part)]
    if not isinstance(piece, dict):
        return []
    own = [piece["delay"]] if "fixed_delay" in piece.get("delay", ()) else []
    return own + _delays(list(piece.values()))
