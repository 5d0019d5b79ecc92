"""gRPC's standard health service: one answer for the process and for each proto service that it serves.

`live` is a service name of its own: NOT_SERVING only when a restart helps, for a cluster's liveness probe.

It has a Watch that ends when the service drains; an endless one would hold every drain up for its whole grace.
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
    """What load balancers ask. NOT_SERVING until told otherwise, and from `close` on."""

    def __init__(self, live: Callable[[], bool] = lambda: True) -> None:
        self._live = live
        self._known = {""}
        self._serving = False
        self._closed = False
        self._changed = asyncio.Event()

    def add(self, service: str) -> None:
        """Answer for this proto service (full name) too."""
        self._known.add(service)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve it."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def tell(self, serving: bool) -> None:
        """Say from now on whether the service can be called. Without effect once closed."""
        if self._closed or serving == self._serving:
            return
        self._serving = serving
        self._wake_watchers()

    def close(self) -> None:
        """NOT_SERVING for good; watches end."""
        self._serving = False
        self._closed = True
        self._wake_watchers()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the rpc's name
        """How it is now. NOT_FOUND for a service that is not here."""
        if request.service == LIVE:
            return _Status(status=_Status.SERVING if self._live() else _Status.NOT_SERVING)
        if request.service not in self._known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _Status(status=self._status_of(request.service))

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - the rpc's name
        """How all of them are now."""
        return health_pb2.HealthListResponse(
            statuses={service: _Status(status=self._status_of(service)) for service in self._known}
        )

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the rpc's name
        """How it is now, then every change."""
        told = None
        while True:
            changed = self._changed
            status = self._status_of(request.service)
            if status != told:
                await context.write(_Status(status=status))
                told = status
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
