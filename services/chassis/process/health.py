"""gRPC's standard health service. The process and each of its proto services have the same status.

The service name `live` is for liveness probes: it is NOT_SERVING only if a restart helps.

Watch calls end when the service drains. Otherwise each drain would last its whole grace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_Status = health_pb2.HealthCheckResponse
LIVE = "live"


class Health:
    """The health service. NOT_SERVING until `set_serving(True)`, and after `close`."""

    def __init__(self, live: Callable[[], bool] = lambda: True) -> None:
        self._live = live
        self._known = {""}
        self._serving = False
        self._closed = False
        self._changed = asyncio.Event()

    def add(self, service: str) -> None:
        """Report this proto service (full name) too."""
        self._known.add(service)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register it with a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def set_serving(self, serving: bool) -> None:
        """Set the status. Without effect after `close`."""
        if self._closed or serving == self._serving:
            return
        self._serving = serving
        self._wake_watchers()

    def close(self) -> None:
        """Set NOT_SERVING for good, and end watches."""
        self._serving = False
        self._closed = True
        self._wake_watchers()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the rpc's name
        """The current status. NOT_FOUND for an unknown service."""
        if request.service == LIVE:
            return _Status(status=_Status.SERVING if self._live() else _Status.NOT_SERVING)
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _Status(status=self._status_of(request.service))

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - the rpc's name
        """The current status of all services."""
        return health_pb2.HealthListResponse(
            statuses={service: _Status(status=self._status_of(service)) for service in self._known}
        )

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the rpc's name
        """The current status, then every change."""
        sent = None
        while True:
            changed = self._changed
            status = self._status_of(request.service)
            if status != sent:
                await context.write(_Status(status=status))
                sent = status
            if self._closed:
                return
            await changed.wait()

    def _status_of(self, service: str) -> int:
        if service not in self._known:
            return int(_Status.SERVICE_UNKNOWN)
        return int(_Status.SERVING if self._serving else _Status.NOT_SERVING)

    def _wake_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
