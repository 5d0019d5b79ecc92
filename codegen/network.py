"""What the contract decides about the cluster's network: which pods reach which service's gRPC port, from both ends.

What a service reaches besides is in workloads.py (its store, parties outside) and, for all, in k8s/base/network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codegen.cluster import Manifest, labels, manifest
from codegen.yaml_files import write_yaml
from facts.system import EDGE, System

FILE = "network-policies.yaml"
_PORT = [{"protocol": "TCP", "port": "grpc"}]


def write_network(system: System, into: Path) -> None:
    """Writes the policies."""
    write_yaml(into / FILE, "Which pods may reach which service's gRPC port.", *network_policies(system))


def network_policies(system: System) -> list[Manifest]:
    """For each service the callers that it takes, for each caller the services that it may reach."""
    names = sorted(system.names)
    calls = {caller: sorted(system.calls(caller)) for caller in sorted((*names, EDGE)) if system.calls(caller)}
    return [
        *(_policy(f"{name}-callers", name, "Ingress", "ingress", "from", system.callers(name)) for name in names),
        *(_policy(f"{caller}-calls", caller, "Egress", "egress", "to", found) for caller, found in calls.items()),
    ]


def _policy(name: str, of: str, way: str, field: str, end: str, peers: Sequence[str]) -> Manifest:
    chosen = [{"podSelector": {"matchLabels": labels(peer)}} for peer in peers]
    return manifest(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        {"podSelector": {"matchLabels": labels(of)}, "policyTypes": [way], field: [{end: chosen, "ports": _PORT}]},
    )
