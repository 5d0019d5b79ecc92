"""OTLP over gRPC: acknowledges an export once its spans are stored."""

from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from local.traces.spans import kept
from local.traces.store import SpanStore

_LARGEST_MESSAGE = 64 * 1024 * 1024


class Receiver:
    """The TraceService of https://github.com/open-telemetry/opentelemetry-proto."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the rpc's name
        """Store the spans."""
        self._store.add(kept(request.resource_spans))
        return trace_service_pb2.ExportTraceServiceResponse()


def server(store: SpanStore, address: str) -> grpc.aio.Server:
    """A server that listens on the address once started. Raises RuntimeError if the address is taken."""
    made = grpc.aio.server(options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _LARGEST_MESSAGE)))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Receiver(store), made)  # type: ignore[no-untyped-call]
    made.add_insecure_port(address)
    return made
