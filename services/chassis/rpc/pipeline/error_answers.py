"""Converts exceptions to gRPC statuses (statuses.py), with details in the trailing metadata.

A failed call sends no initial metadata, so that the response is a single HTTP/2 header block. That way, `retry-after`
becomes a response header over REST.
"""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import NoReturn

import grpc

from services.chassis.plain import cancellation
from services.chassis.plain.errors import Unavailable
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.statuses import INTERNAL, Catalogue

_STATUS = "grpc-status-details-bin"
_RETRY_AFTER = "retry-after"


def convert(catalogue: Catalogue, proceed: Step) -> Step:
    """Convert exceptions of the call to its status."""

    async def converted(exchange: Exchange) -> bytes:
        try:
            return await proceed(exchange)
        except asyncio.CancelledError as cancelled:
            if cancellation.is_own():  # the client disconnected, or the drain's grace is over
                raise
            failure: BaseException = cancelled
        except grpc.aio.AioRpcError as refusal:
            failure = _of_dependency(refusal)
        except Exception as error:
            failure = error
        return await _answer(exchange, catalogue, failure)  # raises grpc.aio's AbortError

    return converted


def _of_dependency(refusal: grpc.aio.AioRpcError) -> Unavailable:
    """An unhandled error of a call to another service: UNAVAILABLE, because our caller cannot act on its reason."""
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
    elif exchange.status is grpc.StatusCode.UNAVAILABLE:
        exchange.cause = failure.__cause__
    trailers = _trailers(status.SerializeToString(), catalogue.retry_after_of(failure))
    await exchange.context.abort(exchange.status, status.message, trailers)


def _trailers(status: bytes, retry_after: timedelta | None) -> tuple[tuple[str, str | bytes], ...]:
    if retry_after is None:
        return ((_STATUS, status),)
    return (_STATUS, status), (_RETRY_AFTER, str(max(1, math.ceil(retry_after.total_seconds()))))
