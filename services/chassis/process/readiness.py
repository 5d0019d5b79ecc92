"""Readiness: starts every resource, with retries, then checks it periodically.

The service is SERVING once all required resources have started, and while their checks succeed. An optional or impaired
resource that fails is only listed in `failing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from services.chassis.plain import backoff, cancellation, logs, transient
from services.chassis.process.resource import Impaired, Resource

_log = structlog.get_logger()

_CHECK_EVERY = 2.0
_CHECK_TIMEOUT = 2.0
_FAILURES_THAT_COUNT = 2
"""So many consecutive failed checks are an outage. A single one may be transient."""


@dataclass(eq=False)
class _Watched:
    resource: Resource
    required: bool
    started: bool = False
    failures: int = 0
    impaired: bool = False
    """Whether the last check raised Impaired."""
    last_logged: tuple[str, bool] = ("", False)
    """The last error, and whether absence was expected at that time."""

    @property
    def failing(self) -> bool:
        return not self.started or self.failures >= _FAILURES_THAT_COUNT


class Readiness:
    """Starts and checks the resources of one process."""

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._all: list[_Watched] = []
        self._opened = False
        self._closed = False
        self.all_started = asyncio.Event()
        """Set when every resource has started, required or not."""

    def add(self, resource: Resource, *, required: bool) -> None:
        """Add a resource. Call before `run`. Raises ValueError for a name that is in use."""
        if any(watched.resource.name == resource.name for watched in self._all):
            raise ValueError(f"there is a resource named {resource.name} already")
        self._all.append(_Watched(resource, required))

    @property
    def opened(self) -> bool:
        """Whether every required resource has started: from then on calls are answered."""
        return self._opened

    @property
    def serving(self) -> bool:
        """Whether the service is SERVING."""
        return (
            self._opened
            and not self._closed
            and not any(w.required and w.failing and not w.impaired for w in self._all)
        )

    @property
    def failing(self) -> list[str]:
        """The names of the resources that are unavailable or impaired."""
        return [watched.resource.name for watched in self._all if watched.failing]

    async def run(self) -> None:
        """Start all resources concurrently, then check them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for watched in self._all:
                tasks.create_task(self._keep(watched), name=f"resource-{watched.resource.name}")
            self._started_one_more()

    def close(self) -> None:
        """Set NOT_SERVING for good."""
        self._closed = True

    async def stop_all(self, at_most: float) -> None:
        """Stop every resource in reverse order, `at_most` seconds each. Errors are logged, not raised."""
        for watched in reversed(self._all):
            try:
                async with asyncio.timeout(at_most):
                    await watched.resource.stop()
            except Exception as error:
                _log.error("resource_did_not_stop", resource=watched.resource.name, exc_info=error)

    async def _keep(self, watched: _Watched) -> None:
        await self._start(watched)
        while True:
            await asyncio.sleep(_CHECK_EVERY)
            await self._check(watched)

    async def _start(self, watched: _Watched) -> None:
        for delay in backoff.delays(first=0.2, most=5.0):
            try:
                await watched.resource.start()
            except (Exception, asyncio.CancelledError) as error:
                if cancellation.is_own():
                    raise
                self._log_change(watched, "waiting_for_resource", error)
                await asyncio.sleep(delay)
            else:
                break
        watched.started = True
        self._log_change(watched, "resource_started", None)
        self._started_one_more()

    def _started_one_more(self) -> None:
        if not self._opened and all(watched.started for watched in self._all if watched.required):
            self._opened = True
        if all(watched.started for watched in self._all):
            self.all_started.set()
        self._on_change(self.serving)

    async def _check(self, watched: _Watched) -> None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                await watched.resource.check()
        except (Exception, asyncio.CancelledError) as error:
            if cancellation.is_own():
                raise
            watched.failures += 1
            watched.impaired = isinstance(error, Impaired)
            if watched.failing:
                self._log_change(watched, "resource_impaired" if watched.impaired else "resource_away", error)
        else:
            watched.failures = 0
            watched.impaired = False
            self._log_change(watched, "resource_back", None)
        self._on_change(self.serving)

    @staticmethod
    def _log_change(watched: _Watched, event: str, error: BaseException | None) -> None:
        """Log changes only, not every attempt."""
        text = transient.reason(error) if error else ""
        now = (text, error is not None and logs.absence_is_expected())
        if now != watched.last_logged or event == "resource_started":
            watched.last_logged = now
            if error:
                logs.absence(event, resource=watched.resource.name, error=text)
            else:
                _log.info(event, resource=watched.resource.name)
