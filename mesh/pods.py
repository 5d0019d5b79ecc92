"""The workloads of the mesh: each has a loopback address, as a pod has an IP, with a sidecar that listens there.

The process itself listens on 127.0.0.1, as inside a pod; the sidecar forwards calls from the pod's address to it. For
outbound calls the sidecar listens on a second address, on every service's own port. As in a cluster, a sidecar can
reach every service; the called side decides whether to allow it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from local.paths import ROOT
from local.ports import BASE, SERVICES
from local.stack import Stack
from manifests.installation import installed

NAMESPACE = "production"
GATEWAY_HOST = "api.myapp.com"
JWKS_PATH = "/.well-known/jwks.json"

_SMALLEST_STEP = 256
"""Stacks whose offsets differ by this much use different pod addresses."""


@dataclass(frozen=True, eq=False)
class Pod:
    """One workload."""

    name: str
    account: str
    """Its ServiceAccount, which is its identity in the mesh."""
    index: int
    labels: Mapping[str, str]
    serves: Mapping[str, tuple[int, str | int]] = field(default_factory=dict)
    """Port name → (port of the pod, port of the process: its name in the port table, or a number)."""
    namespace: str = NAMESPACE

    @property
    def selector(self) -> dict[str, str]:
        """Labels that select this instance only."""
        return {"argosy.local/pod": self.name}

    @property
    def all_labels(self) -> dict[str, str]:
        """The workload's labels and those of the instance."""
        return {**self.labels, **self.selector}

    def address(self, stack: Stack) -> str:
        """Its loopback address in a stack, for inbound calls."""
        return self.nth_address(stack, 1)

    def way_out(self, stack: Stack) -> str:
        """The address at which its sidecar accepts the process's outbound calls."""
        return self.nth_address(stack, 2)

    def admin_port(self, stack: Stack) -> int:
        """The admin port of its Envoy, on 127.0.0.1."""
        return stack.port("sidecar-admin") + self.index

    def target(self, stack: Stack, service: str) -> str:
        """`host:port` of another service's gRPC for its process."""
        return f"{self.way_out(stack)}:{BASE[f'{service}-grpc']}"

    def keys_url(self, stack: Stack) -> str:
        """URL of the public keys of user tokens for its process."""
        return f"http://{self.way_out(stack)}:{BASE['user-admin']}{JWKS_PATH}"

    def nth_address(self, stack: Stack, last: int) -> str:
        """One of the pod's loopback addresses, by its last byte."""
        return f"127.{stack.offset // _SMALLEST_STEP % 256}.{self.index}.{last}"


def _service(name: str, index: int) -> Pod:
    return Pod(
        name,
        name,
        index,
        {"app.kubernetes.io/name": name},
        {"grpc": (BASE[f"{name}-grpc"], f"{name}-grpc"), "http-admin": (BASE[f"{name}-admin"], f"{name}-admin")},
    )


PODS: Mapping[str, Pod] = {
    **{name: _service(name, index) for index, name in enumerate(SERVICES, 1)},
    "edge": Pod(
        "edge", "edge", len(SERVICES) + 1, {"app.kubernetes.io/name": "edge"}, {"http": (BASE["edge"], "edge")}
    ),
}


def _gateway(index: int) -> tuple[Pod, int, int]:
    """The gateway as Istio's charts define it, and its pods' ports for HTTP and HTTPS."""
    shipped = yaml.safe_load((ROOT / "istio" / "gateway.yaml").read_text())
    (workload,) = installed().chosen(shipped["spec"]["selector"])
    (service,) = installed().services_of(workload)
    targets = {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}
    pod = Pod("gateway", workload.account, index, workload.labels, {}, namespace=workload.namespace)
    return pod, targets[80], targets[443]


GATEWAY, GATEWAY_HTTP, GATEWAY_HTTPS = _gateway(len(PODS) + 1)


def host(service: str) -> str:
    """The host name of a service in the cluster."""
    return f"{service}.{NAMESPACE}.svc.cluster.local"
