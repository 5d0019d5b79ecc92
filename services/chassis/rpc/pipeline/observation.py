"""One log line and one measurement for each call, with any outcome. They never contain a body or a token.

A stream is logged at its end, with the number of messages. It is counted like every call, but is not in the histogram,
because its duration is not a latency.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import structlog
from prometheus_client import Counter, Histogram

from services.chassis.plain import logs, trace_context
from services.chassis.rpc.call import Service, User, request_id_of
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView

_log = structlog.get_logger()

DURATION = Histogram(
    "http_request_duration_seconds",
    "Duration of calls in seconds.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
CALLS = Counter("argosy_calls_total", "Calls by rpc, gRPC status and client app.", ["rpc", "code", "client_app"])
REFUSED = Counter("argosy_calls_refused_total", "Calls refused over a limit, by rpc and reason.", ["rpc", "reason"])

# gRPC status → HTTP status, as the edge's transcoder maps it.
HTTP_STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_WARNINGS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_FIELDS = ("duration_ms", "caller", "client_app", "request_id")
_CLOCK_SKEW = 0.1
"""Seconds. The client measures its deadline from a slightly earlier start than we do."""


def observe(method: MethodPolicyView, proceed: Step) -> Step:
    """Measure, log and count the call."""
    record = _Recorder(method)

    async def observed(exchange: Exchange) -> bytes:
        trace_context.enter(exchange.traceparent)
        started = time.perf_counter()
        try:
            return await proceed(exchange)
        except asyncio.CancelledError:
            exchange.status = _why_cancelled(exchange)
            raise
        finally:
            record(exchange, time.perf_counter() - started)

    return observed


class _Recorder:
    """Logs and measures the calls of one method."""

    def __init__(self, method: MethodPolicyView) -> None:
        self._method = method
        self._ok = _Outcome(method, grpc.StatusCode.OK)
        self._failed: dict[grpc.StatusCode, _Outcome] = {}
        self._fields = (*_FIELDS, "messages") if method.streams else _FIELDS
        self._success = logs.Line("call", {"rpc": method.path, "code": self._ok.code}, (*self._fields, "trace_id"))

    def __call__(self, exchange: Exchange, seconds: float) -> None:
        outcome = self._outcome(exchange.status)
        outcome.measure(seconds, exchange.client_app)
        if exchange.status is grpc.StatusCode.RESOURCE_EXHAUSTED:
            REFUSED.labels(self._method.path, exchange.reason).inc()
        about = self._about(exchange, seconds)
        if outcome is self._ok:
            self._success.write(*about, trace_context.trace_id(exchange.traceparent))
        else:
            line = dict(zip(self._fields, about, strict=True))
            _log_failure(exchange, {"rpc": self._method.path, "code": outcome.code, **line})

    def _about(self, exchange: Exchange, seconds: float) -> tuple[str | float | None, ...]:
        about = (
            int(seconds * 100_000) / 100,
            _name_of(exchange.caller),
            exchange.client_app,
            request_id_of(exchange.metadata, exchange.traceparent),
        )
        return (*about, exchange.messages) if self._method.streams else about

    def _outcome(self, status: grpc.StatusCode) -> _Outcome:
        if status is grpc.StatusCode.OK:  # hashing an enum is slow
            return self._ok
        outcome = self._failed.get(status)
        if outcome is None:
            outcome = self._failed[status] = _Outcome(self._method, status)
        return outcome


class _Outcome:
    """The metrics of one method and one status. Caches the labelled series."""

    def __init__(self, method: MethodPolicyView, status: grpc.StatusCode) -> None:
        http = 201 if status is grpc.StatusCode.OK and method.creates else HTTP_STATUS[status]
        self.code = status.name
        self._path = method.path
        of_rest = (method.verb or "GRPC", method.route or method.path)  # an internal rpc has neither
        self._duration = None if method.streams else DURATION.labels(*of_rest, http)
        self._calls: dict[str, Counter] = {}

    def measure(self, seconds: float, client_app: str) -> None:
        """Count one call."""
        if self._duration is not None:
            self._duration.observe(seconds)
        calls = self._calls.get(client_app)
        if calls is None:
            calls = self._calls[client_app] = CALLS.labels(self._path, self.code, client_app)
        calls.inc()


def _log_failure(exchange: Exchange, line: dict[str, Any]) -> None:
    if exchange.reason:
        line["reason"] = exchange.reason
    if exchange.cause is not None:
        line["cause"] = _text_of(exchange.cause)
    if exchange.failure is not None:
        _log.error("call", exc_info=exchange.failure, **line)
    elif exchange.status in _WARNINGS:
        _log.warning("call", **line)
    else:
        _log.info("call", **line)


def _text_of(cause: BaseException) -> str:
    if isinstance(cause, grpc.aio.AioRpcError):
        return f"{cause.code().name}: {logs.first_line(cause.details() or '')}"
    return logs.error_text(cause)


def _name_of(caller: User | Service | None) -> str | None:
    if isinstance(caller, User):
        return caller.id
    return f"service:{caller.name}" if caller is not None else None


def _why_cancelled(exchange: Exchange) -> grpc.StatusCode:
    """DEADLINE_EXCEEDED if the client's deadline is over, else CANCELLED: the client disconnected."""
    left = exchange.context.time_remaining()
    expired = left is not None and left < _CLOCK_SKEW
    return grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
