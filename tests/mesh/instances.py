"""More instances of a service, controlled by a test: light ones that end mutual TLS themselves, without sidecars."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from local.ports import BASE
from local.stack import Stack
from mesh.overlay import workload_entry
from mesh.pods import PODS, Pod
from tests.mesh.envoys import hosts
from tests.mesh.lab import Lab, until

FAILURE = (grpc.StatusCode.UNAVAILABLE, "this instance fails")
NO_RPC = "/argosy.lab.v1.NoService/NoRpc"
"""What no contract has: sent once, for 5 s at most; a light instance answers it, a real one's sidecar refuses it."""
_NUMBERS = itertools.cycle(range(10, 250))
Answer = Callable[[grpc.ServicerContext], bytes]


def fail(context: grpc.ServicerContext) -> bytes:
    """The instance is broken."""
    context.abort(*FAILURE)
    raise AssertionError("abort raises")


def serve(_: grpc.ServicerContext) -> bytes:
    """The instance answers."""
    return b""


class Instance(grpc.GenericRpcHandler):  # type: ignore[misc]
    """One instance of a service, at an address of its own, with the service's own certificate."""

    def __init__(self, pod: Pod, address: str, certificate: tuple[str, str, str], answer: Answer) -> None:
        self.pod = pod
        self.address = address
        self.arrived: Counter[str] = Counter()
        self.metadata: dict[str, dict[str, str]] = {}
        """Of each path's last call, as it came."""
        self._answer = answer
        chain, key, root = (Path(file).read_bytes() for file in certificate)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4), handlers=(self,))
        credentials = grpc.ssl_server_credentials([(key, chain)], root, require_client_auth=True)
        for port, _ in pod.serves.values():
            self._server.add_secure_port(f"{address}:{port}", credentials)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        """What gRPC asks for: the handler of a call."""
        path = handler_call_details.method
        self.arrived[path] += 1
        self.metadata[path] = dict(handler_call_details.invocation_metadata)
        return grpc.unary_unary_rpc_method_handler(lambda _, context: self._answer(context))


class Crowd:
    """So many instances of a service: the real one, and light ones beside it."""

    def __init__(self, stack: Stack, lab: Lab, service: str, caller: Pod) -> None:
        self.service = service
        self.caller = caller
        self._stack = stack
        self._lab = lab

    @contextlib.contextmanager
    def of(self, *answers: Answer) -> Iterator[Sequence[Instance]]:
        """One more instance for each answer, for a while."""
        certificate = self._lab.certificate_of(self.service)
        with contextlib.ExitStack() as running:
            made = [running.enter_context(Instance(*self._place(), certificate, answer)) for answer in answers]
            entries = [workload_entry(one.pod, one.address) for one in made]
            try:
                with self._lab.changed(*entries):
                    yield made
            finally:
                until(lambda: self._forgotten(made), f"the light instances of {self.service} are called for ever")

    def left_out(self, instance: Instance) -> bool:
        """Whether the caller's sidecar leaves an instance out for its failures."""
        return bool(self._status(instance).get("failed_outlier_check", False))

    def _forgotten(self, instances: Sequence[Instance]) -> bool:
        """Whether nobody would call them any more: whoever still did would meet a closed port."""
        port, gone = BASE[f"{self.service}-grpc"], {one.address for one in instances}
        return not any(gone & hosts(self._stack, pod, self.service, port).keys() for pod in self._lab.everybody())

    def _status(self, instance: Instance) -> dict[str, Any]:
        return hosts(self._stack, self.caller, self.service, BASE[f"{self.service}-grpc"]).get(instance.address, {})

    def _place(self) -> tuple[Pod, str]:
        """An instance of the service by its labels, at an address beside the real one's, which no other has."""
        number = next(_NUMBERS)
        real = PODS[self.service]
        grpc_port = {"grpc": (BASE[f"{self.service}-grpc"], 0)}
        pod = Pod(f"light-{self.service}-{number}", real.account, real.index, real.labels, grpc_port)
        return pod, pod.nth_address(self._stack, number)
