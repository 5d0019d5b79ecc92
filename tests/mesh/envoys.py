"""The state of the sidecars' Envoys, from their admin interfaces."""

import json
import urllib.request
from typing import Any

from local.ports import HOST
from local.stack import Stack
from mesh.pods import Pod, host

_SECONDS = 20


def admin(stack: Stack, pod: Pod, path: str) -> Any:
    """One page of a sidecar's admin port."""
    with urllib.request.urlopen(f"http://{HOST}:{pod.admin_port(stack)}{path}", timeout=_SECONDS) as answer:
        return json.load(answer)


def hosts(stack: Stack, pod: Pod, service: str, port: int) -> dict[str, dict[str, Any]]:
    """The instances of a service that a sidecar knows, by address, each with its health."""
    clusters = {one["name"]: one for one in admin(stack, pod, "/clusters?format=json")["cluster_statuses"]}
    found = clusters.get(f"outbound|{port}||{host(service)}", {}).get("host_statuses", [])
    return {one["address"]["socket_address"]["address"]: one["health_status"] for one in found}


def let_in(stack: Stack, pod: Pod) -> int:
    """How many requests a sidecar has let in by policy, which asks for the caller's certificate."""
    found = admin(stack, pod, "/stats?format=json&filter=rbac.allowed$")["stats"]
    return sum(entry["value"] for entry in found if "value" in entry)
