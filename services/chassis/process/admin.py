"""The admin port: HTTP for probes, scrapers and keys. GET only; the edge does not route to it.

/health   200 {"status": "SERVING", ...} or 503 {"status": "NOT_SERVING", ...}; `failing` lists unavailable resources
/live     200, or 503 if only a restart helps
/metrics  Prometheus
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from services.chassis.process.readiness import Readiness

disable_created_metrics()  # type: ignore[no-untyped-call]  # `_created` series double the number and are not used

Handler = Callable[[web.Request], Awaitable[web.Response]]
LiveCheck = Callable[[], None]


class Admin:
    """The admin port of one process."""

    def __init__(self, service: str, readiness: Readiness) -> None:
        self._service = service
        self._readiness = readiness
        self._live_checks: dict[str, LiveCheck] = {}
        self._app = web.Application()
        self._runner = web.AppRunner(self._app, access_log=None)
        self.route("/health", self._health)
        self.route("/live", self._live)
        self.route("/metrics", self._metrics)

    def route(self, path: str, handler: Handler) -> None:
        """Add a GET route. Call before `start`."""
        self._app.router.add_get(path, handler)

    def live_check(self, name: str, check: LiveCheck) -> None:
        """Add a liveness check. It raises if only a restart helps."""
        self._live_checks[name] = check

    def stuck(self) -> list[str]:
        """The names of the failing liveness checks."""
        return [name for name, check in self._live_checks.items() if not _passes(check)]

    async def start(self, host: str, port: int) -> int:
        """Listen and return the bound port. Raises OSError if it is in use."""
        await self._runner.setup()
        listening = listener(host, port)
        await web.SockSite(self._runner, listening).start()
        bound: int = listening.getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        serving = self._readiness.serving
        answer = {
            "status": "SERVING" if serving else "NOT_SERVING",
            "service": self._service,
            "failing": self._readiness.failing,
        }
        return web.json_response(answer, status=200 if serving else 503)

    async def _live(self, _request: web.Request) -> web.Response:
        stuck = self.stuck()
        return web.json_response({"service": self._service, "stuck": stuck}, status=503 if stuck else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def listener(host: str, port: int) -> socket.socket:
    """A listening socket. At `::` it is dual-stack like gRPC's; asyncio would bind IPv6 only."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, dualstack_ipv6=host == "::")


def _passes(check: LiveCheck) -> bool:
    try:
        check()
    except Exception:  # any exception means failure
        return False
    return True
