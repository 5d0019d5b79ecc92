"""The workloads of the mesh: each has a loopback address of its own, as a pod would, and a sidecar there.

The process itself listens on 127.0.0.1, as inside a pod; its sidecar takes what comes to the pod's address and hands
it on. For what the process calls, its sidecar listens on a second address, with every service's own port: as a sidecar
in a cluster it can find every service, and whether it is let in is the other side's decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from local.manifests.installation import installed
from local.paths import ROOT
from local.ports import BASE, SERVICES
from local.stack import Stack

NAMESPACE = "production"
GATEWAY_HOST = "api.myapp.com"
JWKS_PATH = "/.well-known/jwks.json"

_SMALLEST_STEP = 256
"""Stacks whose offsets differ by this much have pods at different addresses."""


@dataclass(frozen=True, eq=False)
class Pod:
    """One workload."""

    name: str
    account: str
    """Its ServiceAccount: who it is to the others."""
    index: int
    labels: Mapping[str, str]
    serves: Mapping[str, tuple[int, str | int]] = field(default_factory=dict)
    """Port name → (port of the pod, the process' own port: its name in the port table, or a number)."""
    namespace: str = NAMESPACE

    @property
    def selector(self) -> dict[str, str]:
        """Chooses this instance, and no other of its workload."""
        return {"argosy.local/pod": self.name}

    @property
    def all_labels(self) -> dict[str, str]:
        """Its workload's labels and its own."""
        return {**self.labels, **self.selector}

    def address(self, stack: Stack) -> str:
        """Its loopback address in a stack: where others call it."""
        return self.nth_address(stack, 1)

    def way_out(self, stack: Stack) -> str:
        """The address where its sidecar takes what its process calls."""
        return self.nth_address(stack, 2)

    def admin_port(self, stack: Stack) -> int:
        """The admin port of its Envoy, on 127.0.0.1."""
        return stack.port("sidecar-admin") + self.index

    def target(self, stack: Stack, service: str) -> str:
        """`host:port` where its process finds another service's gRPC."""
        return f"{self.way_out(stack)}:{BASE[f'{service}-grpc']}"

    def keys_url(self, stack: Stack) -> str:
        """Where its process finds the keys of people's tokens."""
        return f"http://{self.way_out(stack)}:{BASE['user-admin']}{JWKS_PATH}"

    def nth_address(self, stack: Stack, last: int) -> str:
        """One of the loopback addresses that are its own."""
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
    """The gateway as Istio's charts make it, and the ports of its pods for HTTP and HTTPS."""
    shipped = yaml.safe_load((ROOT / "istio" / "gateway.yaml").read_text())
    (workload,) = installed().chosen(shipped["spec"]["selector"])
    (service,) = installed().services_of(workload)
    targets = {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}
    pod = Pod("gateway", workload.account, index, workload.labels, {}, namespace=workload.namespace)
    return pod, targets[80], targets[443]


GATEWAY, GATEWAY_HTTP, GATEWAY_HTTPS = _gateway(len(PODS) + 1)


def host(service: str) -> str:
    """The name of a service in the cluster."""
    return f"{service}.{NAMESPACE}.svc.cluster.local"
