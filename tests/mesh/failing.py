"""An instance of a service that fails every call, and counts them."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2

from local.mesh.pods import PODS, Pod
from local.ports import BASE, HOST
from tests.mesh.calls import HEALTH

FAILURE = (grpc.StatusCode.UNAVAILABLE, "this instance fails")


class FailingInstance(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers UNAVAILABLE to everything but the question of its health: the edge is to keep calling it."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8), handlers=(self,))
        self.port = int(self._server.add_insecure_port(f"{HOST}:0"))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()

    def pod(self, service: str, index: int) -> Pod:
        """One more instance of a service, served by this."""
        port = BASE[f"{service}-grpc"]
        return replace(PODS[service], name=f"failing-{service}", index=index, serves={"grpc": (port, self.port)})

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        """What gRPC asks for: the handler of a call."""
        return grpc.unary_unary_rpc_method_handler(self._answer(handler_call_details.method))

    def _answer(self, path: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            if path == HEALTH:
                serving = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
                return bytes(serving.SerializeToString())
            self.arrived[path] += 1
            context.abort(*FAILURE)
            raise AssertionError("abort raises")

        return answer
