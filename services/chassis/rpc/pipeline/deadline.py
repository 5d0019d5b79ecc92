"""The deadline of every call: the earlier of the contract's and the caller's. Then the handler is cancelled.

A stream that reaches its deadline ends with OK; the caller can open another one.
"""

from __future__ import annotations

import asyncio

from services.chassis.plain import deadlines
from services.chassis.plain.errors import DeadlineExceeded
from services.chassis.rpc.pipeline.exchange import Exchange, Step
from services.chassis.rpc.policy import MethodPolicyView
from services.chassis.rpc.time_limits import TimeLimits

_limits = TimeLimits()


def limit(method: MethodPolicyView, proceed: Step) -> Step:
    """Cancel the call at its deadline. A TimeoutError of the handler itself is not changed."""
    allowed = method.timeout

    async def limited(exchange: Exchange) -> bytes:
        callers = exchange.context.time_remaining()
        seconds = allowed if callers is None else min(allowed, callers)
        if seconds <= 0:
            raise DeadlineExceeded()
        exchange.deadline = asyncio.get_running_loop().time() + seconds
        deadlines.enter(exchange.deadline)
        limit = _limits.begin(exchange.deadline)
        try:
            return await proceed(exchange)
        except asyncio.CancelledError as cancelled:
            if limit.end():
                if exchange.messages:
                    return b""
                raise DeadlineExceeded() from cancelled
            raise
        finally:
            limit.end()

    return limited
