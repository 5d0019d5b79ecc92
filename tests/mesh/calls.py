"""Calls through the mesh, and who may make which, read from the contract."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

import grpc

import argosy
from local.stack import Stack
from mesh.pods import Pod
from services.chassis.rpc import policy
from services.chassis.rpc.policy import ServicePolicyView

DENIED_BY_THE_MESH = (grpc.StatusCode.PERMISSION_DENIED, "RBAC: access denied")
HEALTH = "/grpc.health.v1.Health/Check"
_CALL_SECONDS = 20


@dataclass(frozen=True)
class Method:
    """One rpc: the service whose process answers it, and the workloads that may call it."""

    owner: str
    path: str
    callers: frozenset[str]


def methods() -> Iterator[Method]:
    """Every rpc of the contract, and of each service its health, which nobody asks through the mesh."""
    contract = list(_contract())
    for service in contract:
        for method in service.methods.values():
            yield Method(service.owner, method.path, frozenset(method.callers or {"edge"}))
    for owner in sorted({service.owner for service in contract}):
        yield Method(owner, HEALTH, frozenset())


def call(
    stack: Stack, caller: Pod, owner: str, path: str, seconds: float = _CALL_SECONDS
) -> tuple[grpc.StatusCode, str]:
    """Call through the caller's own sidecar, with an empty message; the status and its text."""
    with grpc.insecure_channel(caller.target(stack, owner)) as channel:
        return ask(channel, path, seconds)


def ask(channel: grpc.Channel, path: str, seconds: float = _CALL_SECONDS) -> tuple[grpc.StatusCode, str]:
    """Call with an empty message; the status and its text."""
    try:
        channel.unary_unary(path)(b"", timeout=seconds)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def _contract() -> Iterator[ServicePolicyView]:
    for module in pkgutil.walk_packages(argosy.__path__, "argosy."):
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(module.name).DESCRIPTOR
            yield from map(policy.read, descriptor.services_by_name.values())
