"""What the contract decides about the cluster's network: which pods reach which service's gRPC port, from both ends.

What a service reaches besides (its store, Kafka, other parties) is written by hand, in k8s/.
"""

from __future__ import annotations

from pathlib import Path

from codegen.cluster import Manifest, callers, kustomization, labels, manifest, processes
from codegen.yaml_files import write_yaml
from services.chassis.contract import Service

_FILE = "network-policies.yaml"
_PORT = [{"protocol": "TCP", "port": "grpc"}]


def write_network(services: tuple[Service, ...], into: Path) -> None:
    """Writes the policies and their kustomization."""
    write_yaml(into / _FILE, "Which pods may reach which service's gRPC port.", *network_policies(services))
    title = "Everything about the cluster's network that the contract decides."
    write_yaml(into / "kustomization.yaml", title, kustomization(_FILE))


def network_policies(services: tuple[Service, ...]) -> list[Manifest]:
    """For each service the callers that it takes, for each caller the services that it may reach."""
    reached = {
        owner: sorted({caller for service in served for rpc in service.rpcs for caller in callers(rpc)})
        for owner, served in processes(services)
    }
    workloads = sorted({caller for found in reached.values() for caller in found})
    calls = {caller: [owner for owner, found in reached.items() if caller in found] for caller in workloads}
    return [
        *(_policy(f"{owner}-callers", owner, "Ingress", "ingress", "from", found) for owner, found in reached.items()),
        *(_policy(f"{caller}-calls", caller, "Egress", "egress", "to", found) for caller, found in calls.items()),
    ]


def _policy(name: str, of: str, way: str, field: str, end: str, peers: list[str]) -> Manifest:
    chosen = [{"podSelector": {"matchLabels": labels(peer)}} for peer in peers]
    return manifest(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        {"podSelector": {"matchLabels": labels(of)}, "policyTypes": [way], field: [{end: chosen, "ports": _PORT}]},
    )
