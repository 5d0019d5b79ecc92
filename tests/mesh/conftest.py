"""The running mesh: real istiod, real sidecars, the shipped manifests. `make mesh-test` starts it."""

from collections.abc import Iterator

import pytest

from local import data
from local.stack import Stack
from mesh.__main__ import mesh_stack
from mesh.cluster import Cluster
from mesh.pods import GATEWAY, PODS, Pod
from tests.mesh.lab import Lab


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The running mesh (`make mesh-test` starts it)."""
    found = data.as_started(mesh_stack())
    if not data.ours(found):
        pytest.exit("the mesh does not run: make mesh", 2)
    return found


@pytest.fixture(scope="session")
def cluster(stack: Stack) -> Cluster:
    """Its API server."""
    return Cluster(stack)


@pytest.fixture(scope="session")
def lab(stack: Stack) -> Iterator[Lab]:
    """Adds workloads to the mesh, and takes them away at the end."""
    with Lab(stack) as made:
        yield made


@pytest.fixture(scope="session")
def stranger(lab: Lab) -> Pod:
    """A workload of the namespace that no policy names: it has a certificate, and no business anywhere."""
    return lab.add(Pod("stranger", "stranger", 20, {"app.kubernetes.io/name": "stranger"}))


@pytest.fixture(scope="session")
def as_gateway(lab: Lab) -> Pod:
    """A workload with the gateway's identity that tries more than a gateway's routes would."""
    return lab.add(Pod("as-gateway", GATEWAY.account, 21, {"app": "as-gateway"}, namespace=GATEWAY.namespace))


@pytest.fixture(scope="session")
def as_edge(lab: Lab) -> Pod:
    """A workload with the edge's identity that makes only these tests' calls."""
    return lab.add(Pod("as-edge", "edge", 22, {"app": "as-edge"}))


@pytest.fixture(scope="session")
def callers(stranger: Pod, as_gateway: Pod) -> dict[str, Pod]:
    """Every workload that tries, by name."""
    return {**PODS, stranger.name: stranger, as_gateway.name: as_gateway}
