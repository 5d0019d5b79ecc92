"""Generates the NetworkPolicies of gRPC ports from the contract, for callers and called services.

workloads.py has the policies of stores and external hosts; k8s/base/network has the common ones.
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
    """Write the policies."""
    write_yaml(into / FILE, "The pods that may reach each service's gRPC port.", *network_policies(system))


def network_policies(system: System) -> list[Manifest]:
    """An ingress policy per service, an egress policy per caller."""
    names = sorted(system.names)
    calls = {caller: sorted(system.calls(caller)) for caller in sorted((*names, EDGE)) if system.calls(caller)}
    return [
        *(_policy(f"{name}-callers", name, "Ingress", "ingress", "from", system.callers(name)) for name in names),
        *(_policy(f"{caller}-calls", caller, "Egress", "egress", "to", found) for caller, found in calls.items()),
    ]


def _policy(name: str, of: str, way: str, field: str, end: str, peers: Sequence[str]) -> Manifest:
    chosen = [{"podSelector": {"matchLabels": labels(peer)}} for peer in peers]
    rules = [{end: chosen, "ports": _PORT}] if chosen else []  # no peers in a rule would be all
    return manifest(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        {"podSelector": {"matchLabels": labels(of)}, "policyTypes": [way], field: rules},
    )
