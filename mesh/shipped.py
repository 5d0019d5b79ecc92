"""The shipped manifests that define the mesh, built by kustomize."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from local.paths import ROOT
from mesh.cluster import Cluster

MESH = (ROOT / "k8s" / "base", ROOT / "istio")


def shipped(cluster: Cluster, directories: tuple[Path, ...] = MESH) -> Iterator[dict[str, Any]]:
    """Every manifest, in order. Raises KubectlFailed if kustomize cannot build a directory."""
    for directory in directories:
        yield from yaml.load_all(cluster.kubectl("kustomize", str(directory)), yaml.CSafeLoader)
