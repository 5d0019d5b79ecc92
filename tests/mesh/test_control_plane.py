"""istiod decides nothing about a call: when it is away, traffic goes on with its last configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx

from local.health import answering
from local.stack import Stack
from local.supervision import Supervisor
from mesh.control_plane import control_plane
from mesh.door import door
from mesh.pods import PODS, Pod
from tests.mesh.calls import DENIED_BY_THE_MESH, call
from tests.mesh.lab import until

LIST = "/argosy.inventory.v1.ProductService/ListProducts"


def test_traffic_and_policy_go_on_while_istiod_is_away(stack: Stack, stranger: Pod) -> None:
    with _without_istiod(stack):
        assert not answering("istiod-http", "/ready")(stack)
        with door(stack) as client:
            assert [client.get("/products").status_code for _ in range(20)] == [httpx.codes.OK] * 20
        assert call(stack, PODS["edge"], "inventory", LIST)[0] == grpc.StatusCode.OK
        assert call(stack, stranger, "inventory", LIST) == DENIED_BY_THE_MESH


@contextmanager
def _without_istiod(stack: Stack) -> Iterator[None]:
    supervisor = Supervisor(stack)
    istiod = next(part for part in control_plane(stack) if part.name == "istiod")
    supervisor.stop(istiod)
    try:
        yield
    finally:
        supervisor.start(istiod)
        until(lambda: answering("istiod-http", "/ready")(stack), "istiod does not come back")
