"""The parts of a mesh: those of a laptop, each calling through its sidecar; the sidecars; the control plane."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from local import topology
from local.credentials import Credentials
from local.health import answering_at
from local.part import Group, Part
from local.paths import PYTHON
from local.ports import HOST, SERVICES
from local.stack import Stack
from mesh.control_plane import control_plane
from mesh.pods import GATEWAY, PODS, Pod


def parts(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    """Every part of the mesh."""
    laptop = (
        in_the_mesh(stack, part, PODS[part.name]) if part.name in PODS else part
        for part in topology.parts(stack, secrets)
    )
    return (*laptop, *control_plane(stack), *(sidecar(stack, pod) for pod in (*PODS.values(), GATEWAY)))


def sidecar(stack: Stack, pod: Pod) -> Part:
    """The sidecar of one pod."""
    command = (str(PYTHON), "-m", "mesh.sidecar", pod.name)
    group = Group.EDGE if pod is GATEWAY else Group.SIDECARS
    name = pod.name if pod is GATEWAY else f"{pod.name}-sidecar"
    return Part(name, group, command, partial(_ready, pod), needs=("istiod",))


def in_the_mesh(stack: Stack, part: Part, pod: Pod) -> Part:
    """The part with the settings that its sidecar changes: addresses, upstreams, and features left to the mesh."""
    return replace(part, environment={**part.environment, **dict(_targets(stack, pod, part.environment))})


def _targets(stack: Stack, pod: Pod, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        if f"{service.upper()}_TARGET" in environment:
            yield f"{service.upper()}_TARGET", pod.target(stack, service)
    if "JWKS_URL" in environment and pod.account != "user":
        yield "JWKS_URL", pod.keys_url(stack)
    if pod.account == "edge":
        # As in its Deployment: the gateway sets the client address; the sidecar balances load and retries reads.
        yield from {"EDGE_TRUSTED_HOPS": "1", "EDGE_IN_MESH": "true"}.items()


def _ready(pod: Pod, stack: Stack) -> bool:
    """Whether its Envoy has its certificate and first configuration."""
    return answering_at(HOST, pod.admin_port(stack), "/ready")
