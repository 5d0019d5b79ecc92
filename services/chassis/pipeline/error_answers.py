"""Exceptions → what the caller is told (errors.py says how), as trailing metadata that gRPC and the edge understand.

No initial metadata is sent before a failure, so that the answer is a single HTTP/2 header block: over REST,
`retry-after` becomes a response header like any other.
"""

from __future__ import annotations

import asyncio
import math
from typing import NoReturn

import grpc

from services.chassis import logs
from services.chassis.errors import INTERNAL, Catalogue, Unavailable
from services.chassis.pipeline.exchange import Exchange, Step

_STATUS = "grpc-status-details-bin"
_RETRY_AFTER = "retry-after"


def tell(catalogue: Catalogue, proceed: Step) -> Step:
    """Turn whatever the call raises into its answer."""

    async def told(exchange: Exchange) -> bytes:
        try:
            return await proceed(exchange)
        except asyncio.CancelledError as cancelled:
            if _is_hang_up():
                raise
            failure: BaseException = cancelled  # another task's cancellation leaked into this one: a bug of ours
        except grpc.aio.AioRpcError as refusal:
            failure = _of_dependency(refusal)
        except Exception as error:
            failure = error
        return await _answer(exchange, catalogue, failure)  # raises what grpc.aio wants to see raised

    return told


def _is_hang_up() -> bool:
    """Whether it was this call itself that was cancelled: by its client, or by the end of a drain."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _of_dependency(refusal: grpc.aio.AioRpcError) -> Unavailable:
    """A status of another service's that the use case did not expect is nothing that our caller could act on."""
    failure = Unavailable()
    failure.__cause__ = refusal
    return failure


async def _answer(exchange: Exchange, catalogue: Catalogue, failure: BaseException) -> NoReturn:
    fault = catalogue.fault_of(failure)
    status = catalogue.status_of(failure)
    exchange.status = (fault or INTERNAL).status
    exchange.reason = (fault or INTERNAL).reason
    if exchange.status is grpc.StatusCode.INTERNAL:
        exchange.failure = failure
    elif exchange.status is grpc.StatusCode.UNAVAILABLE and failure.__cause__ is not None:
        exchange.cause = _said_by(failure.__cause__)
    await exchange.context.abort(exchange.status, status.message, _trailers(status.SerializeToString(), failure))


def _said_by(cause: BaseException) -> str:
    if isinstance(cause, grpc.aio.AioRpcError):
        return f"{cause.code().name}: {logs.first_line(cause.details() or '')}"
    return logs.error_text(cause)


def _trailers(status: bytes, failure: BaseException) -> tuple[tuple[str, str | bytes], ...]:
    retry_after = getattr(failure, "retry_after", None)
    if retry_after is None:
        return ((_STATUS, status),)
    return (_STATUS, status), (_RETRY_AFTER, str(max(1, math.ceil(retry_after.total_seconds()))))
