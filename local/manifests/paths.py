"""Where the gate's own tools and schemas are."""

from pathlib import Path

from local.paths import ROOT, VENV

HERE = ROOT / "local" / "manifests"
SHARE = VENV / "share" / "manifests"
KUSTOMIZE = SHARE / "kustomize"
CRDS = SHARE / "crds"
"""One file a kind: what a cluster must know before it takes our manifests, Istio's own kinds apart."""
ISTIO_CRDS = SHARE / "istio-crds.yaml"
ISTIOCTL = VENV / "share" / "mesh" / "bin" / "istioctl"
STRIMZI_JARS = SHARE / "strimzi"
BUILDS = SHARE / "builds"


def crd_files() -> list[Path]:
    """Every definition."""
    return sorted(CRDS.glob("*.yaml"))
