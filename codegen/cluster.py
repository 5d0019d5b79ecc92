"""What everything derived for a cluster agrees on: names, and the shape of an object."""

from __future__ import annotations

from typing import Any

from services.chassis.contract import Service

NAMESPACE = "production"
STORES = "stores"
"""The namespace of the services' stores."""

Manifest = dict[str, Any]


def processes(services: tuple[Service, ...]) -> list[tuple[str, list[Service]]]:
    """Every service's process by name, with the proto services that it serves."""
    owners = sorted({service.owner for service in services})
    return [(owner, [service for service in services if service.owner == owner]) for owner in owners]


def manifest(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    """One object in our namespace."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def kustomization(*files: str) -> Manifest:
    """Makes a folder one that others can build on."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}


def labels(workload: str) -> dict[str, str]:
    """What a workload's pods are chosen by."""
    return {"app.kubernetes.io/name": workload}
