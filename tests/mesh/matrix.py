"""Every workload and every rpc: whether an answer is what the contract allows."""

from collections.abc import Iterable

import grpc

from local.stack import Stack
from mesh.pods import Pod
from tests.mesh.calls import DENIED_BY_THE_MESH, Method, call, methods

METHODS = tuple(methods())
NOBODY_ANSWERED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN)


def wrong_pairs(stack: Stack, caller: Pod, of: Iterable[Method] = METHODS) -> list[str]:
    """Calls every method; what is let in and should not be, or the other way round."""
    answers = {method: call(stack, caller, method.owner, method.path) for method in of}
    return [
        f"{caller.name} → {method.path}: {answer}"
        for method, answer in answers.items()
        if not as_contracted(caller.name, method, answer)
    ]


def as_contracted(caller: str, method: Method, answer: tuple[grpc.StatusCode, str]) -> bool:
    """Whether an answer is what the contract allows: refused by the mesh, or an answer of the service itself."""
    if caller in method.callers:
        return answer != DENIED_BY_THE_MESH and answer[0] not in NOBODY_ANSWERED
    return answer == DENIED_BY_THE_MESH
