"""Generates the Kubernetes objects, in folders that the kustomizations of k8s/ include."""

from __future__ import annotations

from pathlib import Path

from codegen import network
from codegen.cluster import kustomization
from codegen.keda import write_keda
from codegen.stores import write_dev_stores, write_operated_stores
from codegen.workloads import write_edge_targets, write_workloads
from codegen.yaml_files import write_yaml
from facts.system import System


def write_kubernetes(system: System, into: Path) -> None:
    """Write each folder with its kustomization."""
    base = into / "base"
    network.write_network(system, base)
    files = write_workloads(system, base)
    title = "Every service, and the network policies."
    write_yaml(base / "kustomization.yaml", title, kustomization(network.FILE, *files))
    write_edge_targets(system, into / "edge")
    write_dev_stores(system, into / "dev-stores")
    write_operated_stores(system, into)
    write_keda(system, into / "keda")
