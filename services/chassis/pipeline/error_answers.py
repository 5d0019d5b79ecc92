"""Exceptions → what the caller is told (errors.py says how), as trailing metadata that gRPC and the edge understand.

No initial metadata is sent before a failure, so that the answer is a single HTTP/2 header block: over REST,
`retry-after` becomes a response header like any other.
"""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import NoReturn

import grpc

from services.chassis import cancellation
from services.chassis.errors import Unavailable
from services.chassis.pipeline.exchange import Exchange, Step
from services.chassis.statuses import INTERNAL, Catalogue

_STATUS = "grpc-status-details-bin"
_RETRY_AFTER = "retry-after"


def tell(catalogue: Catalogue, proceed: Step) -> Step:
    """Turn whatever the call raises into its answer."""

    async def told(exchange: Exchange) -> bytes:
        try:
            return await proceed(exchange)
        except asyncio.CancelledError as cancelled:
            if cancellation.is_own():  # the client hung up, or a drain's grace is over
                raise
            failure: BaseException = cancelled
        except grpc.aio.AioRpcError as refusal:
            failure = _of_dependency(refusal)
        except Exception as error:
            failure = error
        return await _answer(exchange, catalogue, failure)  # raises what grpc.aio wants to see raised

    return told


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
    elif exchange.status is grpc.StatusCode.UNAVAILABLE:
        exchange.cause = failure.__cause__
    trailers = _trailers(status.SerializeToString(), catalogue.retry_after_of(failure))
    await exchange.context.abort(exchange.status, status.message, trailers)


def _trailers(status: bytes, retry_after: timedelta | None) -> tuple[tuple[str, str | bytes], ...]:
    if retry_after is None:
        return ((_STATUS, status),)
    return (_STATUS, status), (_RETRY_AFTER, str(max(1, math.ceil(retry_after.total_seconds()))))
