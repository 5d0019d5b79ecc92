"""The policy as it stands in the mesh, to be changed for a while."""

from typing import Any

from mesh.cluster import Cluster
from mesh.pods import NAMESPACE

_GROUPS = {
    "virtualservice": "networking.istio.io",
    "destinationrule": "networking.istio.io",
    "authorizationpolicy": "security.istio.io",
    "peerauthentication": "security.istio.io",
}


def shipped(cluster: Cluster, kind: str, name: str) -> Any:
    """A manifest as it was shipped."""
    found = cluster.read(f"{kind}.{_GROUPS[kind]}", name, "-n", NAMESPACE)
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": found["spec"],
    }
