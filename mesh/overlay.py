"""Adapts the shipped manifests to one machine: addresses only.

Authorization, certificates, retries and timeouts are defined in `istio/` alone.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from local.ports import BASE, HOST, SERVICES
from local.stack import Stack
from mesh.pods import GATEWAY, JWKS_PATH, NAMESPACE, PODS, Pod, host

Manifest = dict[str, Any]
_ISTIO = "networking.istio.io/v1"


def additions(stack: Stack) -> Iterator[Manifest]:
    """The address of each workload, which a cluster knows itself, and its sidecar's listeners, instead of iptables."""
    for pod in PODS.values():
        yield from of_pod(stack, pod)
    yield workload_entry(GATEWAY, GATEWAY.address(stack))


def of_pod(stack: Stack, pod: Pod) -> Iterator[Manifest]:
    """One instance of a workload: its address, and its sidecar's listeners."""
    yield workload_entry(pod, pod.address(stack))
    yield from of_sidecar(stack, pod)


def of_sidecar(stack: Stack, pod: Pod) -> Iterator[Manifest]:
    """The listeners of a pod's sidecar; this alone routes no calls to it."""
    yield _sidecar(stack, pod)
    yield _authorities(stack, pod)


def adapted(stack: Stack, manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """The shipped manifests with this machine's addresses."""
    for manifest in manifests:
        match manifest["kind"]:
            case "RequestAuthentication":
                for rule in manifest["spec"]["jwtRules"]:
                    rule["jwksUri"] = jwks_url(stack)
            case "Gateway":
                for server in manifest["spec"]["servers"]:
                    server["bind"] = GATEWAY.address(stack)
        yield manifest


def jwks_url(stack: Stack) -> str:
    """The URL of the user tokens' public keys for istiod, which has no sidecar: the user service's own address."""
    return f"http://{PODS['user'].address(stack)}:{BASE['user-admin']}{JWKS_PATH}"


def workload_entry(pod: Pod, address: str) -> Manifest:
    """The address of an instance; calls to its service are routed there."""
    spec = {
        "address": address,
        "labels": pod.all_labels,
        "serviceAccount": pod.account,
        "ports": {port_name: port for port_name, (port, _) in pod.serves.items()},
    }
    return _manifest("WorkloadEntry", pod.name, spec, pod.namespace)


def _sidecar(stack: Stack, pod: Pod) -> Manifest:
    """The listeners of a sidecar. Sidecars here intercept nothing: they are called at their addresses."""
    ingress = [
        {
            "port": {"number": port, "protocol": _protocol(name), "name": name},
            "bind": pod.address(stack),
            "captureMode": "NONE",
            "defaultEndpoint": f"{HOST}:{own if isinstance(own, int) else stack.port(own)}",
        }
        for name, (port, own) in pod.serves.items()
    ]
    egress = [
        {
            "port": {"number": port, "protocol": _protocol(name), "name": f"{name}-{service}"},
            "bind": pod.way_out(stack),
            "captureMode": "NONE",
            "hosts": [f"{NAMESPACE}/{host(service)}"],
        }
        for service, name, port in called()
    ]
    spec = {"workloadSelector": {"labels": pod.selector}, "ingress": ingress, "egress": egress}
    return _manifest("Sidecar", pod.name, spec, pod.namespace)


def _authorities(stack: Stack, pod: Pod) -> Manifest:
    """Accept the sidecar's address as authority: without DNS, a process calls that instead of the service's name."""
    patches = [
        {
            "applyTo": "VIRTUAL_HOST",
            "match": {
                "context": "SIDECAR_OUTBOUND",
                "routeConfiguration": {"vhost": {"name": f"{host(service)}:{port}"}},
            },
            "patch": {"operation": "MERGE", "value": {"domains": [pod.way_out(stack)]}},
        }
        for service, _, port in called()
    ]
    spec = {"workloadSelector": {"labels": pod.selector}, "configPatches": patches}
    return _manifest("EnvoyFilter", f"{pod.name}-authorities", spec, pod.namespace, "networking.istio.io/v1alpha3")


def called() -> Iterator[tuple[str, str, int]]:
    """Service, port name, port: all endpoints that a process may call in the mesh."""
    for service in SERVICES:
        yield service, "grpc", BASE[f"{service}-grpc"]
    yield "user", "http-admin", BASE["user-admin"]


def _protocol(port_name: str) -> str:
    return port_name.partition("-")[0].upper()


def _manifest(kind: str, name: str, spec: Manifest, namespace: str = NAMESPACE, version: str = _ISTIO) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
