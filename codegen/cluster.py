"""Shared helpers for generated Kubernetes objects: names, manifests, labels."""

from __future__ import annotations

from typing import Any

from services.chassis.rpc.contract import Service

NAMESPACE = "production"
STORES = "stores"
"""The namespace of the services' stores."""

Manifest = dict[str, Any]


def processes(services: tuple[Service, ...]) -> list[tuple[str, list[Service]]]:
    """Each service's name with its proto services, sorted by name."""
    owners = sorted({service.owner for service in services})
    return [(owner, [service for service in services if service.owner == owner]) for owner in owners]


def manifest(api_version: str, kind: str, name: str, spec: Manifest) -> Manifest:
    """An object in our namespace."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def kustomization(*files: str) -> Manifest:
    """A kustomization of these files."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}


def labels(workload: str) -> dict[str, str]:
    """The labels that select a workload's pods."""
    return {"app.kubernetes.io/name": workload}
