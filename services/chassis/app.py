"""The app: one service's process, from start to drain. A service's `__main__.py` wires it.

Start: binds both ports at once. Until every required resource has started, health is NOT_SERVING and calls fail with
UNAVAILABLE. Background tasks start when all resources have started.

Drain, on SIGTERM or SIGINT, in this order:

1. Health becomes NOT_SERVING, and the app waits for the edge to notice.
2. Streams end with UNAVAILABLE, so that callers reconnect to another replica.
3. New calls are refused; calls in flight may finish.
4. Background tasks are cancelled.
5. Resources stop, in reverse order.

A second signal exits at once. SIGUSR1 has the process write on stderr what each thread is doing, also while it hangs.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from services.chassis import tracing
from services.chassis.plain import logs, shielded
from services.chassis.process import admin, background, health
from services.chassis.process.readiness import Readiness
from services.chassis.process.resource import Resource
from services.chassis.process.settings import CommonSettings, refuse
from services.chassis.rpc import client, policy, reflection, server
from services.chassis.rpc.contract import ContractError
from services.chassis.rpc.jwks import Jwks
from services.chassis.rpc.pipeline import Parts
from services.chassis.rpc.revocations import Revocations
from services.chassis.rpc.service_tokens import KeyFileError, ServiceTokenSigner, ServiceTokenVerifier, read_private_key
from services.chassis.rpc.statuses import Catalogue
from services.chassis.rpc.streams import Streams
from services.chassis.rpc.user_tokens import KeySource, UserTokens

R = TypeVar("R", bound=Resource)
Stub = TypeVar("Stub")

_STOP_AT_MOST = 5.0
"""Timeout for stopping one resource, in seconds."""
_FLUSH_AT_MOST = 3.0
"""Timeout for exporting the last spans, in seconds."""

_log = structlog.get_logger()


class App:
    """One service's process. Add everything before `run`."""

    def __init__(self, name: str, settings: CommonSettings, user_keys: KeySource | None = None) -> None:
        """Create the app.

        `user_keys` provides the public keys of user tokens. Default: they are fetched from JWKS_URL, which is a
        required resource. Exits with 2 if a key file or a setting is invalid.
        """
        self.name = name
        self.grpc_port = 0
        self.admin_port = 0
        self._settings = settings
        self._health = health.Health(live=lambda: not self._admin.stuck())
        self._readiness = Readiness(self._health.set_serving)
        self._admin = admin.Admin(name, self._readiness)
        self._background = background.Background()
        self._in_flight = server.InFlight()
        self._streams = Streams()
        self._served: list[tuple[ServiceDescriptor, object]] = []
        self._user_tokens = UserTokens(user_keys or self.add(Jwks(_jwks_url(settings))))
        self.revocations = self.add(Revocations(settings.brokers, settings.revocations_patience_seconds))
        """The revoked sessions. Calls with their tokens are refused."""
        try:
            self._service_tokens = ServiceTokenVerifier(name, settings.service_keys_file)
            self._signer = ServiceTokenSigner(name, read_private_key(settings.service_key_file))
        except KeyFileError as error:
            refuse(f"SERVICE_KEY_FILE or SERVICE_KEYS_FILE: {error}")

    def add(self, resource: R, *, required: bool = True) -> R:
        """Start, check and stop a resource with the service. Returns the resource.

        `required=False`: the service is SERVING also while the resource is unavailable.
        """
        self._readiness.add(resource, required=required)
        return resource

    def client(self, stub: Callable[[Any], Stub], service: ServiceDescriptor, target: str) -> Stub:
        """A stub for another service of ours at `target` (host:port). Call it only after the app has started."""
        return stub(self.add(client.ServiceChannel(target, policy.read(service), self._signer)))

    def serve(self, service: ServiceDescriptor, handler: object) -> None:
        """Serve a proto service: `handler` has one `async def RpcName(self, request, call)` for each of its rpcs.

        Raises:
            ContractError: the contract is incomplete, or belongs to another service.
            HandlerError: the handler does not match the contract.
        """
        contract = policy.read(service)
        if contract.owner != self.name:
            raise ContractError(f"{service.full_name} belongs to {contract.owner}, not to {self.name}")
        server.methods_of(contract, handler)
        self._health.add(service.full_name)
        self._served.append((service, handler))

    def background(self, name: str, run: background.Run) -> None:
        """Run a background task after all resources have started. It is restarted after a failure, until the drain."""
        self._background.add(name, run)

    def live_check(self, name: str, check: admin.LiveCheck) -> None:
        """Add a liveness check. While it raises, /live answers 503."""
        self._admin.live_check(name, check)

    def admin_route(self, path: str, handler: admin.Handler) -> None:
        """Add a GET route to the admin port."""
        self._admin.route(path, handler)

    def run(self, catalogue: Catalogue) -> None:
        """Start, serve and drain. Blocks until the process has drained after a signal."""
        logs.configure(self.name, self._settings.log_level)
        tracing.configure(self.name, self._settings)
        faulthandler.register(signal.SIGUSR1)
        gc.freeze()  # excludes modules and classes from later collections: they are never freed
        try:
            uvloop.run(self._run_until_signalled(catalogue))
        except OSError as error:
            _log.error("not_started", error=logs.error_text(error))
            raise SystemExit(1) from None

    async def run_until(self, catalogue: Catalogue, stop: asyncio.Event) -> None:
        """`run` inside a running loop, until `stop` is set. Raises OSError if a port is in use."""
        grpc_server = self._bind(catalogue)
        self.grpc_port = server.listen(grpc_server, self._settings.host, self._settings.grpc_port)
        self.admin_port = await self._admin.start(self._settings.host, self._settings.admin_port)
        await grpc_server.start()
        _log.info("listening", grpc_port=self.grpc_port, admin_port=self.admin_port)
        resources = asyncio.create_task(self._readiness.run(), name="readiness")
        background_start = asyncio.create_task(self._start_background(), name="start-background")
        callers = asyncio.create_task(self._streams.watch_callers(), name="stream-callers")
        try:
            await stop.wait()
        finally:
            await self._drain(grpc_server, [resources, background_start, callers])

    async def _run_until_signalled(self, catalogue: Catalogue) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _on_signal, number, stop)
        await self.run_until(catalogue, stop)

    def _bind(self, catalogue: Catalogue) -> grpc.aio.Server:
        contracts = [policy.read(service) for service, _ in self._served]
        grpc_server = server.create(contracts)
        parts = Parts(
            catalogue=catalogue,
            is_open=lambda: self._readiness.opened,
            verify_user=self.revocations.guard(self._user_tokens.verify),
            verify_service=self._service_tokens.verify,
            streams=self._streams,
        )
        public: list[ServiceDescriptor] = []
        for contract, (service, handler) in zip(contracts, self._served, strict=True):
            server.bind(grpc_server, contract, handler, parts, self._in_flight)
            if not contract.is_internal:
                public.append(service)
        self._health.add_to(grpc_server)
        reflection.serve(grpc_server, public)
        return grpc_server

    async def _start_background(self) -> None:
        await self._readiness.all_started.wait()
        self._background.start()
        _log.info("started")

    async def _drain(self, grpc_server: grpc.aio.Server, starting: list[asyncio.Task[None]]) -> None:
        _log.info("draining")
        self._readiness.close()
        self._health.close()
        if self._readiness.opened:
            await asyncio.sleep(self._settings.drain_settle_seconds)
        await self._finish_calls(grpc_server)
        await self._background.stop()
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        await self._readiness.stop_all(at_most=_STOP_AT_MOST)
        await self._admin.stop()
        await tracing.active().finish(at_most=_FLUSH_AT_MOST)
        _log.info("drained")

    async def _finish_calls(self, grpc_server: grpc.aio.Server) -> None:
        """End streams, refuse new calls. Cancel calls in flight after the grace, then wait for their cleanup."""
        self._streams.close()
        grace = self._settings.drain_grace_seconds
        ends = asyncio.get_running_loop().time() + grace
        await grpc_server.stop(grace)
        try:
            async with asyncio.timeout(_STOP_AT_MOST):
                await self._in_flight.none()
        except TimeoutError:
            _log.error("calls_did_not_end")
        await shielded.finish(at_most=max(_STOP_AT_MOST, ends - asyncio.get_running_loop().time()))


def _on_signal(number: int, stop: asyncio.Event) -> None:
    if stop.is_set():
        _log.warning("exiting_at_once", signal=signal.Signals(number).name)
        os._exit(128 + number)
    stop.set()


def _jwks_url(settings: CommonSettings) -> str:
    if settings.jwks_url is None:
        refuse("JWKS_URL: Field required")
    return settings.jwks_url
