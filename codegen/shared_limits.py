"""Generates the configuration of the rate limit service that all edges share (envoyproxy/ratelimit).

The edge sends these keys, in this order (envoy/shared_limit.yaml).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codegen.cluster import NAMESPACE
from codegen.yaml_files import write_yaml
from services.chassis.rpc.contract import RateLimit, Service, rate_limits

_FILE = "config.yaml"
Piece = dict[str, Any]


def write_shared_limits(services: tuple[Service, ...], into: Path) -> None:
    """Write the configuration, and the kustomization that makes a ConfigMap of it."""
    write_yaml(into / _FILE, "The rate limits per caller, by window and group, over all edges.", config(services))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [{"name": "ratelimit", "namespace": NAMESPACE, "files": [_FILE]}],
    }
    write_yaml(into / "kustomization.yaml", "A name with a hash, so that pods restart on a change.", kustomization)


def config(services: tuple[Service, ...]) -> Piece:
    """One fixed window per caller, group and unit of time."""
    limits = rate_limits(services)
    return {"domain": "argosy", "descriptors": [_window(unit, limits) for unit in ("minute", "hour")]}


def _window(unit: str, limits: tuple[RateLimit, ...]) -> Piece:
    return {"key": "window", "value": unit, "descriptors": [_group(unit, limit) for limit in limits]}


def _group(unit: str, limit: RateLimit) -> Piece:
    """Signed-in callers by user id, others by address. A key without a value matches every value."""
    calls = {"minute": limit.per_minute, "hour": limit.per_hour}[unit]
    counted = {"rate_limit": {"unit": unit, "requests_per_unit": calls}}
    by_address = {"key": "masked_remote_address", **counted}
    callers = [{"key": "subject", **counted}, {"key": "signed_in", "value": "no", "descriptors": [by_address]}]
    return {"key": "group", "value": limit.group, "descriptors": callers}
