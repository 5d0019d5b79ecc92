"""Paths of the tools and schemas of the manifest checks."""

from pathlib import Path

from local.paths import ROOT, VENV

HERE = ROOT / "manifests"
SHARE = VENV / "share" / "manifests"
KUSTOMIZE = SHARE / "kustomize"
CRDS = SHARE / "crds"
"""The CRDs that a cluster needs before our manifests, one file per kind, without Istio's own."""
ISTIO_CRDS = SHARE / "istio-crds.yaml"
ISTIOCTL = VENV / "share" / "mesh" / "bin" / "istioctl"
STRIMZI_JARS = SHARE / "strimzi"
BUILDS = SHARE / "builds"


def crd_files() -> list[Path]:
    """Every definition."""
    return sorted(CRDS.glob("*.yaml"))
