"""What the contract decides about the counts that all edges share: the configuration of envoyproxy/ratelimit.

The edge asks with these keys, in this order (envoy/shared_limit.yaml).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codegen.cluster import NAMESPACE
from codegen.yaml_files import write_yaml
from services.chassis.contract import RateLimit, Service, rate_limits

_FILE = "config.yaml"
Piece = dict[str, Any]


def write_shared_limits(services: tuple[Service, ...], into: Path) -> None:
    """Writes the configuration, and the kustomization that makes a ConfigMap of it."""
    write_yaml(into / _FILE, "What one caller may do, by window and group, whichever edge they meet.", config(services))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [{"name": "ratelimit", "namespace": NAMESPACE, "files": [_FILE]}],
    }
    write_yaml(
        into / "kustomization.yaml", "A name by content: who reads it starts anew when it changes.", kustomization
    )


def config(services: tuple[Service, ...]) -> Piece:
    """One fixed window a caller, group and unit of time."""
    limits = rate_limits(services)
    return {"domain": "argosy", "descriptors": [_window(unit, limits) for unit in ("minute", "hour")]}


def _window(unit: str, limits: tuple[RateLimit, ...]) -> Piece:
    return {"key": "window", "value": unit, "descriptors": [_group(unit, limit) for limit in limits]}


def _group(unit: str, limit: RateLimit) -> Piece:
    """Who signed in by their id, everybody else by their address; a key without a value stands for every value."""
    calls = {"minute": limit.per_minute, "hour": limit.per_hour}[unit]
    counted = {"rate_limit": {"unit": unit, "requests_per_unit": calls}}
    by_address = {"key": "masked_remote_address", **counted}
    callers = [{"key": "subject", **counted}, {"key": "signed_in", "value": "no", "descriptors": [by_address]}]
    return {"key": "group", "value": limit.group, "descriptors": callers}
